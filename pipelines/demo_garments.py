"""Garment pictures for the demonstration, drawn from nothing: flat-lay tops on white.

A garment is a torso and two sleeves, each an outline of curved edges with a fabric. Light comes
from the top left; seams, folds and the inside of the back collar are drawn so that the picture
has what a product photo has. Everything is a function of the garment's name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.types import Image

HEIGHT, WIDTH = 1024, 768
SCALE = 2
"""Drawn so many times larger, then reduced, for smooth edges."""

Floats = NDArray[np.float32]
Edge = tuple[float, float, float]
"""A corner (x from the middle, y, in pixels) and the bulge of the edge that leads away from it."""
Fabric = Callable[[Floats, Floats], Floats]
"""Coordinates across and along a part, float32 [N] each -> colour, float32 [N, 3], 0..1."""


@dataclass(frozen=True)
class Pattern:
    """The shape of a top: the wearer's left half; the right half mirrors it."""

    torso: tuple[Edge, ...]
    sleeve: tuple[Edge, ...]
    axis: tuple[float, float]
    """Direction of the sleeve, (x, y) from shoulder to cuff."""
    neck: tuple[float, float, float, float]
    """Half width and top of the neck opening, drop of its front and of its back."""
    cuff: float = 0.0
    """Depth of ribbed cuffs; 0 = a plain hem."""


_TEE = Pattern(
    torso=(
        (84, 150, -0.02),
        (206, 192, 0.09),
        (198, 396, 0.02),
        (192, 620, -0.02),
        (204, 884, 0.0),
    ),
    sleeve=((204, 191, -0.09), (338, 410, 0.0), (258, 464, 0.02), (194, 402, -0.09)),
    axis=(0.49, 0.87),
    neck=(84, 150, 90, 24),
)
_LONG = Pattern(
    torso=(
        (82, 150, -0.02),
        (200, 190, 0.09),
        (192, 400, 0.02),
        (186, 620, -0.02),
        (198, 872, 0.0),
    ),
    sleeve=(
        (198, 189, -0.09),
        (290, 430, -0.02),
        (330, 838, 0.0),
        (262, 850, 0.0),
        (226, 520, 0.03),
        (188, 406, -0.09),
    ),
    axis=(0.17, 0.985),
    neck=(82, 150, 78, 22),
    cuff=52,
)
_TANK = Pattern(
    torso=(
        (108, 148, -0.03),
        (154, 156, 0.21),
        (200, 402, 0.02),
        (192, 620, -0.02),
        (208, 880, 0.0),
    ),
    sleeve=(),
    axis=(0.0, 1.0),
    neck=(108, 148, 170, 70),
)


@dataclass(frozen=True)
class _Canvas:
    """A picture being drawn; ``colour`` and ``light`` are multiplied at the end."""

    colour: Floats
    light: Floats
    cover: Floats


def garment_names() -> tuple[str, ...]:
    """The garments that can be drawn."""
    return tuple(_GARMENTS)


def draw_garment(name: str) -> Image:
    """Draw a garment: ``uint8 [1024, 768, 3]``, always the same for one name."""
    pattern, fabric, trim, extra = _GARMENTS[name]
    noise = np.random.default_rng(sum(name.encode()))
    shape = (HEIGHT * SCALE, WIDTH * SCALE)
    canvas = _Canvas(
        np.ones((*shape, 3), np.float32), np.ones(shape, np.float32), np.zeros(shape, np.float32)
    )
    _back_of_neck(canvas, pattern, trim)
    for side in (1, -1):
        if pattern.sleeve:
            _sleeve(canvas, pattern, side, fabric, trim, noise)
    _torso(canvas, pattern, fabric, trim, noise)
    extra(canvas)
    return _finish(canvas)


