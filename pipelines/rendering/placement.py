"""Where everything will be, as far as networks tell that predict no layout.

VITON and CP-VTON were made for pictures, not for layouts: they say how the garment bends, where it
shows, and what the dressed person looks like. Rendering at the photo's own size asks for more
(``pipelines.rendering.render.Prediction``), which is read from these (our choice):

- Where the photo shows no worn garment, body, lower clothes and background are the photo's.
- Where the worn garment was and the new one is not, the network's own picture decides by its
  colours: each pixel is background, skin or lower clothes, whichever the picture's colours are
  nearest to. They are compared with what the same picture has where the photo's labels say which
  is which: a network that paints all backgrounds white is not misread on a dark one.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.labels import LIP20, LIP20_ARMS, LIP20_LOWER, LIP20_TOPS
from pipelines.rendering.render import Prediction, new_garment
from pipelines.rendering.scene import Floats, Scene
from pipelines.types import Alpha, Mask

_HALF = 0.5
_SKIN = (*LIP20_ARMS, LIP20.FACE, LIP20.NECK)
_SHOWN = (*LIP20_ARMS, LIP20.HAIR)
_REACH = 16.0
"""Pixels over which the background's colours are continued behind the worn garment."""
_OUTLINE_SIGMA = 0.8
"""Blur of decisions that are made pixel by pixel."""
_WAIST = 0.7
"""Height of the waist, from neck to hips."""
_FEWEST = 10
"""Pixels of a label from which its colour is taken."""
_NEVER = np.float32(1e3)


def placed(
    scene: Scene, *, lead: Floats, picture: Floats, warped: Floats, cover: Alpha, grid: Floats
) -> Prediction:
    """What rendering asks for, of the parts that networks do tell; see ``Prediction`` for them."""
    body, lower = behind(scene, picture, new_garment(lead))
    return Prediction(
        lead=lead, body=body, lower=lower, picture=picture, warped=warped, cover=cover, grid=grid
    )


def covered(scene: Scene, made: Prediction) -> Mask:
    """Where garment, arms or hair will be, ``bool [h, w]``."""
    return new_garment(made.lead) | np.isin(scene.ids, _SHOWN)


def behind(scene: Scene, picture: Floats, upper: Mask) -> tuple[Floats, Mask]:
    """The person ``float32 [h, w]``, positive where they will be, and their lower clothes.

    ``picture`` is what the networks made, levels ``float32 [h, w, 3]``; ``upper`` ``bool [h, w]``
    is the new garment.
    """
    worn = np.isin(scene.ids, LIP20_TOPS)
    ground = scene.ids == LIP20.BACKGROUND
    from_ground = _distance(picture, _continued(picture, ground & ~upper))
    from_skin = _distance(picture, _mean(picture, np.isin(scene.ids, _SKIN) & ~upper))
    from_lower = _distance(picture, _mean(picture, np.isin(scene.ids, LIP20_LOWER) & ~upper))
    from_lower[: _waist(scene.trunk)] = _NEVER
    nearest = np.minimum(from_skin, from_lower)
    person = np.where(worn, from_ground > nearest, ~ground) | upper
    lower = np.where(worn, from_lower < from_skin, np.isin(scene.ids, LIP20_LOWER))
    return _smooth(person) - _HALF, _smooth(lower & ~upper) > _HALF


def _waist(trunk: Mask) -> int:
    """The first row in which lower clothes may show."""
    rows = np.nonzero(trunk.any(1))[0]
    return int(rows[0] + _WAIST * (rows[-1] - rows[0])) if len(rows) else 0


def _continued(picture: Floats, known: Mask) -> Floats | None:
    """A region's colours at every pixel: those nearby, far away their mean."""
    mean = _mean(picture, known)
    if mean is None:
        return None
    weight = known.astype(np.float32)
    near = cv2.GaussianBlur((picture - mean) * weight[..., None], (0, 0), _REACH)
    share = cv2.GaussianBlur(weight, (0, 0), _REACH)[..., None]
    return np.asarray(mean + near / (share + 0.01), np.float32)


def _mean(picture: Floats, known: Mask) -> Floats | None:
    """The mean colour of a region; None where there is hardly any."""
    if known.sum() < _FEWEST:
        return None
    return np.asarray(picture[known].mean(0), np.float32)


def _distance(picture: Floats, colour: Floats | None) -> NDArray[np.float32]:
    """How far each pixel is from a colour, in levels; very far where there is none."""
    if colour is None:
        return np.full(picture.shape[:2], _NEVER)
    return np.asarray(np.linalg.norm(picture - colour, axis=-1), np.float32)


def _smooth(mask: Mask) -> Floats:
    blurred = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), _OUTLINE_SIGMA)
    return np.asarray(blurred, np.float32)
