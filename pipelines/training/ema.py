"""An exponential moving average of weights, by which runs are judged and exported."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

WARM_UP = 10
"""The decay of update n is at most ``(1 + n) / (WARM_UP + n)``: the average forgets its start."""


class WeightAverage:
    """Averages of some modules: ``average = decay * average + (1 - decay) * weights``.

    Buffers (statistics of normalisation) are copied. All tensors are updated in a few launches.
    """

    def __init__(self, modules: Mapping[str, nn.Module], decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay must lie in 0..1 (1 excluded), found {decay}")
        self.decay = decay
        self.updates = 0
        self._sources = dict(modules)
        self.modules = {
            name: copy.deepcopy(module).eval().requires_grad_(False)
            for name, module in modules.items()
        }

    @torch.no_grad()
    def update(self) -> None:
        """Take in the present weights."""
        decay = min(self.decay, (1 + self.updates) / (WARM_UP + self.updates))
        self.updates += 1
        for name, average in self.modules.items():
            source = self._sources[name]
            ours: list[torch.Tensor] = list(average.parameters())
            theirs: list[torch.Tensor] = list(source.parameters())
            if ours:
                torch._foreach_lerp_(ours, theirs, 1 - decay)
            for mine, other in zip(average.buffers(), source.buffers(), strict=True):
                mine.copy_(other)

    def state_dict(self) -> dict[str, Any]:
        """What ``load_state_dict`` takes."""
        weights = {name: module.state_dict() for name, module in self.modules.items()}
        return {"updates": self.updates, "weights": weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take a saved average up again."""
        self.updates = int(state["updates"])
        for name, module in self.modules.items():
            module.load_state_dict(state["weights"][name])
