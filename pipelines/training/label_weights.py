"""Weights of labels by a data set's statistics: small parts count as much as large ones."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipelines.labels import LIP20

_IDS = 256


def equalised_weights(maps: Iterable[NDArray[np.uint8]], limit: float) -> Tensor:
    """Weights ``float32 [20]`` with which all labels of label maps (LIP20) count the same.

    A weight is the inverse of the label's share of all pixels, at most ``limit`` times the
    smallest; a label that does not occur gets 0, ids that are no label do not count. Source: the
    equalised label-weighted loss of Sandagdorj, Thai and Ahn (2020), whose weights are the
    statistics of its data set; the limit is our choice.
    """
    counts = np.zeros(_IDS)
    for ids in maps:
        counts += np.bincount(ids.ravel(), minlength=_IDS)
    counts = counts[: len(LIP20)]
    inverse = np.where(counts > 0, 1 / np.maximum(counts, 1), 0)
    smallest = inverse[inverse > 0].min(initial=np.inf)
    return torch.tensor(np.minimum(inverse / smallest, limit), dtype=torch.float32)
