"""A garment bent by a spline: what the geometric modules of CP-VTON, CP-VTON+ and GWC share.

Sources: Wang et al., "Toward Characteristic-Preserving Image-based Virtual Try-On Network" (ECCV
2018); Minar et al., "CP-VTON+: Clothing Shape and Texture Preserving Image-Based Virtual Try-On"
(CVPR Workshops 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from pipelines.networks.correlation import MATCHING_SIZE, GeometricMatcher
from pipelines.networks.tps_grid import CP_VTON, TpsGrid, unaligned

_EPSILON = 1e-6


@dataclass(frozen=True, eq=False)
class Warped:
    """The bent garment ``[B, 3, H, W]`` in -1..1, its mask ``[B, 1, H, W]`` in 0..1, and the grid
    ``float32 [B, H, W, 2]`` that sampled them.
    """  # noqa: D205 - one sentence

    garment: Tensor
    mask: Tensor
    grid: Tensor


class SplineMatcher(GeometricMatcher):
    """Person ``[B, a_channels, 256, 192]``, garment ``[B, b_channels, 256, 192]`` to a grid.

    ``align_corners`` is that of the sampling: whether -1 and 1 are the centres of a garment
    photo's outermost pixels, as with the version of torch that CP-VTON was published for, or,
    as in today's default, their edges.
    """

    def __init__(
        self, a_channels: int, b_channels: int, *, width: int = 64, align_corners: bool = True
    ) -> None:
        super().__init__(a_channels, b_channels, width=width, epsilon=_EPSILON)
        self.grid = TpsGrid(MATCHING_SIZE, CP_VTON)
        self.align_corners = align_corners

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Theta ``[B, 50]`` in -1..1 and the grid ``float32 [B, 256, 192, 2]``."""
        theta = self.theta(a, b)
        return theta, self.grid(theta)

    def warped(self, garment: Tensor, mask: Tensor, grid: Tensor) -> Warped:
        """A garment ``[B, 3, h, w]`` and its mask ``[B, 1, h, w]`` as a grid samples them.

        Beyond its edge the photo goes on in its last colours, the mask is 0.
        """
        bent = F.grid_sample(garment, grid, padding_mode="border", align_corners=self.align_corners)
        return Warped(bent, F.grid_sample(mask, grid, align_corners=self.align_corners), grid)

    def edge_to_edge(self, grid: Tensor) -> Tensor:
        """A grid whose -1 and 1 are the edges of the garment's photo, as rendering counts."""
        return unaligned(grid, MATCHING_SIZE) if self.align_corners else grid
