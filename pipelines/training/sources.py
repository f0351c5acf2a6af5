"""Training examples held as tensors: on the device where they fit, else in the host's memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor

from pipelines import device as devices
from pipelines.training.task import Batch

SHARE_OF_FREE = 0.5
"""How much of a GPU's free memory the data may take; the rest is for the network."""


class TensorSource:
    """A whole data set as tensors whose first axis counts the examples (uint8, say).

    ``resident`` forces the tensors onto the device (True) or into the host's memory (False);
    None measures. From the host, batches are gathered into pinned memory and copied while the
    device computes. Either way the batches are the same.
    """

    def __init__(
        self, tensors: Mapping[str, Tensor], device: torch.device, *, resident: bool | None = None
    ) -> None:
        lengths = {name: len(tensor) for name, tensor in tensors.items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"tensors of one length wanted, found {lengths}")
        self.device = device
        self.resident = fits(tensors, device) if resident is None else resident
        place = device if self.resident else torch.device("cpu")
        self._tensors = {name: tensor.to(place) for name, tensor in tensors.items()}
        self._length = next(iter(lengths.values()))

    def __len__(self) -> int:
        """Number of examples."""
        return self._length

    def batches(self, indices: Iterable[Tensor]) -> Iterator[Batch]:
        """The batch of each int64 [B] tensor of indices, on the device."""
        for wanted in indices:
            yield self.gather(wanted)

    def gather(self, indices: Tensor) -> Batch:
        """One batch on the device."""
        if self.resident:
            where = indices.to(self.device)
            return {name: t.index_select(0, where) for name, t in self._tensors.items()}
        taken = {name: t.index_select(0, indices) for name, t in self._tensors.items()}
        if self.device.type == "cpu":
            return taken
        return {name: self._send(tensor) for name, tensor in taken.items()}

    def _send(self, tensor: Tensor) -> Tensor:
        pinned = tensor.pin_memory() if devices.can_pin(self.device) else tensor
        return pinned.to(self.device, non_blocking=True)


def fits(tensors: Mapping[str, Tensor], device: torch.device) -> bool:
    """Whether the tensors fit into the share of the device's free memory that they may take."""
    free = devices.free_bytes(device)
    size = sum(t.numel() * t.element_size() for t in tensors.values())
    return free is None or size <= SHARE_OF_FREE * free
