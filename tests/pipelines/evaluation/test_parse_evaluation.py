"""Judging whole photos: what is counted, what is left out, and what is told of each."""

import math

import numpy as np
import pytest
from torchmetrics.functional.classification import multiclass_jaccard_index

from pipelines.clothing_labels import CCP59
from pipelines.errors import ItemError
from pipelines.evaluation.detection import DetectionTally
from pipelines.evaluation.groups import find_groupings
from pipelines.evaluation.parse import ParseCase, evaluate_parse, judged_maps
from pipelines.evaluation.sheet import TILE_HEIGHT, contact_sheet
from pipelines.flags import Flag
from pipelines.labels import CPVTON20, LIP20
from pipelines.segmentation.instances import instances_of
from pipelines.types import Keypoints, ParseMap, Pose

VITON7 = find_groupings("viton7", CPVTON20)


def person(labels=CPVTON20):
    """Hair, face, top, trousers and arms on a background, 64 x 40; the neck is background."""
    ids = np.zeros((64, 40), np.uint8)
    for label, (top, bottom, left, right) in {
        "HAIR": (4, 8, 14, 26), "FACE": (8, 16, 14, 26), "UPPER": (20, 42, 12, 28),
        "PANTS": (42, 60, 12, 28), "RIGHT_ARM": (22, 44, 6, 12), "LEFT_ARM": (22, 44, 28, 34),
    }.items():  # fmt: skip
        ids[top:bottom, left:right] = labels[label]
    return ParseMap(ids, labels)


def predicted(**changes):
    """The true map in LIP20 with some rectangles painted over."""
    ids = person(LIP20).ids.copy()
    for label, (top, bottom, left, right) in changes.items():
        ids[top:bottom, left:right] = LIP20[label]
    return ParseMap(ids, LIP20)


NECK = {"NECK": (16, 20, 16, 24)}


def judged(*cases, groupings=VITON7, **options):
    return evaluate_parse(cases, groupings, **options)


def iou(scores, label):
    return next(row.iou for row in scores.labels if row.name == label)


def test_a_perfect_map():
    found = judged(ParseCase("ann", person(), predicted()))
    main = found.groupings[0]
    assert (main.miou, main.pixel_accuracy, main.boundary_f) == (1, 1, 1)
    assert {row.accuracy for row in main.labels} == {1}
    assert sum(row.true_px for row in main.labels) == 64 * 40
    assert found.photos[0].miou == 1 and not found.failed and found.without_failed is None


def test_a_neck_on_background_is_left_out_and_strictly_wrong():
    found = judged(ParseCase("ann", person(), predicted(**NECK)))
    main, strict = found.groupings[:2]
    assert main.miou == 1 and main.boundary_f == 1
    background = int((person().ids == 0).sum())
    assert iou(strict, "background") == pytest.approx((background - 32) / background)
    # a neck on the face is wrong either way
    found = judged(ParseCase("ann", person(), predicted(NECK=(14, 16, 14, 26))))
    assert iou(found.groupings[0], "face") == pytest.approx(1 - 24 / 96)


def test_where_the_truth_has_a_neck_a_wrong_one_is_wrong():
    groupings = find_groupings("lip20", LIP20)
    found = judged(ParseCase("ann", person(LIP20), predicted(**NECK)), groupings=groupings)
    assert len(found.groupings) == 1
    assert iou(found.groupings[0], "neck") == 0
    assert found.groupings[0].miou < 1


def test_labels_outside_of_the_groups_are_left_out_and_reported_apart():
    truth = person()
    truth.ids[60:64, 12:28] = CPVTON20.LEFT_LEG
    found = judged(ParseCase("ann", truth, predicted(RIGHT_LEG=(60, 64, 12, 28))))
    assert found.groupings[0].miou == 1
    apart = found.groupings[2]
    assert (iou(apart, "left leg"), iou(apart, "right leg")) == (0, 0)
    # predicted where the truth has a group, they are wrong
    found = judged(ParseCase("ann", person(), predicted(LEFT_LEG=(52, 60, 12, 28))))
    assert iou(found.groupings[0], "lower") == pytest.approx(10 / 18)


