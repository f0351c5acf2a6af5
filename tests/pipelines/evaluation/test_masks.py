"""Scores of label maps against torchmetrics, SciPy and scikit-image, and by hand."""

import importlib.util

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.segmentation import find_boundaries
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_jaccard_index

from pipelines.evaluation.masks import (
    IGNORED,
    boundary_f,
    confusion,
    label_scores,
    mask_iou,
    regrouped,
)


def blobs(seed, labels, shape=(61, 47)):
    """A label map of smooth regions, as parses are."""
    noise = np.random.default_rng(seed).normal(size=(labels, *shape))
    return ndimage.gaussian_filter(noise, (0, 4, 4)).argmax(0).astype(np.uint8)


@pytest.fixture(params=[1, 2, 3])
def maps(request):
    truth, predicted = blobs(request.param, 6), blobs(request.param, 6)
    other = blobs(request.param + 100, 6)
    predicted[20:40] = other[20:40]
    truth[:7] = IGNORED
    return predicted, truth


def test_scores_equal_those_of_torchmetrics(maps):
    predicted, truth = maps
    found = label_scores(confusion(predicted, truth, 6))
    tensors = torch.from_numpy(predicted), torch.from_numpy(truth).long()
    options = {"num_classes": 6, "ignore_index": IGNORED}
    iou = multiclass_jaccard_index(*tensors, average="none", **options)
    recall = multiclass_accuracy(*tensors, average="none", **options)
    assert found.iou == pytest.approx(iou.numpy(), abs=1e-6)
    assert found.accuracy == pytest.approx(recall.numpy(), abs=1e-6)
    assert found.miou == pytest.approx(float(iou.mean()), abs=1e-6)
    overall = multiclass_accuracy(*tensors, average="micro", **options)
    assert found.pixel_accuracy == pytest.approx(float(overall), abs=1e-6)


def test_scores_by_hand():
    truth = np.array([[0, 0, 0, 1], [1, 1, 1, 1]], np.uint8)
    predicted = np.array([[0, 0, 1, 1], [1, 1, 9, 9]], np.uint8)
    counts = confusion(predicted, truth, 3)
    assert counts.tolist() == [[2, 1, 0, 0], [0, 3, 0, 2], [0, 0, 0, 0]]
    found = label_scores(counts)
    assert found.accuracy[:2] == pytest.approx([2 / 3, 3 / 5])
    assert found.iou[:2] == pytest.approx([2 / 3, 3 / 6])
    assert np.isnan(found.iou[2]) and np.isnan(found.accuracy[2])
    assert found.miou == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert found.pixel_accuracy == pytest.approx(5 / 8)


def test_a_label_that_is_only_predicted_has_no_accuracy_and_lowers_the_mean():
    found = label_scores(confusion(np.array([[0, 1]]), np.array([[0, 0]]), 2))
    assert found.iou.tolist() == [0.5, 0.0]
    assert found.miou == 0.25
    assert np.isnan(found.accuracy[1])


def test_nothing_to_judge_gives_no_score_and_no_warning(recwarn):
    nothing = np.full((3, 3), IGNORED, np.uint8)
    found = label_scores(confusion(nothing, nothing, 2))
    assert np.isnan([found.miou, found.pixel_accuracy, *found.iou]).all()
    assert not recwarn.list


def test_maps_of_different_sizes_are_refused():
    with pytest.raises(ValueError, match="different sizes"):
        confusion(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), 2)


def test_regrouping():
    ids = np.array([[0, 5, 6, 11, IGNORED]], np.uint8)
    assert regrouped(ids, {0: 0, 5: 1, 6: 1}).tolist() == [[0, 1, 1, IGNORED, IGNORED]]


def test_iou_of_masks():
    first, second = np.zeros((2, 4), bool), np.zeros((2, 4), bool)
    assert mask_iou(first, second) == 1
    first[0] = second[0, :3] = second[1, 0] = True
    assert mask_iou(first, second) == 3 / 5


def exact_f(predicted, truth, tolerance):
    """Boundary F with SciPy's exact distances and scikit-image's inner outlines."""
    # scikit-image takes the edge of the image for no boundary, as we do
    one, two = (find_boundaries(m, connectivity=2, mode="inner") for m in (predicted, truth))
    precision = (ndimage.distance_transform_edt(~two)[one] <= tolerance).mean()
    recall = (ndimage.distance_transform_edt(~one)[two] <= tolerance).mean()
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize("tolerance", [1, 2, 3])
def test_boundary_f_equals_an_exact_computation(maps, tolerance):
    predicted, truth = maps
    for label in range(6):
        one, two = predicted == label, truth == label
        found = boundary_f(one, two, tolerance)
        assert found == pytest.approx(exact_f(one, two, tolerance), abs=1e-12)


def square(shift=0):
    mask = np.zeros((30, 30), bool)
    mask[10:20, 8 + shift : 18 + shift] = True
    return mask


def test_boundary_f_by_hand():
    assert boundary_f(square(), square()) == 1
    assert boundary_f(square(), square(2), 2.0) == 1
    # of the 36 points of each outline, 20 are at most 1 px away from the other, 2 px beside it:
    # 9 of 10 on the top and on the bottom, and the 2 points below and above those in one column
    assert boundary_f(square(), square(2), 1.0) == pytest.approx(20 / 36)


def test_boundary_f_without_an_outline():
    nothing, everything = np.zeros((9, 9), bool), np.ones((9, 9), bool)
    assert boundary_f(nothing, nothing) == 1
    assert boundary_f(everything, everything) == 1, "the edge of the photo is no outline"
    assert boundary_f(nothing, everything) == 1
    assert boundary_f(square(), np.zeros((30, 30), bool)) == 0
    assert boundary_f(np.zeros((30, 30), bool), square()) == 0


def test_outlines_of_what_is_left_out_are_not_judged():
    predicted, truth = square(), square()
    left_out = np.zeros((30, 30), bool)
    left_out[:, 14:] = True
    predicted[12:20, 14:18] = False
    # what differs lies where nothing is judged
    assert boundary_f(predicted & ~left_out, truth & ~left_out, 1.0, left_out) == 1
    assert boundary_f(predicted, truth, 1.0) < 1
    # and cutting both alike must not add points that agree
    low, tall = np.zeros((2, 30, 30), bool)
    low[10:20, 2:14] = tall[2:28, 8:14] = True
    assert boundary_f(low, tall, 1.0, left_out) < boundary_f(low, tall, 1.0)


@pytest.mark.shared_data
def test_equal_to_the_definitions_that_figures_are_compared_by(maps, shared_data):
    path = shared_data.parent / "measure" / "metrics.py"
    if not path.is_file():
        pytest.skip("the definitions are not on this machine")
    spec = importlib.util.spec_from_file_location("metrics_of_reference", path)
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    predicted, truth = maps
    counts = confusion(predicted, truth, 6)
    assert (counts == reference.confusion(predicted, truth, 6)).all()
    found = label_scores(counts)
    iou, miou, accuracy = reference.iou_table(counts)
    assert np.array_equal(found.iou, iou)
    assert (found.miou, found.pixel_accuracy) == (miou, accuracy)
    for label in range(6):
        masks = predicted == label, truth == label
        assert mask_iou(*masks) == reference.mask_iou(*masks)
        for tolerance in (0.5, 1.0, 2.0, 3.5):
            assert boundary_f(*masks, tolerance) == reference.boundary_f(*masks, tolerance)
