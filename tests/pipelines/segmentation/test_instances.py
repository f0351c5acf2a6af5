"""Instances of a label map: boxes, masks, and what is no instance."""

import numpy as np
import pytest

from pipelines.labels import BODY8, LIP20
from pipelines.segmentation.instances import Instances, instances_of
from pipelines.types import ParseMap


def test_each_label_is_one_instance_however_many_pieces_it_has():
    ids = np.zeros((20, 30), np.uint8)
    ids[2:6, 3:9] = BODY8.LEFT_ARM
    ids[10:20, 0:5] = BODY8.HAIR
    ids[10:14, 25:30] = BODY8.HAIR
    found = instances_of(ParseMap(ids, BODY8))
    assert found.labels.tolist() == [BODY8.HAIR, BODY8.LEFT_ARM]
    assert found.boxes.tolist() == [[0, 10, 30, 20], [3, 2, 9, 6]]
    np.testing.assert_array_equal(found.masks, [ids == BODY8.HAIR, ids == BODY8.LEFT_ARM])
    assert found.scores.tolist() == [1, 1] and len(found) == 2
    types = [a.dtype for a in (found.boxes, found.masks, found.labels, found.scores)]
    assert types == [np.float32, np.bool_, np.int64, np.float32]


def test_small_labels_background_and_pixels_left_out_are_no_instances():
    ids = np.full((8, 8), 255, np.uint8)
    ids[:4] = 0
    ids[0, :7] = LIP20.FACE
    ids[1, :8] = LIP20.SCARF
    parse = ParseMap(ids, LIP20)
    assert instances_of(parse, min_area_px=8).labels.tolist() == [LIP20.SCARF]
    assert instances_of(parse, min_area_px=0).labels.tolist() == [LIP20.SCARF, LIP20.FACE]


def test_an_empty_map_has_none():
    found = instances_of(ParseMap(np.zeros((5, 7), np.uint8), LIP20))
    assert len(found) == 0 and found.masks.shape == (0, 5, 7) and found.boxes.shape == (0, 4)


def test_arrays_of_different_lengths_are_refused():
    box, mask = np.zeros((1, 4), np.float32), np.zeros((1, 5, 7), bool)
    label, score = np.ones(1, np.int64), np.ones(1, np.float32)
    assert len(Instances(box, mask, label, score)) == 1
    for wrong in (
        (box[:0], mask, label, score),
        (box, mask[:0], label, score),
        (box, mask, label[:0], score),
        (box, mask, label, score[:0]),
        (box, mask[0], label, score),
    ):
        with pytest.raises(ValueError, match="instances: "):
            Instances(*wrong)