def test_counts_are_summed_before_they_are_divided():
    """Against torchmetrics over the pixels of both photos in one row."""
    cases = [
        ParseCase("ann", person(), predicted(PANTS=(30, 42, 12, 28))),
        ParseCase("bea", person(), predicted(UPPER=(42, 50, 12, 28), BACKGROUND=(22, 30, 6, 12))),
    ]
    main = judged(*cases).groupings[0]
    import torch

    maps = [judged_maps(VITON7[0], case.predicted, case.truth) for case in cases]
    made, true = (torch.from_numpy(np.concatenate(row)).long() for row in zip(*maps, strict=True))
    each = multiclass_jaccard_index(made, true, num_classes=7, average="none")
    assert [row.iou for row in main.labels] == pytest.approx(each.tolist(), abs=1e-6)
    assert main.miou == pytest.approx(float(each.mean()), abs=1e-6)


def test_a_failed_photo_counts_as_wholly_wrong_and_is_listed():
    error = ItemError("nobody", code="no_person")
    good = ParseCase("ann", person(), predicted())
    found = judged(good, ParseCase("bea", person(), None, error=error))
    assert [p.item for p in found.failed] == ["bea"]
    assert found.failed[0].miou == 0 and found.failed[0].boundary_f == 0
    assert found.groupings[0].miou == pytest.approx(0.5)
    assert found.groupings[0].pixel_accuracy == pytest.approx(0.5)
    assert found.without_failed.miou == 1
    assert [row.boundary_f for row in found.groupings[0].labels] == [0.5] * 7


def test_another_size_is_brought_to_that_of_the_truth():
    small = predicted()
    large = ParseMap(small.ids.repeat(2, 0).repeat(2, 1), LIP20)
    found = judged(ParseCase("ann", person(), large), ParseCase("bea", person(), small))
    assert found.resized == 1
    assert found.groupings[0].miou == 1


def test_what_is_told_of_a_photo():
    case = ParseCase(
        "ann", person(), predicted(HAIR=(8, 16, 14, 26)), score=0.2,
        flags=(Flag.UNCERTAIN_PARSE,), wall_s=0.25, processor_s=0.5,
    )  # fmt: skip
    photo = judged(case).photos[0]
    assert (photo.iou["hair"], photo.iou["face"]) == (pytest.approx(1 / 3), 0)
    assert photo.miou == pytest.approx((5 + 1 / 3) / 7)
    assert (photo.score, photo.wall_ms, photo.processor_ms) == (0.2, 250, 500)
    assert photo.flags == (Flag.UNCERTAIN_PARSE,)


def test_the_mean_of_a_photo_is_over_the_labels_that_it_has():
    truth, made = person(), predicted(BACKGROUND=(4, 8, 14, 26))
    truth.ids[truth.ids == CPVTON20.HAIR] = 0
    photo = judged(ParseCase("ann", truth, made)).photos[0]
    assert math.isnan(photo.iou["hair"])
    assert photo.miou == 1


def test_times_are_medians_of_the_photos_that_were_parsed():
    cases = [ParseCase(str(s), person(), predicted(), wall_s=s, processor_s=s) for s in (1, 2, 9)]
    failed = ParseCase("x", person(), None, error=ItemError("no"))
    found = judged(*cases, failed)
    assert (found.median_wall_ms, found.median_processor_ms) == (2000, 2000)
    assert math.isnan(judged(failed).median_wall_ms)


def pose():
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    # right shoulder, elbow, wrist; left shoulder, elbow, wrist
    for joint, point in zip((2, 3, 4, 5, 6, 7), ((9, 22), (9, 33), (9, 44), (31, 22), (31, 33),
                                                 (31, 44)), strict=True):  # fmt: skip
        xy[joint], score[joint] = point, 0.9
    return Pose(Keypoints(xy, score))


