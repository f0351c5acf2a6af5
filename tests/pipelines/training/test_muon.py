"""Muon beside a task's own optimizer, against the singular values of NumPy and against Adam."""

import copy

import numpy as np
import pytest
import torch
import toy_task
from torch import nn

from pipelines.errors import ConfigError
from pipelines.training import muon
from pipelines.training.muon import MuonBeside
from pipelines.training.settings import LoopSettings

RATE = 0.01


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 24, 3),
        nn.GroupNorm(8, 24),
        nn.ReLU(),
        nn.Conv2d(24, 32, 3),
        nn.Conv2d(32, 2, 1),
    )


def adam(network):
    return torch.optim.Adam(network.parameters(), RATE, betas=(0.5, 0.999))


def give_gradients(network, seed=1):
    torch.manual_seed(seed)
    loss = network(torch.randn(2, 3, 12, 12)).square().mean()
    network.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in network.named_parameters()}


def test_a_convolution_moves_along_the_singular_vectors_of_its_gradient(network):
    optimizer = MuonBeside(adam(network))
    network[3].weight.grad = torch.randn(network[3].weight.shape)
    gradient = network[3].weight.grad.flatten(1).double().numpy()
    before = network[3].weight.detach().clone()
    optimizer.step()
    moved = (before - network[3].weight.detach()).flatten(1).double().numpy()
    left, values, right = np.linalg.svd(gradient, full_matrices=False)
    turned = left.T @ moved @ right.T
    size = RATE * 0.2 * np.sqrt(max(moved.shape))
    along = np.diag(turned) / size
    assert values.max() > 1.5 * values.min()
    assert ((along > 0.6) & (along < 1.3)).all(), "all about 1, whatever they were"
    beside = turned - np.diag(np.diag(turned))
    assert np.abs(beside).max() < 0.1 * size


def test_the_rest_moves_as_by_the_tasks_own_optimizer(network):
    plain = copy.deepcopy(network)
    mixed, own = MuonBeside(adam(network)), adam(plain)
    for seed in range(3):
        gradients = give_gradients(network, seed)
        mixed.step()
        for name, parameter in plain.named_parameters():
            parameter.grad = gradients[name]
        own.step()
    moved = dict(network.named_parameters())
    same = {n for n, p in plain.named_parameters() if torch.equal(p, moved[n])}
    assert same == {n for n in moved if n not in ("0.weight", "3.weight")}


def test_the_order_in_memory_changes_nothing(network):
    other = copy.deepcopy(network).to(memory_format=torch.channels_last)
    for one in (network, other):
        optimizer = MuonBeside(adam(one))
        give_gradients(one)
        optimizer.step()
    assert not other[3].weight.is_contiguous()
    for ours, theirs in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=0.02 * RATE)


@pytest.mark.parametrize("native", [True, False])
def test_it_moves_as_torchs_own(monkeypatch, native):
    monkeypatch.setattr(muon, "_slow_in_bf16", lambda device: not native)
    torch.manual_seed(0)
    shapes = ((24, 60), (60, 24), (32, 32), (16, 300))
    ours, theirs = ([nn.Parameter(torch.ones(shape)) for shape in shapes] for _ in range(2))
    own = MuonBeside(torch.optim.SGD(ours, RATE))
    torchs = torch.optim.Muon(theirs, RATE, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
    for _ in range(3):
        for a, b in zip(ours, theirs, strict=True):
            a.grad = torch.randn(a.shape)
            b.grad = a.grad.clone()
        own.step()
        torchs.step()
        for a, b in zip(ours, theirs, strict=True):
            moved, wanted = (x.detach() - 1 for x in (a, b))
            assert (moved - wanted).norm() < 0.02 * wanted.norm()


@pytest.mark.parametrize("decades", [0, 2, 4])
def test_a_matrix_with_many_columns_is_iterated_by_its_square(decades):
    """However far apart its singular values are."""
    torch.manual_seed(0)
    scales = torch.logspace(0, -decades, 48)
    matrix = torch.linalg.qr(torch.randn(48, 48))[0] * scales @ torch.randn(48, 300)
    small = matrix / matrix.norm()
    wanted = muon._iterated(small.double())
    assert (muon._turned(small).double() - wanted).norm() < 1e-3 * wanted.norm()


def test_learning_rates_are_the_groups_of_the_moment(network):
    optimizer = MuonBeside(adam(network))
    give_gradients(network)
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    before = [p.detach().clone() for p in network.parameters()]
    optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))


class Wide(toy_task.BrightPixels):
    """With a weight that is large enough."""

    def modules(self):
        return {
            "net": nn.Sequential(
                nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 2, 1)
            )
        }


def test_a_resumed_run_is_the_run(tmp_path, check_resume, last_state):
    def train(out, **request):
        return toy_task.train(
            out, task=Wide(), loop={"optimizer": "muon", "log_every": 1}, **request
        )

    check_resume(train)
    assert set(last_state(tmp_path / "whole")["learner"]["optimizers"]["net"]) == {"muon", "rest"}


def test_an_unknown_optimizer_is_refused():
    with pytest.raises(ConfigError, match="own or muon"):
        LoopSettings(optimizer="sgd")
