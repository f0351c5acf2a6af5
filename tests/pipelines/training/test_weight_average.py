"""The moving average against the recurrence written out for single numbers."""

import copy

import pytest
import torch
import toy_task

from pipelines.training.ema import WeightAverage


def test_against_a_loop_over_numbers():
    net = toy_task.network()
    average = WeightAverage({"net": net}, 0.9)
    expected = {n: p.detach().double().clone() for n, p in net.named_parameters()}
    for update in range(30):
        with torch.no_grad():
            for number, p in enumerate(net.parameters()):
                p.add_(0.1 * (number + 1) * (-1) ** update)
        net[1].running_mean.fill_(update)
        net[1].num_batches_tracked.fill_(update)
        average.update()
        # the decay rises from a tenth, so that the random start is forgotten
        decay = min(0.9, (1 + update) / (10 + update))
        for name, p in net.named_parameters():
            expected[name] = decay * expected[name] + (1 - decay) * p.detach().double()
    for name, found in average.modules["net"].named_parameters():
        assert torch.allclose(found.double(), expected[name], atol=1e-6), name
        assert not torch.equal(found, dict(net.named_parameters())[name])
        assert not found.requires_grad
    assert average.modules["net"][1].running_mean.eq(29).all()
    assert int(average.modules["net"][1].num_batches_tracked) == 29


def test_against_the_average_of_pytorch_once_the_start_is_forgotten():
    net = toy_task.network(plain=True)
    ours = WeightAverage({"net": net}, 0.5)
    theirs = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.5)
    )
    theirs.update_parameters(net)  # the first call copies
    for _ in range(60):
        with torch.no_grad():
            for p in net.parameters():
                p.add_(torch.randn_like(p))
        ours.update()
        theirs.update_parameters(net)
    pairs = zip(ours.modules["net"].parameters(), theirs.module.parameters(), strict=True)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in pairs)


def test_saved_and_taken_up_again():
    net = toy_task.network()
    first = WeightAverage({"net": net}, 0.99)
    for p in net.parameters():
        p.data.add_(1)
    first.update()
    second = WeightAverage({"net": toy_task.network()}, 0.99)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    assert second.updates == 1
    saved, taken = first.modules["net"].state_dict(), second.modules["net"].state_dict()
    assert all(torch.equal(saved[name], taken[name]) for name in saved)


@pytest.mark.parametrize("decay", [-0.1, 1.0, 2.0])
def test_a_decay_that_is_none(decay):
    with pytest.raises(ValueError, match="decay"):
        WeightAverage({}, decay)
