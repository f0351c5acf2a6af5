"""The bundled weights on photos that they were not trained on."""

import numpy as np
import pytest

from pipelines.checkpoints import manifest, verified
from pipelines.labels import LIP20
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


@pytest.mark.shared_data
def test_the_second_look_agrees_with_the_first_about_sides(viton_val, parser, monkeypatch):
    """A mirror that is not undone would exchange the arms or move the outlines."""
    items = list(viton_val(6))
    twice = np.stack([parser(item.image, item.pose).parse.ids for item in items])
    monkeypatch.setattr("pipelines.segmentation.parser.SECOND_LOOK_PX", 0)
    once = np.stack([parser(item.image, item.pose).parse.ids for item in items])
    assert (once != twice).any()
    for label in (LIP20.LEFT_ARM, LIP20.RIGHT_ARM, LIP20.HAIR, LIP20.FACE, LIP20.UPPER):
        both, either = (once == label) & (twice == label), (once == label) | (twice == label)
        assert both.sum() > 0.85 * either.sum(), label.name
