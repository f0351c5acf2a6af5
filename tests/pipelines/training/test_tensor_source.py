"""Batches are the same wherever the data lie."""

import pytest
import torch

from pipelines import device as devices
from pipelines.training import sources
from pipelines.training.sources import TensorSource

CPU = torch.device("cpu")


@pytest.fixture
def tensors():
    numbers = torch.arange(24, dtype=torch.uint8)
    return {"picture": numbers.reshape(6, 2, 2), "id": torch.arange(6)}


def test_batches_are_the_rows_asked_for_in_order(tensors):
    source = TensorSource(tensors, CPU)
    wanted = [torch.tensor([4, 0]), torch.tensor([5, 5, 1])]
    batches = list(source.batches(iter(wanted)))
    for batch, indices in zip(batches, wanted, strict=True):
        assert batch["id"].tolist() == indices.tolist()
        assert batch["picture"].dtype == torch.uint8
        rows = tensors["picture"].numpy()[indices.numpy()]
        assert (batch["picture"].numpy() == rows).all()
    assert len(source) == 6


def test_batches_are_copies(tensors):
    source = TensorSource(tensors, CPU)
    source.gather(torch.tensor([0]))["picture"].fill_(99)
    assert source.gather(torch.tensor([0]))["picture"].max() == 3


def test_lengths_must_agree(tensors):
    with pytest.raises(ValueError, match="one length"):
        TensorSource({**tensors, "id": torch.arange(5)}, CPU)


@pytest.mark.parametrize(("free", "resident"), [(1000, True), (100, False), (None, True)])
def test_data_go_to_the_device_where_they_fit(monkeypatch, tensors, free, resident):
    monkeypatch.setattr(devices, "free_bytes", lambda device: free)
    assert sources.fits(tensors, CPU) is resident
    assert TensorSource(tensors, CPU).resident is resident


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_from_the_host_and_on_the_gpu_are_equal(tensors):
    gpu = torch.device("cuda")
    indices = torch.tensor([3, 1, 1])
    there = TensorSource(tensors, gpu, resident=True).gather(indices)
    sent = TensorSource(tensors, gpu, resident=False).gather(indices)
    for name in tensors:
        assert there[name].device == sent[name].device
        assert torch.equal(there[name], sent[name])
        assert torch.equal(there[name].cpu(), tensors[name][indices])


def test_kept_on_the_host_gives_the_same(tensors):
    indices = torch.tensor([3, 1, 1])
    there, sent = (TensorSource(tensors, CPU, resident=r).gather(indices) for r in (True, False))
    assert all(torch.equal(there[name], sent[name]) for name in tensors)
