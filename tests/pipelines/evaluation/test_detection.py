"""Average precision on answers that are known, and against ultralytics and a slow computation."""

import numpy as np
import pytest

from pipelines.errors import ExtraMissing
from pipelines.evaluation import detection
from pipelines.evaluation.detection import DetectionTally, matched, operating_points
from pipelines.segmentation.instances import Instances

pytest.importorskip("faster_coco_eval")
pytest.importorskip("torchmetrics")

NAMES = {1: "hair", 2: "face", 3: "skirt"}
SIZE = (60, 50)


def instances(*rows):
    """Rectangles: (left, top, right, bottom, label[, score])."""
    masks = np.zeros((len(rows), *SIZE), bool)
    for mask, (left, top, right, bottom, *_) in zip(masks, rows, strict=True):
        mask[top:bottom, left:right] = True
    return Instances(
        boxes=np.array([row[:4] for row in rows], np.float32).reshape(-1, 4),
        masks=masks,
        labels=np.array([row[4] for row in rows], np.int64),
        scores=np.array([row[5] if len(row) > 5 else 1 for row in rows], np.float32),
    )


def scored(*photos):
    tally = DetectionTally(NAMES)
    for predicted, truth in photos:
        tally.add(predicted, truth)
    return tally.scores()


HAIR, FACE = (10, 10, 30, 30, 1), (5, 40, 25, 55, 2)


def test_perfect_predictions():
    truth = instances(HAIR, FACE)
    found = scored((instances((*HAIR, 0.9), (*FACE, 0.6)), truth), (truth, truth))
    for row in (found.mean, *found.classes[:2]):
        for kind in (row.box, row.mask):
            assert (kind.ap, kind.ap50, kind.ap75) == pytest.approx((1, 1, 1))
            assert (kind.precision, kind.recall) == pytest.approx((1, 1))
    assert [(r.name, r.images, r.instances) for r in found.classes] == [
        ("hair", 2, 2), ("face", 2, 2), ("skirt", 0, 0),
    ]  # fmt: skip
    assert (found.mean.images, found.mean.instances) == (2, 4)


def test_a_class_that_no_truth_has_is_not_averaged():
    found = scored((instances((*HAIR, 0.9), (0, 0, 9, 9, 3, 0.9)), instances(HAIR)))
    assert np.isnan(found.classes[2].mask.ap)
    assert found.mean.mask.ap == pytest.approx(1)


def test_shifted_predictions_hit_at_low_thresholds_only():
    # 20x20 squares, 4 px apart: IoU 16 / 24 = 2/3, a hit at .50, .55, .60 and .65
    shifted = (14, 10, 34, 30, 1, 0.9)
    found = scored((instances(shifted), instances(HAIR))).classes[0]
    for kind in (found.box, found.mask):
        assert (kind.ap50, kind.ap75, kind.ap) == pytest.approx((1, 0, 0.4))


def test_boxes_and_masks_are_judged_apart():
    predicted = instances((*HAIR, 0.9))
    predicted.masks[:, 10:30, 10:21] = False  # under half of the mask, the same box
    found = scored((predicted, instances(HAIR))).classes[0]
    assert found.box.ap == pytest.approx(1)
    assert (found.mask.ap50, found.mask.recall) == (0, 0)


def test_missing_predictions():
    truth = instances(HAIR)
    found = scored((instances((*HAIR, 0.9)), truth), (instances(), truth)).classes[0]
    # recall reaches 1/2: the recall points 0, .01, ... .50 of 101 have precision 1
    assert found.mask.ap == pytest.approx(51 / 101)
    assert found.mask.recall == pytest.approx(0.5)
    assert found.mask.precision > 0.5


def test_no_predictions_at_all():
    found = scored((instances(), instances(HAIR)), (instances(), instances()))
    assert found.classes[0].mask == detection.Precision(0, 0, 0, 0, 0)
    assert found.mean.images == 2


def test_nothing_true_and_nothing_predicted():
    found = scored((instances(), instances()))
    assert np.isnan(found.mean.mask.ap)


def test_a_double_detection_is_wrong_once():
    truth = instances(HAIR)
    before = instances((*HAIR, 0.9), (11, 10, 31, 30, 1, 0.8))
    assert matched(before, truth, np.array([[1.0], [0.9]])).tolist() == [True, False]
    # the double comes after the hit: every recall point is reached at precision 1
    assert scored((before, truth)).classes[0].mask.ap50 == pytest.approx(1)
    elsewhere = instances((*HAIR, 0.3)), truth
    # now it comes before the second hit: precision 1 up to recall 1/2, then 2/3
    found = scored((before, truth), elsewhere).classes[0]
    assert found.mask.ap50 == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_the_order_of_scores_matters():
    truth, wrong = instances(HAIR), (0, 40, 9, 49, 1)
    first = scored((instances((*HAIR, 0.9), (*wrong, 0.5)), truth)).classes[0]
    second = scored((instances((*HAIR, 0.5), (*wrong, 0.9)), truth)).classes[0]
    assert first.mask.ap50 == pytest.approx(1)
    assert second.mask.ap50 == pytest.approx(0.5)
    assert first.mask.precision > 0.9 > 0.6 > second.mask.precision


