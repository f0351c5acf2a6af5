"""Thin-plate splines as sampling grids: one linear map from a network's output to every pixel.

A spline through fixed control points is linear in where these points go, so that the whole grid
is one product of matrices; the larger matrix depends on the size only. Three published networks
differ in their lattices and in the order of their numbers, which a ``TpsConvention`` states.

Source: F. L. Bookstein, "Principal Warps", 1989; Jaderberg et al., "Spatial Transformer Networks"
(NeurIPS 2015) for grids in -1..1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipelines.types import Size

_ROWS = 8
"""Rows of pixels that are computed at a time, which keeps the peak of memory low."""


@dataclass(frozen=True)
class TpsConvention:
    """What the numbers of a network mean; coordinates are those of ``grid_sample``."""

    control: float
    """The control points form a square lattice in -control..control."""
    pixels: float
    """The grid's pixels lie in -pixels..pixels."""
    x_slow: bool
    """Whether the lattice is counted column by column."""
    offsets: bool
    """Offsets to the lattice (all x, then all y), or places (x, y, x, y, ...)."""


VITON_HD = TpsConvention(control=0.9, pixels=0.9, x_slow=True, offsets=True)
"""parity: offsets of zero do not give the identity but the central 90 %, magnified."""
CP_VTON = TpsConvention(control=1.0, pixels=1.0, x_slow=True, offsets=True)
"""Offsets of zero give the identity where a picture is sampled with aligned corners."""
ACGPN = TpsConvention(control=0.9, pixels=1.0, x_slow=False, offsets=False)


class TpsGrid(nn.Module):
    """Numbers ``[B, 2 n^2]`` (or places ``[B, n^2, 2]``) to a grid ``float32 [B, H, W, 2]``.

    ``size`` is the grid's, n is ``grid_size``. The matrix is made at the first use of a size and
    kept (at 1024x768 in 75 MiB); it is no part of the state. Always computed in float32: bfloat16
    would move the sampling points by pixels.
    """

    def __init__(self, size: Size, convention: TpsConvention, *, grid_size: int = 5) -> None:
        super().__init__()
        self.size = size
        self.convention = convention
        self.grid_size = grid_size
        self._kept: tuple[Size, Tensor] | None = None

    def forward(self, theta: Tensor, size: Size | None = None) -> Tensor:
        """The grid, for ``grid_sample``; ``size`` if it is to be another than usual."""
        points = self.points(theta)
        matrix = self._matrix(size or self.size, points.device)
        height, width = size or self.size
        batch, count, _ = points.shape
        with torch.autocast(points.device.type, enabled=False):
            flat = matrix @ points.permute(1, 0, 2).reshape(count, 2 * batch)
        return flat.view(height, width, batch, 2).permute(2, 0, 1, 3).contiguous()

    def points(self, theta: Tensor) -> Tensor:
        """Where the control points go: ``float32 [B, n^2, 2]``, (x, y)."""
        theta = theta.float()
        if not self.convention.offsets:
            return theta.reshape(len(theta), -1, 2)
        moved = theta.reshape(len(theta), 2, -1).transpose(1, 2)
        return moved + lattice(self.convention, self.grid_size).to(theta)

    def _matrix(self, size: Size, device: torch.device) -> Tensor:
        if self._kept is None or self._kept[0] != size or self._kept[1].device != device:
            self._kept = None  # not both at a time
            self._kept = size, tps_matrix(size, self.convention, self.grid_size).to(device)
        return self._kept[1]


def unaligned(grid: Tensor, size: Size) -> Tensor:
    """A grid ``[B, H, W, 2]`` that was meant for aligned corners, for sampling without them.

    ``size`` is that of the picture that it samples: -1 and 1 were the centres of its outermost
    pixels, and become their outer edges.
    """
    return grid * grid.new_tensor([(side - 1) / side for side in (size.width, size.height)])


def lattice(convention: TpsConvention, grid_size: int = 5) -> Tensor:
    """The control points ``float64 [n^2, 2]``, (x, y), in the convention's order."""
    line = torch.linspace(-convention.control, convention.control, grid_size, dtype=torch.float64)
    slow, fast = torch.meshgrid(line, line, indexing="ij")
    x, y = (slow, fast) if convention.x_slow else (fast, slow)
    return torch.stack((x.flatten(), y.flatten()), 1)


def tps_matrix(size: Size, convention: TpsConvention, grid_size: int = 5) -> Tensor:
    """``float32 [H * W, n^2]``: places of the control points to those of all pixels."""
    control = lattice(convention, grid_size)
    n = len(control)
    inverse = spline_inverse(control)[:, :n]
    matrix = torch.empty(size.height, size.width, n)
    for top in range(0, size.height, _ROWS):
        rows = slice(top, min(top + _ROWS, size.height))
        found = spline_basis(pixel_places(size, convention, rows), control) @ inverse
        matrix[rows] = found.view(-1, size.width, n)
    return matrix.view(-1, n)


def spline_inverse(control: Tensor) -> Tensor:
    """From values at the control points (then 3 zeros) to coefficients: ``float64 [n+3, n+3]``."""
    n = len(control)
    system = torch.zeros(n + 3, n + 3, dtype=torch.float64)
    system[:n] = spline_basis(control, control)
    system[n:, :n] = system[:n, n:].T
    inverse: Tensor = torch.linalg.inv(system)
    return inverse


def spline_basis(places: Tensor, control: Tensor) -> Tensor:
    """What the coefficients are multiplied by at places ``[M, 2]``: ``float64 [M, n + 3]``."""
    ones = torch.ones(len(places), 1, dtype=torch.float64)
    return torch.cat((_kernel(places, control), ones, places), 1)


def pixel_places(size: Size, convention: TpsConvention, rows: slice = slice(None)) -> Tensor:
    """Places of the pixels of some rows, row by row: ``float64 [M, 2]``, (x, y)."""
    x, y = (torch.linspace(-1, 1, k, dtype=torch.float64) * convention.pixels for k in size[::-1])
    down, across = torch.meshgrid(y[rows], x, indexing="ij")
    return torch.stack((across, down), -1).reshape(-1, 2)


def _kernel(places: Tensor, control: Tensor) -> Tensor:
    """r^2 log r^2 (0 at r = 0) for each pair: ``[M, N]``."""
    x, y = places.T[:, :, None] - control.T[:, None]
    squared = x.square() + y.square()
    made: Tensor = torch.special.xlogy(squared, squared)
    return made
