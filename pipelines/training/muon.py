"""Muon for whatever has rows and columns, beside the optimizer that a task has for the rest.

Source: Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024), with the
step's size of Liu et al., "Muon is scalable for LLM training" (2025), so that learning rates are
those of Adam. Of a convolution the rows are its output channels. Not torch's own, which always
iterates in bfloat16: on a CPU without it a step of that takes many times as long as all the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from pipelines import device as devices

_LEAST_ROWS = 16
"""Heads of a few channels are left to the task's own optimizer."""
_MOMENTUM = 0.95
_COEFFICIENTS, _ITERATIONS = (3.4445, -4.7750, 2.0315), 5
_RMS = 0.2
"""Root mean square of a step of Adam, in learning rates."""
_TINY = 1e-7


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
            self._parts["muon"] = _Muon(groups)
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


class _Muon(torch.optim.Optimizer):
    """Nesterov's momentum, made orthogonal, of matrices."""

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        super().__init__(groups, {})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # no loss to give
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                state = self.state[matrix]
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = torch.zeros_like(matrix.grad)
                momentum = state["momentum_buffer"].lerp_(matrix.grad, 1 - _MOMENTUM)
                update = orthogonal(matrix.grad.lerp(momentum, _MOMENTUM))
                matrix.sub_(update, alpha=group["lr"] * _RMS * max(matrix.shape) ** 0.5)


def orthogonal(matrix: Tensor) -> Tensor:
    """About ``U V^T`` of a matrix ``U S V^T`` (its singular values become 0.7 to 1.2), of its type.

    Five steps of the Newton-Schulz iteration with Jordan's coefficients.
    """
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    exact = _slow_in_bf16(matrix.device)
    x = wide if exact else wide.bfloat16()
    x = x / x.norm().clamp(min=_TINY)
    x = _turned(x) if exact and x.shape[1] >= 2 * x.shape[0] else _iterated(x)
    return (x if wide is matrix else x.T).to(matrix)


def _iterated(x: Tensor) -> Tensor:
    a, b, c = _COEFFICIENTS
    for _ in range(_ITERATIONS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


def _turned(x: Tensor) -> Tensor:
    """The same of a matrix with many columns, in fewer operations.

    Each step is the product with a polynomial of ``x x^T``, and these commute: the steps are
    those of that small matrix, and the large one is multiplied once, by all of them together. It
    takes the squares of the singular values, for which bfloat16 is too coarse.
    """
    a, b, c = _COEFFICIENTS
    gram = x @ x.T
    steps = unit = torch.eye(len(x), dtype=x.dtype, device=x.device)
    for _ in range(_ITERATIONS):
        step = torch.addmm(gram, gram, gram, beta=b, alpha=c).add_(unit, alpha=a)
        gram, steps = step @ gram @ step, step @ steps
    return steps @ x


@cache
def _slow_in_bf16(device: torch.device) -> bool:
    return device.type == "cpu" and not devices.cpu_has_bf16()


def _is_large(parameter: Tensor) -> bool:
    return parameter.ndim >= 2 and min(len(parameter), parameter[0].numel()) >= _LEAST_ROWS


def _rows(values: Tensor, like: Tensor | None = None) -> Tensor:
    """As a matrix; of a parameter itself, in whatever order it lies in memory, not a copy."""
    like = values if like is None else like
    if like.is_contiguous():
        return values.flatten(1)
    return values.movedim(1, -1).flatten(1)
