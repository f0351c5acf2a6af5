"""Where a garment has to go: two pictures' features, matched everywhere, regressed to a warp.

Source: Rocco, Arandjelovic and Sivic, "Convolutional neural network architecture for geometric
matching" (CVPR 2017), as CP-VTON and VITON-HD use it, with the key names of their checkpoints.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipelines.types import Size

MATCHING_SIZE = Size(256, 192)
"""Both inputs always have this size, whatever the size of the result."""

_STRIDE = 16
_CELLS = Size(MATCHING_SIZE.height // _STRIDE, MATCHING_SIZE.width // _STRIDE)


class FeatureExtraction(nn.Module):
    """``[B, in_channels, H, W]`` to features ``[B, 8 * width, H/16, W/16]``."""

    def __init__(self, in_channels: int, *, width: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inside = in_channels
        for outside in (width, 2 * width, 4 * width, 8 * width):
            # parity: normalised behind the activation, other than in the regression
            layers += [nn.Conv2d(inside, outside, 4, 2, 1), nn.ReLU(), nn.BatchNorm2d(outside)]
            inside = outside
        layers += [nn.Conv2d(inside, inside, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(inside)]
        layers += [nn.Conv2d(inside, inside, 3, padding=1), nn.ReLU()]
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Features."""
        made: Tensor = self.model(x)
        return made


class FeatureRegression(nn.Module):
    """A correlation volume ``[B, 192, 16, 12]`` to ``outputs`` numbers in -1..1."""

    def __init__(self, *, outputs: int = 50, width: int = 64) -> None:
        super().__init__()
        # the volume has one channel for each cell of the other picture: always 192 of them.
        # VITON-HD counted them from the size of the result, which only holds at 1024x768
        inside = _CELLS.height * _CELLS.width
        layers: list[nn.Module] = []
        for outside, kernel, stride in (
            (8 * width, 4, 2),
            (4 * width, 4, 2),
            (2 * width, 3, 1),
            (width, 3, 1),
        ):
            conv = nn.Conv2d(inside, outside, kernel, stride, padding=1)
            layers += [conv, nn.BatchNorm2d(outside), nn.ReLU()]
            inside = outside
        self.conv = nn.Sequential(*layers)
        self.linear = nn.Linear(width * (_CELLS.height // 4) * (_CELLS.width // 4), outputs)

    def forward(self, volume: Tensor) -> Tensor:
        """``[B, outputs]``."""
        return torch.tanh(self.linear(self.conv(volume).flatten(1)))


class GeometricMatcher(nn.Module):
    """Person ``[B, a_channels, 256, 192]`` and garment ``[B, b_channels, 256, 192]`` to theta.

    The base of the geometric matching modules of VITON-HD, CP-VTON and CP-VTON+; ``width`` 64 is
    the published size. ``epsilon`` goes to ``normalised``. Raises ``ValueError`` for inputs of
    another size.
    """

    def __init__(
        self,
        a_channels: int,
        b_channels: int,
        *,
        width: int = 64,
        grid_size: int = 5,
        epsilon: float = 0.0,
    ) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.extractionA = FeatureExtraction(a_channels, width=width)
        self.extractionB = FeatureExtraction(b_channels, width=width)
        self.regression = FeatureRegression(outputs=2 * grid_size**2, width=width)

    def theta(self, a: Tensor, b: Tensor) -> Tensor:
        """Parameters of the warp ``[B, 2 * grid_size ** 2]`` in -1..1."""
        return self.matched(a, self.garment_features(b))

    def garment_features(self, b: Tensor) -> Tensor:
        """What depends on the garment only, ``[B, 8 * width, 16, 12]``."""
        return normalised(self.extractionB(_checked(b)), self.epsilon)

    def person_features(self, a: Tensor) -> Tensor:
        """What depends on the person only, ``[B, 8 * width, 16, 12]``."""
        return normalised(self.extractionA(_checked(a)), self.epsilon)

    def matched(self, a: Tensor, garment_features: Tensor) -> Tensor:
        """Parameters of the warp, from the garment's features made before."""
        return self.between(self.person_features(a), garment_features)

    def between(self, person_features: Tensor, garment_features: Tensor) -> Tensor:
        """Parameters of the warp, from both features; regressed in float32 in any case."""
        with torch.autocast(person_features.device.type, enabled=False):
            volume = correlation(person_features.float(), garment_features.float())
            made: Tensor = self.regression(volume)
        return made


def normalised(features: Tensor, epsilon: float = 0.0) -> Tensor:
    """Features of unit length in each cell.

    ``epsilon`` > 0 is added to the squared length (CP-VTON: 1e-6); 0 only keeps from dividing by
    nothing (VITON-HD).
    """
    if epsilon == 0.0:
        return F.normalize(features, dim=1)
    return features / (features.square().sum(1, keepdim=True) + epsilon).sqrt()


def correlation(person: Tensor, garment: Tensor) -> Tensor:
    """Likeness of each cell of the garment to each of the person.

    Both ``[B, C, h, w]``; returns ``[B, h * w, h, w]``, where channel ``x * h + y`` belongs to
    the person's cell (x, y) and the place is the garment's.
    """
    batch, channels, height, width = person.shape
    # parity: the person's cells are counted column by column
    cells = person.transpose(2, 3).reshape(batch, channels, width * height)
    volume = torch.bmm(cells.transpose(1, 2), garment.flatten(2))
    return volume.reshape(batch, width * height, height, width)


def _checked(x: Tensor) -> Tensor:
    if tuple(x.shape[-2:]) != tuple(MATCHING_SIZE):
        found = "x".join(map(str, x.shape[-2:]))
        raise ValueError(f"garments are matched at {MATCHING_SIZE}, got {found}")
    return x