def test_a_prediction_of_another_class_hits_nothing():
    found = scored((instances((*HAIR[:4], 2, 0.9)), instances(HAIR)))
    assert found.classes[0].mask.ap == 0


def random_photos(seed, photos=12):
    """Rectangles of three classes, predicted with noise, doubles and misses."""
    rng = np.random.default_rng(seed)
    for _ in range(photos):
        truth, predicted = [], []
        for label in rng.integers(1, 4, rng.integers(1, 5)):
            left, top = rng.integers(2, 25, 2)
            width, height = rng.integers(8, 22, 2)
            box = np.array([left, top, left + width, top + height])
            truth.append((*box, label))
            for _ in range(rng.choice(3, p=(0.2, 0.6, 0.2))):
                moved = np.clip(box + rng.integers(-3, 4, 4), 0, (50, 60, 50, 60))
                predicted.append((*moved, label, rng.random()))
        yield instances(*predicted), instances(*truth)


THRESHOLDS = [n / 100 for n in range(50, 100, 5)]


def slow_ap(photos, label, threshold):
    """AP of boxes as the COCO page words it, with plain loops."""
    pooled, total = [], 0
    for predicted, truth in photos:
        known = [tuple(b) for b, k in zip(truth.boxes, truth.labels, strict=True) if k == label]
        total += len(known)
        mine = [
            (float(s), tuple(b))
            for b, k, s in zip(predicted.boxes, predicted.labels, predicted.scores, strict=True)
            if k == label
        ]
        taken = set()
        for score, box in sorted(mine, key=lambda row: -row[0]):
            best, chosen = threshold, None
            for index, other in enumerate(known):
                common = max(0, min(box[2], other[2]) - max(box[0], other[0])) * max(
                    0, min(box[3], other[3]) - max(box[1], other[1])
                )
                areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (box, other)]
                iou = common / (sum(areas) - common)
                if index not in taken and iou >= best:
                    best, chosen = iou, index
            if chosen is not None:
                taken.add(chosen)
            pooled.append((score, chosen is not None))
    points, hits = [], 0
    for rank, (_, hit) in enumerate(sorted(pooled, key=lambda row: -row[0]), start=1):
        hits += hit
        points.append((hits / total, hits / rank))
    reached = [
        max((p for r, p in points if r >= wanted - 1e-12), default=0)
        for wanted in np.linspace(0, 1, 101)
    ]
    return sum(reached) / 101


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_against_a_slow_computation(seed):
    photos = list(random_photos(seed))
    found = scored(*photos)
    for label, row in zip(NAMES, found.classes, strict=True):
        each = [slow_ap(photos, label, threshold) for threshold in THRESHOLDS]
        assert row.box.ap50 == pytest.approx(each[0])
        assert row.box.ap75 == pytest.approx(each[5])
        assert row.box.ap == pytest.approx(np.mean(each))
        assert row.mask.ap == pytest.approx(row.box.ap), "masks are the boxes here"
    assert found.mean.box.ap == pytest.approx(np.mean([row.box.ap for row in found.classes]))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_precision_and_recall_are_read_as_ultralytics_reads_them(seed):
    metrics = pytest.importorskip("ultralytics.utils.metrics")
    rng = np.random.default_rng(seed)
    hits, scores = rng.random(80) < 0.6, rng.random(80).astype(np.float32)
    labels = rng.integers(1, 4, 80)
    true = {1: 30, 2: 25, 3: 28}
    known = np.repeat(list(true), list(true.values()))
    result = metrics.ap_per_class(hits[:, None], scores, labels, known)
    precision, recall = result[2], result[3]
    at_best, _ = operating_points(hits, scores, labels, true)
    assert [at_best[label] for label in true] == [
        pytest.approx(pair, abs=1e-6) for pair in zip(precision, recall, strict=True)
    ]


@pytest.mark.parametrize("package", ["torchmetrics", "faster_coco_eval"])
def test_a_missing_package_is_named_with_its_extra(monkeypatch, package):
    monkeypatch.setattr(detection, "find_spec", lambda name: None if name == package else True)
    with pytest.raises(ExtraMissing, match=package) as caught:
        DetectionTally(NAMES)
    assert caught.value.hint == "Type: pip install 'vtonctl[eval]'"
