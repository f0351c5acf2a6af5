"""The bundled weights on photos that they were not trained on."""

import numpy as np
import pytest

from pipelines.checkpoints import manifest, verified
from pipelines.segmentation.parser import load_parser

NAME = "parser-ours-research"
GROUPS = {
    "background": (0,), "hair": (1, 2), "face": (4, 13), "upper": (5, 6, 7), "lower": (9, 12),
    "left arm": (14,), "right arm": (15,),
}  # fmt: skip
PHOTOS = 40
NECK = 10


@pytest.fixture(scope="module")
def parser():
    entry = manifest().get(NAME)
    if entry is None:
        pytest.skip(f"the manifest has no {NAME}")
    return load_parser(weights=verified(entry).path, device="cpu", precision="fp32")


@pytest.mark.shared_data
def test_most_pixels_of_viton_are_labelled_as_in_the_data_set(viton_val, parser):
    """mIoU over the pixels of all photos; true labels of no group are left out, and so are pixels
    that are neck to the parser and background to the maps, which know no neck."""
    hit, union = np.zeros(len(GROUPS)), np.zeros(len(GROUPS))
    for item in viton_val(PHOTOS):
        found, true = parser(item.image, item.pose).parse.ids, item.parse.ids
        judged = np.isin(true, [label for ids in GROUPS.values() for label in ids])
        judged &= ~((found == NECK) & (true == 0))
        for number, ids in enumerate(GROUPS.values()):
            mine, theirs = np.isin(found, ids) & judged, np.isin(true, ids) & judged
            hit[number] += (mine & theirs).sum()
            union[number] += (mine | theirs).sum()
    iou = dict(zip(GROUPS, (hit / union).round(3), strict=True))
    assert (hit / union).mean() >= 0.85, iou
