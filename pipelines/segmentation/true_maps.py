"""True label maps in the label set of a parser, so that its instances can be judged by them."""

from __future__ import annotations

import numpy as np

from pipelines.clothing_labels import CCP59, FASHION15, IGNORED, LIP20_TO_FASHION15
from pipelines.labels import BODY8, LIP20, LIP20_TO_BODY8, Labels
from pipelines.relabel import relabel
from pipelines.segmentation.ccp_labels import lip20_of_ccp
from pipelines.segmentation.instances import Instances, instances_of
from pipelines.types import ParseMap, Pose

_TABLES = {BODY8: LIP20_TO_BODY8, FASHION15: LIP20_TO_FASHION15}


def true_instances(truth: ParseMap, pose: Pose | None, labels: type[Labels]) -> Instances:
    """The instances of a true map, as a parser of ``BODY8`` or ``FASHION15`` has them.

    ``pose``, in pixels of the map, divides the skin of CCP59 maps; without one, such a map gives
    no classes that need it: BODY8 is refused, in FASHION15 the face stays skin. Raises
    ``ValueError`` for label sets that do not lead to ``labels``.
    """
    if truth.labels is CCP59 and labels is FASHION15:
        from pipelines.segmentation.maskrcnn_data import fashion15_of_ccp

        return instances_of(fashion15_of_ccp(truth, pose))
    if truth.labels is CCP59 and pose is not None:
        truth = lip20_of_ccp(truth, pose)
    elif truth.labels is not CCP59:
        truth = relabel(truth, LIP20)
    if truth.labels is not LIP20 or labels not in _TABLES:
        raise ValueError(f"no instances of {labels.__name__} in maps of {truth.labels.__name__}")
    table = np.full(256, IGNORED, np.uint8)
    table[list(_TABLES[labels])] = list(_TABLES[labels].values())
    return instances_of(ParseMap(table[truth.ids], labels))
