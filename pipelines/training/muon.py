"""Muon for whatever has rows and columns, beside the optimizer that a task has for the rest.

Source: Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024), with the
step's size of Liu et al., "Muon is scalable for LLM training" (2025), so that learning rates are
those of Adam. Of a convolution the rows are its output channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

_LEAST_ROWS = 16
"""Heads of a few channels are left to the task's own optimizer."""


class MuonBeside(torch.optim.Optimizer):
    """Muon for the large weights of ``own``, a new optimizer of the task's kind for the rest."""

    def __init__(self, own: torch.optim.Optimizer) -> None:
        chosen, rest = [], []
        for group in own.param_groups:
            large = [parameter for parameter in group["params"] if _is_large(parameter)]
            small = [parameter for parameter in group["params"] if not _is_large(parameter)]
            chosen += [{"params": large, "lr": group["lr"]}] if large else []
            rest += [{**group, "params": small}] if small else []
        super().__init__([*chosen, *rest], {})
        self._seen = [(p, nn.Parameter(_rows(p.detach()))) for g in chosen for p in g["params"]]
        views = iter(view for _, view in self._seen)
        groups = [{**g, "params": [next(views) for _ in g["params"]]} for g in chosen]
        self._parts: dict[str, torch.optim.Optimizer] = {}
        if chosen:
            self._parts["muon"] = torch.optim.Muon(
                groups, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"
            )
        if rest:
            kind: Any = type(own)
            self._parts["rest"] = kind([dict(group) for group in rest])

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # no loss to give
        """Take a step by the gradients and learning rates that the groups have now."""
        for parameter, view in self._seen:
            view.grad = None if parameter.grad is None else _rows(parameter.grad, parameter)
        inner = [group for part in self._parts.values() for group in part.param_groups]
        for group, own in zip(inner, self.param_groups, strict=True):
            group["lr"] = own["lr"]
        for part in self._parts.values():
            part.step()
        for _, view in self._seen:
            view.grad = None

    def state_dict(self) -> dict[str, Any]:
        """Those of both."""
        return {name: part.state_dict() for name, part in self._parts.items()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take saved states up again. Raises ``KeyError`` or ``ValueError`` for another's."""
        for name, part in self._parts.items():
            part.load_state_dict(state_dict[name])


def _is_large(parameter: Tensor) -> bool:
    return parameter.ndim >= 2 and min(len(parameter), parameter[0].numel()) >= _LEAST_ROWS


def _rows(values: Tensor, like: Tensor | None = None) -> Tensor:
    """As a matrix; of a parameter itself, in whatever order it lies in memory, not a copy."""
    like = values if like is None else like
    if like.is_contiguous():
        return values.flatten(1)
    return values.movedim(1, -1).flatten(1)
