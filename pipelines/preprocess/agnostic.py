"""The person without the worn garment: label map, picture and mask.

``parse_agnostic`` and ``image_agnostic`` follow the published data sets and give the same bytes
for the same joints and labels at 1024x768 (H x W), shapes being drawn with Pillow as there:

- ``viton-hd``: the fixed form of VITON-HD (Choi et al. 2021), sizes in pixels of 1024x768;
- ``v3.2``: the scaled form of HR-VITON (Lee et al. 2022), sizes relative to the shoulder width,
  hands kept.

Where this departs from the published code, which has no answer there:

- At another size all lengths are scaled by width / 768 (the published code is defined at 768 only).
- A missing shoulder is the other one mirrored at the neck, or an upright guess from the hips; a
  missing neck is the middle of the shoulders; a missing hip is the other one shifted by the
  shoulder line; two missing hips lie 1.4 shoulder widths below the shoulders. (The published code
  draws such joints at the corner of the picture or divides by zero.) Elbows and wrists that are
  missing are skipped, as published. Two missing shoulders are an ``ItemError``.
- Two hips on the same spot keep their place (the published code divides by zero).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.body import Body25
from pipelines.errors import ConfigError, ItemError
from pipelines.labels import LIP20, LIP20_ARMS, LIP20_TOPS
from pipelines.layout import Artifact
from pipelines.preprocess.agnostic_shapes import (
    REFERENCE_WIDTH,
    Canvas,
    draw_fixed,
    draw_scaled,
    hips_widened,
    scaled_unit,
    torso_completed,
)
from pipelines.stage import Outputs
from pipelines.types import Image, Mask, ParseMap, Pose

GRAY = 128
VARIANTS = ("v3.2", "viton-hd")

_GARMENT = (*LIP20_TOPS, LIP20.NECK)
_HEAD = (LIP20.SUNGLASSES, LIP20.FACE)
_LOWER = (
    LIP20.PANTS,
    LIP20.SKIRT,
    LIP20.LEFT_LEG,
    LIP20.RIGHT_LEG,
    LIP20.LEFT_SHOE,
    LIP20.RIGHT_SHOE,
)
_PROTECTED = (LIP20.HAT, LIP20.HAIR, LIP20.GLOVE, LIP20.SOCKS, LIP20.SCARF, *_HEAD, *_LOWER)
_R_SHOULDER, _L_SHOULDER = Body25.RIGHT_SHOULDER, Body25.LEFT_SHOULDER
_ARMS = (
    (LIP20.LEFT_ARM, (Body25.LEFT_SHOULDER, Body25.LEFT_ELBOW, Body25.LEFT_WRIST)),
    (LIP20.RIGHT_ARM, (Body25.RIGHT_SHOULDER, Body25.RIGHT_ELBOW, Body25.RIGHT_WRIST)),
)


def parse_agnostic(parse: ParseMap, pose: Pose) -> ParseMap:
    """Labels with garment, neck and arms set to background; hands stay.

    ``parse`` holds LIP20 ids ``uint8 [H, W]`` and is not changed. Raises ``ItemError``
    (``uncertain_pose``) when both shoulders are missing.
    """
    ids = _lip_ids(parse).copy()
    joints, scale = torso_completed(pose), ids.shape[1] / REFERENCE_WIDTH
    for label, chain in _ARMS:
        opposite = _R_SHOULDER if label == LIP20.LEFT_ARM else _L_SHOULDER
        canvas = Canvas(ids.shape, scale)
        previous: int = opposite
        for joint in chain:
            if not (joints[previous].any() and joints[joint].any()):
                continue
            canvas.line(joints[[previous, joint]], 100)
            radius = 40 if joint == chain[-1] else 150
            canvas.ellipse(joints[joint], radius, radius)
            previous = joint
        ids[canvas.drawn() & (ids == label)] = LIP20.BACKGROUND
    ids[ParseMap(ids, LIP20).mask(*_GARMENT)] = LIP20.BACKGROUND
    return ParseMap(ids, LIP20)


def image_agnostic(image: Image, parse: ParseMap, pose: Pose, variant: str = "v3.2") -> Image:
    """The photo ``uint8 [H, W, 3]`` with garment, neck and arms painted gray (128).

    Face, lower clothes, legs and shoes (and, with ``v3.2``, hands) come back from the photo.
    Raises ``ItemError`` (``uncertain_pose``) when both shoulders are missing.
    """
    return _grayed(image, _painted(parse, pose, variant))


def agnostic_mask(parse: ParseMap, pose: Pose) -> Mask:
    """``bool [H, W]``: True = to be repainted, as the published ``agnostic-mask`` files mean it.

    The region that ``v3.2`` paints, together with all garment, neck and arm pixels of ``parse``
    and a rim around them. Hands, face, hair, head wear, lower clothes, legs and shoes stay.
    """
    return _mask(parse, pose, _painted(parse, pose, "v3.2"))


def hand_pixels(parse: ParseMap, pose: Pose) -> Mask:
    """Arm pixels that ``agnostic_mask`` keeps: beyond the wrist, ``bool [H, W]``.

    Raises ``ItemError`` (``uncertain_pose``) where no shoulder was found.
    """
    return parse.mask(*LIP20_ARMS) & ~agnostic_mask(parse, pose)


def _mask(parse: ParseMap, pose: Pose, painted: Mask) -> Mask:
    """``agnostic_mask``, given what ``v3.2`` paints."""
    scale = parse.ids.shape[1] / REFERENCE_WIDTH
    arms = np.zeros(parse.ids.shape, bool)
    hands = np.zeros(parse.ids.shape, bool)
    for label, hand in _hands(parse, pose).items():
        seen = pose.body.seen(dict(_ARMS)[label][-1])
        hands |= hand if seen else np.False_
        arms |= parse.mask(label) & ~hand if seen else parse.mask(label)
    worn = (parse.mask(*_GARMENT) | arms).astype(np.uint8)
    side = 2 * round(8 * scale) + 1
    rim = cv2.dilate(worn, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))) > 0
    region = painted | rim | parse.mask(*_GARMENT)
    return region & ~hands & ~parse.mask(*_PROTECTED)


class AgnosticStage:
    """Image, pose and parse to parse-agnostic, agnostic picture and agnostic mask."""

    def __init__(self, *, variant: str = "v3.2") -> None:
        if variant not in VARIANTS:
            raise ConfigError(
                f"unknown agnostic variant {variant!r}",
                code="unknown_name",
                hint=f"Known: {', '.join(VARIANTS)}.",
            )
        self._variant = variant

    def __call__(self, batch: Sequence[Mapping[Artifact, Any]]) -> list[Outputs | ItemError]:
        """One result per item, in order; an item's failure is returned, not raised."""
        return [self._one(item) for item in batch]

    def _one(self, item: Mapping[Artifact, Any]) -> Outputs | ItemError:
        image, pose, parse = item[Artifact.IMAGE], item[Artifact.POSE], item[Artifact.PARSE]
        if image.shape[:2] != parse.ids.shape:
            return ItemError(
                f"the parse is {parse.ids.shape[0]}x{parse.ids.shape[1]}, "
                f"the photo {image.shape[0]}x{image.shape[1]}",
                code="bad_parse_file",
                hint="Make the parse again from this photo.",
            )
        try:
            painted = _painted(parse, pose, self._variant)
            scaled = painted if self._variant == "v3.2" else _painted(parse, pose, "v3.2")
            return Outputs(
                {
                    Artifact.PARSE_AGNOSTIC: parse_agnostic(parse, pose),
                    Artifact.AGNOSTIC: _grayed(image, painted),
                    Artifact.AGNOSTIC_MASK: _mask(parse, pose, scaled),
                }
            )
        except ItemError as error:
            return error


