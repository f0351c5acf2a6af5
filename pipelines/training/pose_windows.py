"""Maps of joints as the small windows that hold them, so that data sets of them fit into memory.

Around each joint there is a square and nothing else; what is kept of a map is where the square is
and the pixels around it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipelines.body import mirror_pose
from pipelines.stage import PersonInputs
from pipelines.types import Pose, Size

WINDOW = 24
"""Side of the windows in pixels: a square of 11, and what resizes may soften it by."""

MIRRORED = ("windows", "corners")
"""Names under which examples keep them; with ``_mirrored`` behind, those of the mirror image."""


def pose_windows(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Of maps ``uint8 [N, H, W]`` of up to 256 x 256 the windows that hold all that is in them.

    ``uint8 [N, 24, 24]`` and their upper left corners ``uint8 [N, 2]`` (row, column); a map
    without a joint has an empty window. Raises ``ValueError`` where something lies outside.
    """
    height, width = pixels.shape[1:]
    windows = np.zeros((len(pixels), WINDOW, WINDOW), np.uint8)
    corners = np.zeros((len(pixels), 2), np.uint8)
    for number, plane in enumerate(pixels):
        rows, columns = np.nonzero(plane)
        if not len(rows):
            continue
        top = min(int(rows.min()), height - WINDOW)
        left = min(int(columns.min()), width - WINDOW)
        window = plane[top : top + WINDOW, left : left + WINDOW]
        if np.count_nonzero(window) != len(rows):
            raise ValueError(f"joint {number}: more than {WINDOW} pixels of a map are filled")
        windows[number], corners[number] = window, (top, left)
    return windows, corners


def kept_windows(
    person: PersonInputs, pixels_of: Callable[[Pose, tuple[int, int]], NDArray[np.uint8]]
) -> dict[str, NDArray[np.uint8]]:
    """Windows ``uint8 [N, 24, 24]`` and corners ``uint8 [N, 2]`` of a pose, under ``MIRRORED``.

    And, with ``_mirrored`` behind their names, of its mirror image. ``pixels_of(pose, photo_hw)``
    draws the maps.
    """
    height, width = person.image.shape[:2]
    mirrored = mirror_pose(person.pose, width)
    plain, turned = (
        pose_windows(pixels_of(pose, (height, width))) for pose in (person.pose, mirrored)
    )
    return {
        **dict(zip(MIRRORED, plain, strict=True)),
        **{f"{name}_mirrored": a for name, a in zip(MIRRORED, turned, strict=True)},
    }


def maps_of_windows(windows: Tensor, corners: Tensor, size: Size) -> Tensor:
    """The maps ``uint8 [B, N, H, W]`` of ``size`` of windows and corners of a batch."""
    steps = torch.arange(WINDOW, device=windows.device)
    rows = corners[..., 0].long()[..., None] + steps
    columns = corners[..., 1].long()[..., None] + steps
    places = (rows[..., :, None] * size.width + columns[..., None, :]).flatten(2)
    maps = windows.new_zeros(*windows.shape[:2], size.height * size.width)
    maps.scatter_(2, places, windows.flatten(2))
    return maps.view(*windows.shape[:2], size.height, size.width)
