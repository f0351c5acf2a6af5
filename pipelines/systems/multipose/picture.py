"""The person in the new pose at the photo's own size, from what the networks predict small.

From back to front (our choice): the photo's background, continued where the person was; the body as
the networks paint it, with outlines drawn at full size; the garment, sampled at its own resolution
through the warp; the photo's own head, moved. What the new pose leaves where it was is the photo's.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipelines.labels import LIP20, LIP20_ARMS, LIP20_TOPS
from pipelines.rendering.garment import RenderGarment
from pipelines.rendering.render import (
    Prediction,
    RenderConfig,
    Rendered,
    box_of,
    enlarged,
    garment_colours,
    new_garment,
    outlined,
)
from pipelines.rendering.scene import Bytes, Floats, smooth
from pipelines.systems.multipose.head import Matrix, moved_head
from pipelines.systems.multipose.layers import HEAD, PersonLayers, still_part
from pipelines.types import Alpha, Mask

_BESIDE = (LIP20.HAT, LIP20.HAIR, LIP20.SUNGLASSES, LIP20.FACE)


@dataclass(frozen=True, eq=False)
class PosedPrediction:
    """What the networks say, at the working size: the usual, and ``segmentation`` ``float32 [20,
    h, w]``, the shares of the labels.
    """  # noqa: D205 - one sentence

    made: Prediction
    segmentation: Floats


@dataclass(frozen=True, eq=False)
class Stance:
    """How a person will stand: the head's ``move`` (None: the networks' head is shown), the
    ``still`` groups of labels, and the ``trunk`` ``bool [h, w]`` of the working size.
    """  # noqa: D205 - one sentence

    move: Matrix | None
    still: tuple[tuple[int, ...], ...]
    trunk: Mask


def posed_picture(
    layers: PersonLayers,
    garment: RenderGarment,
    predicted: PosedPrediction,
    stance: Stance,
    config: RenderConfig | None = None,
) -> Rendered:
    """Paint the person; what equals the photo is not ``edited``."""
    made, photo = predicted.made, layers.photo.astype(np.float32)
    size = (photo.shape[1], photo.shape[0])
    changes = 1 - _kept(layers, predicted, stance)
    image = _over(photo, layers.plate.astype(np.float32), _share(layers.person) * changes)
    painted = np.clip(enlarged(made.picture, size, cv2.INTER_CUBIC), 0, 255)
    body = outlined(_body(predicted, stance), size)
    image = _over(image, painted, body * changes)
    upper = new_garment(made.lead)
    cloth = outlined(np.where(upper, made.lead, -np.abs(made.lead)).astype(np.float32), size)
    box = box_of(cloth > 0)
    if box is not None:
        sigma = (config or RenderConfig()).light_sigma
        colours = garment_colours(garment, made, upper, box, size, sigma)
        image[box] = _over(image[box], colours, cloth[box])
    edited = 1 - (1 - np.maximum(_share(layers.person), body) * changes) * (1 - cloth)
    if stance.move is not None:
        head, shown = moved_head(layers.photo, layers.head, stance.move)
        before = outlined(_lead_of(predicted.segmentation, LIP20_ARMS + (LIP20.GLOVE,)), size)
        shown = shown * (1 - before)
        image, edited = _over(image, head, shown), np.maximum(edited, shown)
    result = np.clip(np.round(image), 0, 255).astype(np.uint8)
    edited[(result == layers.photo).all(-1)] = 0
    return Rendered(result, edited.astype(np.float32), cloth)


def _kept(layers: PersonLayers, predicted: PosedPrediction, stance: Stance) -> Alpha:
    """How far the photo is kept where nothing moves, 0..1."""
    still = still_part(layers, predicted.segmentation, stance.still)
    return smooth(still, layers.unit)


def _body(predicted: PosedPrediction, stance: Stance) -> Floats:
    """Positive where the networks' person shows, at the working size.

    A neckline shows skin, which layouts count as background. Beside the photo's own head theirs
    must not show: its hair and face are left out where nothing of the body is behind them.
    """
    body = np.where(stance.trunk, np.maximum(predicted.made.body, 0.5), predicted.made.body)
    body = np.asarray(body, np.float32)
    if stance.move is None:
        return body
    ghost = np.isin(predicted.segmentation.argmax(0), _BESIDE) & ~stance.trunk
    return np.where(ghost, -np.abs(body), body).astype(np.float32)


def _lead_of(segmentation: Floats, labels: tuple[int, ...]) -> Floats:
    """By how much some labels together are above all others together."""
    share = segmentation[list(labels)].sum(0)
    return np.asarray(2 * share - 1, np.float32)


def _over(below: Floats, above: Floats, alpha: Alpha) -> Floats:
    return np.asarray(below + alpha[..., None] * (above - below), np.float32)


def _share(mask: Bytes) -> Alpha:
    return mask.astype(np.float32) / 255


def covered(segmentation: Floats) -> Mask:
    """Where garment, arms or hair will be, ``bool [h, w]``."""
    shown = (*LIP20_TOPS, *LIP20_ARMS, *HEAD)
    return np.isin(segmentation.argmax(0), shown)
