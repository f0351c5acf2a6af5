"""The guided filter against its published definition, window by window."""

import cv2
import numpy as np
import pytest

from pipelines.preprocess.guided_filter import GuidedFilter, enlarge_part, guided_filter


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def slow(guide: np.ndarray, mask: np.ndarray, radius: int, epsilon: float) -> np.ndarray:
    """He et al., equations 10 to 15: ridge regression in each window, then the mean."""
    pad = ((radius, radius), (radius, radius))
    colours = np.pad(guide / 255.0, (*pad, (0, 0)), mode="symmetric")
    values = np.pad(mask.astype(np.float64), pad, mode="symmetric")
    height, width = mask.shape
    slopes, offsets = np.zeros((height, width, 3)), np.zeros((height, width))
    side = 2 * radius + 1
    for y in range(height):
        for x in range(width):
            window = colours[y : y + side, x : x + side].reshape(-1, 3)
            wanted = values[y : y + side, x : x + side].ravel()
            covariance = np.cov(window.T, bias=True) + epsilon * np.eye(3)
            cross = ((window - window.mean(0)) * (wanted - wanted.mean())[:, None]).mean(0)
            slopes[y, x] = np.linalg.solve(covariance, cross)
            offsets[y, x] = wanted.mean() - slopes[y, x] @ window.mean(0)
    slopes = np.pad(slopes, (*pad, (0, 0)), mode="symmetric")
    offsets = np.pad(offsets, pad, mode="symmetric")
    out = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            slope = slopes[y : y + side, x : x + side].mean((0, 1))
            out[y, x] = slope @ (guide[y, x] / 255) + offsets[y : y + side, x : x + side].mean()
    return np.clip(out, 0, 1)


def test_equals_the_published_equations() -> None:
    guide, mask = noise(20, 24), np.random.default_rng(1).random((20, 24)).astype(np.float32)
    ours = guided_filter(guide, mask, radius=2, epsilon=0.01)
    assert ours.dtype == np.float32
    assert np.abs(ours - slow(guide, mask, 2, 0.01)).max() < 1e-4


@pytest.mark.parametrize("shrink", [1, 2])
def test_part_where_the_mask_is_equals_that_of_the_whole(shrink) -> None:
    guide, mask = noise(121, 90, seed=3), np.zeros((121, 90), np.float32)
    cv2.circle(mask, (30, 50), 14, 1.0, -1)
    edges = GuidedFilter(guide, radius=4, epsilon=0.01, shrink=shrink)
    whole = edges(mask)
    part, (left, top, right, bottom) = edges.where_it_is(mask)
    assert part.shape == (bottom - top, right - left) and part.size < 0.5 * whole.size
    inside = whole[top:bottom, left:right]
    assert np.abs(part - inside).max() < 5e-3
    outside = whole.copy()
    outside[top:bottom, left:right] = 0
    assert outside.max() < 1e-3


def test_an_empty_mask_is_nowhere() -> None:
    part, box = GuidedFilter(noise(20, 20), radius=2, epsilon=0.01).where_it_is(
        np.zeros((20, 20), np.float32)
    )
    assert part.size == 0 and box == (0, 0, 0, 0)


@pytest.mark.parametrize(("small", "large"), [((24, 18), (96, 72)), ((33, 25), (80, 61))])
def test_enlarged_parts_lie_where_resizing_puts_them(small, large) -> None:
    picture = cv2.GaussianBlur(np.random.default_rng(5).random(small).astype(np.float32), (0, 0), 2)
    whole = cv2.resize(picture, large[::-1], interpolation=cv2.INTER_LINEAR)
    ratio = (large[1] / small[1], large[0] / small[0])
    box = (4, 5, 15, 20)
    part, (left, top, right, bottom) = enlarge_part(picture[5:20, 4:15], box, ratio, large[::-1])
    # at the rim of the part its neighbours are missing
    rim = int(np.ceil(max(ratio)))
    inner = np.s_[rim:-rim, rim:-rim]
    assert np.abs(part - whole[top:bottom, left:right])[inner].max() < 2e-3


def test_filter_keeps_constants() -> None:
    guide = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    for value in (0.0, 0.25, 1.0):
        mask = np.full((60, 80), value, np.float32)
        assert np.abs(guided_filter(guide, mask, radius=4, epsilon=1e-3) - value).max() < 1e-4


def test_filter_snaps_to_the_edge_of_the_guide() -> None:
    guide = np.zeros((80, 80, 3), np.uint8)
    guide[:, 40:] = (200, 180, 160)
    rough = np.zeros((80, 80), np.float32)
    rough[:, 35:] = 1  # the mask is 5 pixels off
    blurred = cv2.GaussianBlur(rough, (0, 0), 4)
    fine = guided_filter(guide, blurred, radius=12, epsilon=1e-4)
    assert fine[40, 41] - fine[40, 38] > 0.5  # the step is where the photo's is
    assert blurred[40, 41] - blurred[40, 38] < 0.3


def test_filter_is_a_mean_on_a_flat_guide() -> None:
    """Without colours to follow, He et al.'s filter is the mean of the mean."""
    guide = np.full((40, 40, 3), 90, np.uint8)
    mask = np.random.default_rng(1).random((40, 40)).astype(np.float32)
    box = cv2.blur(cv2.blur(mask, (7, 7), borderType=cv2.BORDER_REFLECT), (7, 7),
                   borderType=cv2.BORDER_REFLECT)  # fmt: skip
    ours = guided_filter(guide, mask, radius=3, epsilon=1e-2)
    assert np.abs(ours - box).max() < 1e-3