def _grayed(image: Image, painted: Mask) -> Image:
    gray = np.full_like(image, GRAY)
    return np.asarray(cv2.copyTo(image, (~painted).view(np.uint8), gray), np.uint8)


def _painted(parse: ParseMap, pose: Pose, variant: str) -> Mask:
    """Where the published picture is gray."""
    ids = _lip_ids(parse)
    joints = hips_widened(torso_completed(pose))
    canvas = Canvas(ids.shape, ids.shape[1] / REFERENCE_WIDTH)
    kept = parse.mask(*_HEAD, *_LOWER)
    if variant == "viton-hd":
        draw_fixed(canvas, joints)
    else:
        draw_scaled(canvas, joints, scaled_unit(joints, ids.shape[1]))
        for hand in _hands(parse, pose).values():
            kept |= hand
    return canvas.drawn() & ~kept


def _hands(parse: ParseMap, pose: Pose) -> dict[LIP20, Mask]:
    """By arm label: the pixels of that label which lie outside HR-VITON's arm shape."""
    joints = hips_widened(torso_completed(pose))
    r = scaled_unit(joints, parse.ids.shape[1])
    found = {}
    for label, chain in _ARMS:
        canvas = Canvas(parse.ids.shape, parse.ids.shape[1] / REFERENCE_WIDTH)
        last = joints[chain[0]]
        canvas.ellipse(last, 5 * r, 6 * r)
        for joint in chain[1:]:
            if joints[joint - 1].any() and joints[joint].any():
                last = joints[joint]
                canvas.line(joints[[joint - 1, joint]], 10 * r)
                if joint != chain[-1]:
                    canvas.ellipse(last, 5 * r, 5 * r)
        canvas.ellipse(last, 4 * r, 4 * r)
        found[label] = parse.mask(label) & ~canvas.drawn()
    return found


def _lip_ids(parse: ParseMap) -> NDArray[np.uint8]:
    if parse.labels is not LIP20:
        raise ValueError(f"LIP20 labels wanted, got {parse.labels.__name__}")
    return parse.ids