def _outline(edges: tuple[Edge, ...], side: int, *, closed: bool = True) -> Floats:
    """Points along curved edges, float32 [N, 2] in pixels of the large canvas."""
    points: list[Floats] = []
    t = np.linspace(0, 1, 24, endpoint=False, dtype=np.float32)[:, None]
    for number, (x, y, bulge) in enumerate(edges if closed else edges[:-1]):
        start = np.array((x, y), np.float32)
        end = np.array(edges[(number + 1) % len(edges)][:2], np.float32)
        along = end - start
        middle = (start + end) / 2 + 2 * bulge * np.array((-along[1], along[0]), np.float32)
        points.append((1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end)
    path = np.concatenate(points)
    path[:, 0] = WIDTH / 2 + side * path[:, 0]
    return (path * SCALE).astype(np.float32)


def _fill(path: Floats) -> Floats:
    """0 or 1 inside an outline, float32 on the large canvas."""
    mask = np.zeros((HEIGHT * SCALE, WIDTH * SCALE), np.uint8)
    cv2.fillPoly(mask, [np.round(path).astype(np.int32)], (1,))
    return mask.astype(np.float32)


def _line(canvas: _Canvas, path: Floats, depth: float, width: float) -> None:
    """Press a soft dark line (a seam) into the light."""
    mark = np.zeros_like(canvas.light)
    thick = max(1, round(width * SCALE))
    cv2.polylines(mark, [np.round(path).astype(np.int32)], False, (1.0,), thick, cv2.LINE_AA)
    canvas.light[:] *= 1 - depth * cv2.GaussianBlur(mark, (0, 0), 0.8 * SCALE)


def _paint(canvas: _Canvas, mask: Floats, colour: Floats, light: Floats | float) -> None:
    inside = mask > 0
    canvas.colour[inside] = colour
    canvas.light[inside] = light[inside] if isinstance(light, np.ndarray) else light
    canvas.cover[inside] = 1


def _relief(
    mask: Floats, axis: tuple[float, float], noise: np.random.Generator, strength: float
) -> Floats:
    """Light on a part: rounded edges, folds along ``axis``, and a little weave."""
    height, width = mask.shape
    depth = cv2.distanceTransform((mask > 0).astype(np.uint8), cv2.DIST_L2, 3)
    edge = 1 - 0.22 * np.exp(-depth / (7.0 * SCALE)) - 0.12 * np.exp(-depth / (45.0 * SCALE))
    # folds: smooth noise drawn out along the part, at an eighth of the size
    small = noise.standard_normal((height // 8, width // 8)).astype(np.float32)
    folds = cv2.GaussianBlur(small, (0, 0), sigmaX=6, sigmaY=30)
    folds = folds / folds.std() + 0.6 * cv2.GaussianBlur(small[::-1], (0, 0), 9) * 20
    angle = np.degrees(np.arctan2(axis[0], axis[1]))
    turn = cv2.getRotationMatrix2D((width / 16, height / 16), angle, 1.3)
    folds = cv2.warpAffine(folds, turn, (width // 8, height // 8), borderMode=cv2.BORDER_REFLECT)
    folds = cv2.resize(folds / folds.std(), (width, height), interpolation=cv2.INTER_CUBIC)
    light = edge * (1 + 0.060 * strength * np.tanh(folds))
    return np.asarray(light, np.float32)


def _grid(axis: tuple[float, float], origin: tuple[float, float]) -> tuple[Floats, Floats]:
    """Coordinates across and along ``axis`` from ``origin``, in pixels of the small picture."""
    y, x = np.mgrid[0 : HEIGHT * SCALE, 0 : WIDTH * SCALE].astype(np.float32) / SCALE
    x, y = x - origin[0], y - origin[1]
    length = float(np.hypot(*axis))
    dx, dy = axis[0] / length, axis[1] / length
    return x * dy - y * dx, x * dx + y * dy


def _back_of_neck(canvas: _Canvas, pattern: Pattern, trim: Floats) -> None:
    """The inside of the back, seen through the neck opening, with its collar band."""
    half, top, front, back = pattern.neck
    rim = 1 - _ellipse(half, top, back)
    inside = _ellipse(half, top, front) * rim
    shade = _grid((0.0, 1.0), (0.0, top))[1] / front
    _paint(canvas, inside, trim * 0.62, np.clip(1.0 - 0.3 * shade, 0.6, 1).astype(np.float32))
    _paint(canvas, inside * _ellipse(half, top, back + 15), trim * 0.86, 1.0)
    _line(canvas, _arc(half, top, back + 15), 0.25, 1.2)


def _ellipse(half: float, top: float, drop: float) -> Floats:
    """The lower half of an ellipse hung at ``top``, float32 0 or 1."""
    mask = np.zeros((HEIGHT * SCALE, WIDTH * SCALE), np.uint8)
    centre = (round(WIDTH / 2 * SCALE), round(top * SCALE))
    axes = (round(half * SCALE), round(drop * SCALE))
    cv2.ellipse(mask, centre, axes, 0, 0, 180, (1,), -1)
    return mask.astype(np.float32)


def _sleeve(
    canvas: _Canvas,
    pattern: Pattern,
    side: int,
    fabric: Fabric,
    trim: Floats,
    noise: np.random.Generator,
) -> None:
    mask = _fill(_outline(pattern.sleeve, side))
    axis = (side * pattern.axis[0], pattern.axis[1])
    start = (WIDTH / 2 + side * pattern.sleeve[0][0], pattern.sleeve[0][1])
    across, along = _grid(axis, start)
    inside = mask > 0
    colour = fabric(across[inside], along[inside])
    _paint(canvas, mask, colour, _relief(mask, axis, noise, 1.2))
    end = float(along[mask > 0].max())
    if pattern.cuff:
        band = mask * (along > end - pattern.cuff)
        ribs = 1 - 0.07 * (np.sin(across * 1.5) > 0.2)
        _paint(canvas, band, trim, _relief(mask, axis, noise, 0.4) * ribs.astype(np.float32))
    for offset in (pattern.cuff or 22, (pattern.cuff or 22) - 4):
        near = np.abs(along - (end - offset)) < 0.7
        canvas.light[(mask > 0) & near] *= 0.86


def _torso(
    canvas: _Canvas, pattern: Pattern, fabric: Fabric, trim: Floats, noise: np.random.Generator
) -> None:
    half, top, front, _ = pattern.neck
    left, right = (
        _outline(pattern.torso, 1, closed=False),
        _outline(pattern.torso, -1, closed=False),
    )
    foot = np.array([[WIDTH / 2 * SCALE, (pattern.torso[-1][1] + 9) * SCALE]], np.float32)
    corner = [_outline(pattern.torso, s)[24 * (len(pattern.torso) - 1)][None] for s in (1, -1)]
    mask = _fill(np.concatenate((left, corner[0], foot, corner[1], right[::-1])))
    mask *= 1 - _ellipse(half, top, front)
    across, along = _grid((0.0, 1.0), (WIDTH / 2, top))
    inside = mask > 0
    colour = fabric(across[inside], along[inside])
    _paint(canvas, mask, colour, _relief(mask, (0.0, 1.0), noise, 1.0))
    band = mask * _ellipse(half + 15, top, front + 17)
    _paint(canvas, band, trim, 0.97 - 0.06 * (np.sin(across * 1.4) > 0.3).astype(np.float32))
    _line(canvas, _arc(half + 15, top, front + 17), 0.30, 1.2)
    _line(canvas, _arc(half + 1, top, front + 1), 0.28, 1.4)
    hem = np.abs(along + top - (pattern.torso[-1][1] - 20)) < 0.7
    canvas.light[(mask > 0) & hem] *= 0.86
    for side in (1, -1):
        if pattern.sleeve:
            _line(canvas, _outline(pattern.torso[1:3], side, closed=False), 0.35, 1.4)
        else:
            _line(canvas, _outline(_inset(pattern.torso[1:3]), side, closed=False), 0.25, 1.2)


def _inset(edges: tuple[Edge, ...]) -> tuple[Edge, ...]:
    return tuple((x - 12, y, bulge) for x, y, bulge in edges)


def _arc(half: float, top: float, drop: float) -> Floats:
    angle = np.linspace(0, np.pi, 60, dtype=np.float32)
    x, y = WIDTH / 2 + half * np.cos(angle), top + drop * np.sin(angle)
    return np.asarray(np.stack((x, y), 1) * SCALE, np.float32)


def _finish(canvas: _Canvas) -> Image:
    """Light times colour over a white table with a soft shadow, reduced to the final size."""
    small = cv2.resize(canvas.cover, (WIDTH // 4, HEIGHT // 4), interpolation=cv2.INTER_AREA)
    shift = np.array([[1, 0, 0.8], [0, 1, 1.5]], np.float32)
    shadow = cv2.warpAffine(cv2.GaussianBlur(small, (0, 0), 2.2), shift, small.shape[::-1])
    shadow = cv2.resize(shadow, (WIDTH * SCALE, HEIGHT * SCALE), interpolation=cv2.INTER_LINEAR)
    picture = canvas.colour * canvas.light[..., None]
    empty = canvas.cover == 0
    picture[empty] = (1 - 0.02 * shadow[empty])[:, None]
    small = cv2.resize(picture.astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return np.asarray(np.round(np.clip(small, 0, 1) * 255), np.uint8)


def _rgb(red: int, green: int, blue: int) -> Floats:
    return np.asarray(np.array((red, green, blue)) / 255, np.float32)


def _plain(colour: Floats) -> Fabric:
    return lambda across, along: np.broadcast_to(colour, (*across.shape, 3))


def _stripes(first: Floats, second: Floats, period: float) -> Fabric:
    def fabric(across: Floats, along: Floats) -> Floats:
        wave = along + 1.6 * np.sin(across / 47) + 1.1 * np.sin(across / 19 + along / 60)
        return np.where((wave % period < 0.42 * period)[..., None], first, second)

    return fabric


def _gradient(top: Floats, bottom: Floats) -> Fabric:
    def fabric(across: Floats, along: Floats) -> Floats:
        share = np.clip((along - 60 + 14 * np.sin(across / 70)) / 640, 0, 1)[..., None]
        return np.asarray(top * (1 - share) + bottom * share, np.float32)

    return fabric


def _dots(ground: Floats, dot: Floats, period: float) -> Fabric:
    def fabric(across: Floats, along: Floats) -> Floats:
        row = np.floor(along / period)
        x = (across + (row % 2) * period / 2) % period - period / 2
        y = along % period - period / 2
        return np.where((x**2 + y**2 < (0.24 * period) ** 2)[..., None], dot, ground)

    return fabric


def _sunset(canvas: _Canvas) -> None:
    """A print on the chest: a striped sun over hills."""
    across, along = _grid((0.0, 1.0), (WIDTH / 2, 440.0))
    share = np.clip((along + 105) / 210, 0, 1)[..., None]
    colour = _rgb(255, 205, 84) * (1 - share) + _rgb(226, 70, 88) * share
    gap = (along > 0) & ((along % 21) < 2 + along / 15)
    _print(canvas, (across**2 + along**2 < 105**2) & ~gap, colour)
    hill = 62 - 26 * np.sin(across / 38 + 0.6) - 10 * np.sin(across / 17)
    round_ = across**2 + along**2 < 122**2
    _print(canvas, round_ & (along > hill), _rgb(32, 74, 92))
    ring = np.abs(np.hypot(across, along) - 124) < 2.2
    _print(canvas, ring, _rgb(245, 240, 228))


def _print(canvas: _Canvas, where: NDArray[np.bool_], colour: Floats) -> None:
    inside = where & (canvas.cover > 0)
    canvas.colour[inside] = colour[inside] if colour.ndim > 1 else colour


def _polo(canvas: _Canvas) -> None:
    """A collar with two points, a placket and buttons."""
    placket = ((-19, 222, 0.0), (19, 222, 0.0), (19, 398, 0.0), (-19, 398, 0.0))
    outline = _outline(placket, 1)
    _line(canvas, np.concatenate((outline, outline[:1])), 0.30, 1.2)
    for y in (262, 312, 362):
        at = np.hypot(*_grid((0.0, 1.0), (WIDTH / 2, float(y))))
        _print(canvas, at < 7, _rgb(240, 236, 226))
        canvas.light[np.abs(at - 7) < 0.9] *= 0.75
        canvas.light[at < 1.4] *= 0.5
    for side in (1, -1):
        leaf = ((80, 140, 0.05), (104, 166, -0.06), (58, 276, 0.0), (3, 240, 0.10))
        path = _outline(leaf, side)
        mask = _fill(path)
        _paint(canvas, mask, _rgb(24, 66, 84), 1.06)
        _line(canvas, np.concatenate((path, path[:1])), 0.42, 1.6)


def _nothing(canvas: _Canvas) -> None:
    """No extra."""


_GARMENTS: dict[str, tuple[Pattern, Fabric, Floats, Callable[[_Canvas], None]]] = {
    "sunset-tee": (_TEE, _plain(_rgb(36, 43, 66)), _rgb(30, 36, 56), _sunset),
    "striped-long-sleeve": (
        _LONG,
        _stripes(_rgb(31, 52, 98), _rgb(244, 240, 230), 46),
        _rgb(31, 52, 98),
        _nothing,
    ),
    "dip-dye-polo": (
        _TEE,
        _gradient(_rgb(38, 104, 120), _rgb(150, 206, 190)),
        _rgb(24, 66, 84),
        _polo,
    ),
    "dotted-tank": (
        _TANK,
        _dots(_rgb(196, 52, 62), _rgb(250, 238, 226), 52),
        _rgb(168, 38, 50),
        _nothing,
    ),
}
