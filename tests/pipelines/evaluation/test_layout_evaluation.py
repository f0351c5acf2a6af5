"""Judging predicted layouts of known answers."""

import math

import numpy as np
import pytest

from pipelines.errors import ItemError
from pipelines.evaluation.layouts import LAYOUT_LABELS, LayoutCase, evaluate_layouts, layout_numbers
from pipelines.labels import CPVTON20, LIP20, VITONHD7, VITONHD13
from pipelines.types import ParseMap


def lip(**boxes):
    ids = np.zeros((40, 30), np.uint8)
    for label, (top, bottom, left, right) in boxes.items():
        ids[top:bottom, left:right] = LIP20[label]
    return ParseMap(ids, LIP20)


TRUTH = lip(UPPER=(10, 20, 10, 20), LEFT_ARM=(10, 20, 20, 24), RIGHT_ARM=(10, 20, 6, 10),
            PANTS=(20, 34, 10, 20), FACE=(4, 8, 12, 18), HAIR=(0, 4, 12, 18))  # fmt: skip


def scores(*pairs, names=("one",)):
    cases = [LayoutCase(f"p{n}", true, {"one": made}) for n, (made, true) in enumerate(pairs)]
    return evaluate_layouts(cases, names)[0]


def set_iou(made, true, labels):
    """Intersection over union by sets of pixel places."""
    a, b = (set(map(tuple, np.argwhere(np.isin(m.ids, labels)))) for m in (made, true))
    return len(a & b) / len(a | b)


def test_a_perfect_layout():
    found = scores((TRUTH, TRUTH))
    assert found.iou == dict.fromkeys(LAYOUT_LABELS, 1) and found.miou == 1
    assert list(found.iou) == ["upper", "arms", "lower", "hair", "face"]


def test_figures_of_a_wrong_layout():
    made = lip(UPPER=(12, 24, 10, 20), LEFT_ARM=(10, 20, 20, 23), RIGHT_ARM=(12, 20, 6, 10),
               PANTS=(24, 34, 10, 20), FACE=(4, 8, 12, 16), HAIR=(0, 5, 12, 18))  # fmt: skip
    found = scores((made, TRUTH))
    groups = {"upper": [5, 6, 7], "arms": [14, 15], "lower": [9, 12], "hair": [1, 2],
              "face": [4, 13]}  # fmt: skip
    expected = {name: set_iou(made, TRUTH, ids) for name, ids in groups.items()}
    assert found.iou == pytest.approx(expected)
    assert found.miou == pytest.approx(np.mean(list(expected.values())))
    assert found.photos == {"p0": pytest.approx(found.miou)}


def test_arms_are_one_label():
    """A layout says where arms are; which is which tells the pose, that both share."""
    swapped = lip(LEFT_ARM=(10, 20, 6, 10), RIGHT_ARM=(10, 20, 20, 24))
    assert scores((swapped, TRUTH)).iou["arms"] == 1


def test_pixels_are_summed_over_photos():
    small = lip(UPPER=(0, 1, 0, 10))
    # 100 pixels found, 10 missed: not the mean of 1 and 0
    found = scores((TRUTH, TRUTH), (lip(), small))
    assert found.iou["upper"] == pytest.approx(100 / 110)
    assert found.photos["p1"] == 0


def test_other_labels_are_background_and_judge_nothing():
    with_more = lip(SCARF=(0, 2, 0, 5), LEFT_LEG=(34, 38, 10, 14), NECK=(36, 40, 20, 24))
    found = scores((with_more, lip()))
    assert all(math.isnan(value) for value in found.iou.values()) and math.isnan(found.miou)
    # but a garment painted over a leg is wrong
    assert scores((lip(PANTS=(34, 38, 10, 14)), with_more)).iou["lower"] == 0


def test_label_sets_lead_to_the_same_numbers():
    thirteen = np.zeros((40, 30), np.uint8)
    for label, group in (("UPPER", "UPPER"), ("LEFT_ARM", "LEFT_ARM"), ("RIGHT_ARM", "RIGHT_ARM"),
                         ("PANTS", "BOTTOM"), ("FACE", "FACE"), ("HAIR", "HAIR")):  # fmt: skip
        thirteen[TRUTH.ids == LIP20[label]] = VITONHD13[group]
    numbers = layout_numbers(TRUTH)
    assert (layout_numbers(ParseMap(thirteen, VITONHD13)) == numbers).all()
    assert (layout_numbers(ParseMap(TRUTH.ids, CPVTON20)) == numbers).all()
    assert sorted(np.unique(numbers)) == [0, 1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match="VITONHD7"):
        layout_numbers(ParseMap(thirteen.clip(0, 6), VITONHD7))


def test_a_layout_of_another_size_is_brought_to_that_of_the_truth():
    twice = ParseMap(TRUTH.ids.repeat(2, 0).repeat(2, 1), LIP20)
    assert scores((twice, TRUTH)).miou == 1


def test_each_pixel_of_a_failed_layout_is_wrong():
    found = scores((TRUTH, TRUTH), (ItemError("?", code="uncertain_pose"), TRUTH))
    assert found.iou == pytest.approx(dict.fromkeys(LAYOUT_LABELS, 0.5))
    assert [(item, error.code) for item, error in found.failed] == [("p1", "uncertain_pose")]
    assert found.photos == {"p0": 1, "p1": 0}


def test_systems_have_their_own_counts():
    case = LayoutCase("p", TRUTH, {"good": TRUTH, "blank": lip()})
    good, blank = evaluate_layouts([case], ("good", "blank"))
    assert (good.name, good.miou) == ("good", 1) and (blank.name, blank.miou) == ("blank", 0)
