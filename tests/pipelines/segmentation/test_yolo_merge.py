"""Detected body parts merged into one map."""

import numpy as np
import pytest

from pipelines.labels import BODY8, LIP20
from pipelines.segmentation.instances import Instances, instances_of
from pipelines.segmentation.yolo_merge import (
    ORDER,
    body8_of_instances,
    certainty,
    lip20_of_body8,
)
from pipelines.types import ParseMap, Size

SIZE = Size(20, 30)


def found(*parts):
    """Instances of (label, first column, end column, score), each over all rows."""
    masks = np.zeros((len(parts), *SIZE), bool)
    for mask, (_, start, end, _) in zip(masks, parts, strict=True):
        mask[:, start:end] = True
    return Instances(
        np.array([(start, 0, end, SIZE.height) for _, start, end, _ in parts], np.float32).reshape(
            -1, 4
        ),
        masks,
        np.array([label for label, *_ in parts], np.int64),
        np.array([score for *_, score in parts], np.float32),
    )


def columns(instances, **limits):
    return body8_of_instances(instances, SIZE, **limits).ids[0]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_more_certain_instance_takes_a_shared_pixel(order):
    parts = [(BODY8.HAIR, 0, 12, 0.9), (BODY8.LEFT_ARM, 8, 20, 0.6)]
    row = columns(found(*(parts[i] for i in order)))
    assert set(row[:12]) == {BODY8.HAIR}
    assert set(row[12:20]) == {BODY8.LEFT_ARM}
    assert set(row[20:]) == {0}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_equal_scores_are_decided_from_the_front(order):
    parts = [(BODY8.UPPER_BODY, 0, 20, 0.5), (BODY8.RIGHT_ARM, 5, 9, 0.5)]
    row = columns(found(*(parts[i] for i in order)))
    assert list(np.flatnonzero(row == BODY8.RIGHT_ARM)) == [5, 6, 7, 8]


def test_every_class_has_a_place_in_the_order():
    assert set(ORDER) == set(BODY8) - {BODY8.BACKGROUND}


def test_uncertain_instances_are_left_out_and_pieces_add_up():
    instances = found(
        (BODY8.LEFT_ARM, 0, 4, 0.8), (BODY8.LEFT_ARM, 10, 14, 0.3), (BODY8.FACE, 20, 30, 0.24)
    )
    row = columns(instances)
    assert list(np.flatnonzero(row == BODY8.LEFT_ARM)) == [0, 1, 2, 3, 10, 11, 12, 13]
    assert not (row == BODY8.FACE).any()
    assert (columns(instances, min_score=0.2) == BODY8.FACE).any()


def test_a_map_taken_apart_and_merged_is_the_map(person):
    _, ids, _ = person
    table = np.zeros(256, np.uint8)
    table[[2, 13, 10, 5, 9, 14, 15]] = [1, 2, 3, 4, 5, 6, 7]
    parse = ParseMap(table[ids], BODY8)
    merged = body8_of_instances(instances_of(parse), Size(*ids.shape))
    assert np.array_equal(merged.ids, parse.ids)
    lip = lip20_of_body8(merged)
    assert lip.labels is LIP20
    assert np.array_equal(lip.ids, ids)


def test_certainty_is_the_mean_over_the_pixels_shown():
    instances = found((BODY8.FACE, 0, 10, 0.9), (BODY8.HAIR, 5, 20, 0.6), (BODY8.HAIR, 0, 3, 0.1))
    parse = body8_of_instances(instances, SIZE)
    assert certainty(instances, parse) == pytest.approx((10 * 0.9 + 10 * 0.6) / 20)
    nothing = found()
    assert certainty(nothing, body8_of_instances(nothing, SIZE)) == 0
