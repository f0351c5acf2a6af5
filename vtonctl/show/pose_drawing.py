"""A pose as a small drawing (SVG) for reports: limbs and joints on black, sharp at any size."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from pipelines.pose_colours import BODY_COLOURS, BODY_LIMBS

_RADIUS, _LINE = 1 / 60, 1 / 48
"""Of joints and limbs, as shares of the shorter side; wider than in OpenPose's pictures, as
thumbnails are small."""


def pose_drawing(pose: Mapping[str, Any] | None) -> str:
    """A ``data:`` address of the drawing; empty for what is no pose.

    ``pose`` has ``size`` (height, width) and ``joints``, 25 of (x, y) in pixels or None.
    """
    try:
        height, width = (int(side) for side in (pose or {})["size"])
        places = [None if p is None else (float(p[0]), float(p[1])) for p in (pose or {})["joints"]]
    except (KeyError, TypeError, ValueError, IndexError):
        return ""
    if len(places) != len(BODY_COLOURS) or min(height, width) < 1:
        return ""
    unit = min(height, width)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}"><rect width="100%" height="100%"/>'
    ]
    for first, second in BODY_LIMBS:
        start, end = places[first], places[second]
        if start and end:
            parts.append(
                f'<line x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" '
                f'y2="{end[1]:.1f}" stroke="{_colour(second)}" stroke-width="{unit * _LINE:.1f}" '
                'stroke-opacity="0.7" stroke-linecap="round"/>'
            )
    for number, place in enumerate(places):
        if place:
            parts.append(
                f'<circle cx="{place[0]:.1f}" cy="{place[1]:.1f}" r="{unit * _RADIUS:.1f}" '
                f'fill="{_colour(number)}"/>'
            )
    drawn = "".join([*parts, "</svg>"]).encode()
    return f"data:image/svg+xml;base64,{base64.b64encode(drawn).decode()}"


def _colour(joint: int) -> str:
    return "#{:02x}{:02x}{:02x}".format(*BODY_COLOURS[joint])