def test_exchanged_sides_are_counted_against_truth_and_pose():
    swapped = predicted(LEFT_ARM=(22, 44, 6, 12), RIGHT_ARM=(22, 44, 28, 34))
    wrong_truth = person()
    wrong_truth.ids[22:44, 6:12], wrong_truth.ids[22:44, 28:34] = 14, 15
    found = judged(
        ParseCase("ann", person(), predicted(), pose=pose()),
        ParseCase("bea", person(), swapped, pose=pose()),
        ParseCase("cat", wrong_truth, predicted(), pose=pose()),
        ParseCase("dora", person(), predicted()),
    )
    told = {(s.part, s.between): (s.judged, s.exchanged) for s in found.sides}
    assert told == {
        ("arms", "prediction and truth"): (4, ("bea", "cat")),
        ("arms", "prediction and pose"): (3, ("bea",)),
        ("arms", "truth and pose"): (3, ("cat",)),
    }


def test_the_worst_photos_are_kept_worst_first():
    cases = [
        ParseCase(name, person(), predicted(PANTS=(42 - cut, 42, 12, 28)))
        for name, cut in (("fine", 0), ("bad", 20), ("so-so", 8), ("poor", 14))
    ]
    found = judged(*cases, worst=3)
    assert [case.item for case in found.worst] == ["bad", "poor", "so-so"]
    assert judged(*cases).worst == ()


def test_instances_of_cases_are_judged():
    truth = instances_of(person(LIP20))
    names = {int(label): label.name.lower() for label in LIP20 if label}
    cases = [
        ParseCase("ann", person(), predicted(), instances=(truth, truth)),
        ParseCase("bea", person(), predicted()),
    ]
    found = judged(*cases, detection=DetectionTally(names)).detection
    assert found.mean.images == 1
    assert found.mean.mask.ap == pytest.approx(1)


def test_truths_of_ccp():
    ids = np.zeros((64, 40), np.uint8)
    ids[20:42, 12:28], ids[42:60, 12:28], ids[8:16, 14:26] = CCP59.DRESS, CCP59.TIGHTS, CCP59.SKIN
    made = np.zeros((64, 40), np.uint8)
    made[20:42, 12:28], made[42:60, 12:28], made[8:16, 14:26] = LIP20.DRESS, 9, LIP20.FACE
    case = ParseCase("ann", ParseMap(ids, CCP59), ParseMap(made, LIP20), pose=pose())
    found = judged(case, groupings=find_groupings("ccp6", CCP59))
    # what was called trousers lies on tights, which are left out
    assert [g.miou for g in found.groupings] == [1, 1]
    assert found.sides == (), "nothing here has sides"
    made[20:42, 12:28] = LIP20.UPPER
    together, apart = judged(case, groupings=find_groupings("ccp6", CCP59)).groupings
    assert iou(together, "upper") == 1
    assert (iou(apart, "upper"), iou(apart, "dress")) == (0, 0)


def test_a_sheet_shows_photo_prediction_and_truth():
    photo = np.full((64, 40, 3), 200, np.uint8)
    case = ParseCase("ann", person(), predicted(**NECK), image=photo)
    failed = ParseCase("bea", person(), None, image=photo, error=ItemError("no", code="no_person"))
    sheet = contact_sheet([case, failed, case, case], [0.5, 0.0, 0.7, 0.8], VITON7[0])
    width = round(40 * TILE_HEIGHT / 64)
    assert sheet.dtype == np.uint8
    assert sheet.shape[0] > 2 * TILE_HEIGHT and sheet.shape[1] > 9 * width
    # the middle of the trousers: plain in the photo, of one colour in both maps
    row, column = sheet.shape[0] // 2 - 6 - round(14 * TILE_HEIGHT / 64), width // 2
    plain, made, true = (sheet[row, column + place * width] for place in range(3))
    assert plain.tolist() == [200, 200, 200]
    assert made.tolist() == true.tolist() != plain.tolist()
    # the neck is left out: both show the photo there
    row = 22 + round(18 * TILE_HEIGHT / 64)
    assert sheet[row, column + width].tolist() == [200, 200, 200]
    assert sheet[row, column + 2 * width].tolist() == [200, 200, 200]
    # a prediction that failed shows the photo
    failed_row = sheet.shape[0] // 2 - 6 - round(14 * TILE_HEIGHT / 64)
    assert sheet[failed_row, 3 * width + 6 + column + width].tolist() == [200, 200, 200]
