"""Landmarks of drawn tops whose corners are known."""

import cv2
import numpy as np
import pytest

from pipelines.garments.landmarks import find_landmarks, moved, sleeve_masks
from pipelines.garments.outline import below_strap
from pipelines.garments.silhouette import silhouette

AXIS = 96
"""Middle of the drawings, which are 192 wide and 256 high before scaling."""

TEE = {
    "collar": (76, 40), "shoulder": (58, 47), "cuff_outer": (24, 92), "cuff_inner": (42, 102),
    "armpit": (56, 84), "hem": (54, 210),
}  # fmt: skip
LONG = {
    "collar": (76, 40), "shoulder": (58, 47), "cuff_outer": (14, 204), "cuff_inner": (30, 208),
    "armpit": (56, 88), "hem": (54, 190),
}  # fmt: skip
SLEEVELESS = {
    "collar": (76, 40), "shoulder": (62, 44), "dip": (66, 66), "armpit": (54, 92), "hem": (52, 210)
}  # fmt: skip
DRESS = {**SLEEVELESS, "hem": (30, 250)}
STRAPS = {
    "collar": (74, 24), "shoulder": (71, 24), "dip": (66, 68), "armpit": (54, 88), "hem": (52, 210)
}  # fmt: skip


def draw(points: dict, factor: float = 4.0, neck_drop: float = 4) -> np.ndarray:
    """A symmetric mask: right half as given, mirrored to the left; a shallow neckline."""
    half = [np.array(p, float) for p in points.values()]
    neck = np.array([AXIS, points["collar"][1] + neck_drop], float)
    mirror = [np.array([2 * AXIS - p[0], p[1]]) for p in reversed(half)]
    outline = np.array([neck, *half, *mirror])
    mask = np.zeros((round(264 * factor), round(192 * factor)), np.uint8)
    cv2.fillPoly(mask, [np.round(outline * factor).astype(np.int32)], 1)
    return mask > 0


def check(mask: np.ndarray, points: dict, names: dict, factor: float = 4.0) -> None:
    """Every named landmark of both sides lies within its tolerance (drawing units)."""
    marks = find_landmarks(silhouette(mask))
    for name, tolerance in names.items():
        x, y = points[name]
        right = getattr(marks.right, name) / factor
        left = getattr(marks.left, name) / factor
        assert np.hypot(*(right - (x, y))) < tolerance, f"right {name}: {right}, not {(x, y)}"
        assert np.hypot(*(left - (2 * AXIS - x, y))) < tolerance, f"left {name}: {left}"


@pytest.mark.parametrize("factor", [1.0, 4.0])
def test_tee(factor):
    names = {"collar": 4, "armpit": 3, "hem": 4, "cuff_outer": 5, "cuff_inner": 7, "shoulder": 6}
    check(draw(TEE, factor), TEE, names, factor)


def test_long_sleeves():
    names = {"collar": 4, "armpit": 9, "hem": 4, "cuff_outer": 5, "cuff_inner": 5, "shoulder": 7}
    check(draw(LONG), LONG, names)


@pytest.mark.parametrize("points", [SLEEVELESS, DRESS], ids=["top", "dress"])
def test_sleeveless(points):
    check(draw(points), points, {"collar": 4, "shoulder": 4, "armpit": 8, "hem": 6})
    marks = find_landmarks(silhouette(draw(points)))
    assert marks.left.cuff_outer is None
    assert marks.right.cuff_inner is None


def test_straps():
    points = STRAPS
    check(draw(points, neck_drop=44), points, {"collar": 4, "armpit": 12, "hem": 6})


def test_a_sleeve_that_touches_the_hem_is_parted_by_the_gap_above():
    mask = draw(LONG)
    x, y = np.array([30, 186]) * 4
    mask[y - 16 : y, x - 40 : x + 120] = True
    check(mask, LONG, {"armpit": 9, "collar": 4})


def test_axis_points():
    marks = find_landmarks(silhouette(draw(TEE)))
    np.testing.assert_allclose(marks.neck_top / 4, (AXIS, 44), atol=2)
    np.testing.assert_allclose(marks.hem_centre / 4, (AXIS, 210), atol=2)


def test_the_mirror_image_has_the_mirrored_landmarks():
    mask = draw(TEE)
    mask[400:440, 240:700] &= np.random.default_rng(1).random((40, 460)) > 0.01
    mask[:, :330] = np.roll(mask, 8, axis=0)[:, :330]  # one side hangs lower
    width = mask.shape[1]
    marks = find_landmarks(silhouette(mask))
    mirrored = find_landmarks(silhouette(mask[:, ::-1]))
    expected = moved(marks.right, lambda p: (width - 1, 0) + p * (-1, 1))
    for name, point in vars(expected).items():
        found = getattr(mirrored.left, name)
        np.testing.assert_allclose(found, point, atol=4, err_msg=name)


def test_flanks_run_down_the_trunk():
    marks = find_landmarks(silhouette(draw(TEE)))
    flank = marks.right.flank / 4
    np.testing.assert_allclose(flank[:, 0], np.interp(flank[:, 1], (84, 210), (56, 54)), atol=2.5)
    assert (np.diff(flank[:, 1]) > 0).all()


def test_sleeves_are_told_from_the_trunk():
    shape = silhouette(draw(LONG))
    left, right = sleeve_masks(shape, find_landmarks(shape))
    inside = {"left": (2 * AXIS - 30, 150), "right": (30, 150)}
    for name, sleeve in (("left", left), ("right", right)):
        x, y = np.round(shape.from_photo(np.array(inside[name], float) * 4)).astype(int)
        assert sleeve[y, x]
        middle = np.round(shape.from_photo(np.array([AXIS, 120.0]) * 4)).astype(int)
        assert not sleeve[middle[1], middle[0]]
    assert not (left & right).any()


def test_an_empty_mask_is_refused():
    with pytest.raises(ValueError, match="empty"):
        silhouette(np.zeros((64, 48), bool))


@pytest.mark.parametrize("seed", range(30))
def test_no_shape_is_too_strange(seed):
    rng = np.random.default_rng(seed)
    mask = np.zeros((300, 240), np.uint8)
    corners = rng.integers(10, 230, (rng.integers(3, 12), 2)).astype(np.int32)
    cv2.fillPoly(mask, [corners], 1)
    cv2.circle(mask, (120, 150), int(rng.integers(3, 60)), 1, -1)
    shape = silhouette(mask > 0)
    marks = find_landmarks(shape)
    sleeve_masks(shape, marks)
    for side in (marks.left, marks.right):
        assert np.isfinite([side.collar, side.shoulder, side.armpit, side.hem]).all()
        assert np.isfinite(side.flank).all()


CAP = {
    "collar": (61, 40), "shoulder": (50, 45), "cuff_outer": (19, 80), "cuff_inner": (24, 92),
    "armpit": (48, 97), "waist": (51, 125), "hem": (45, 228),
}  # fmt: skip


@pytest.mark.parametrize(
    "risen",
    [
        {"cuff_inner": (36, 100), "armpit": (44, 102), "low": (49, 112), "waist": (53, 130)},
        {"cuff_inner": (43, 105), "armpit": (47, 112), "waist": (55, 140)},
    ],
)
def test_a_cap_sleeve_is_found_on_both_sides_where_one_shows_it(risen):
    mask = draw(CAP)
    # on this side the cuff runs up to the armpit, and no gap opens under the sleeve
    other = {"collar": 0, "shoulder": 0, "cuff_outer": 0, **risen, "hem": 0}
    mask[:, AXIS * 4 :] = draw({k: p or CAP[k] for k, p in other.items()})[:, AXIS * 4 :]
    check(mask, CAP, {"cuff_outer": 6, "shoulder": 6})


def test_a_top_with_one_sleeve_keeps_it_alone():
    mask = draw(CAP)
    mask[:, AXIS * 4 :] = draw(SLEEVELESS)[:, AXIS * 4 :]
    marks = find_landmarks(silhouette(mask))
    assert marks.right.cuff_outer is not None
    assert marks.left.cuff_outer is None


CAMISOLE = {
    "collar": (47, 30), "shoulder": (46, 30), "strap": (51, 60), "armpit": (52, 66),
    "waist": (51, 110), "hem": (36, 220),
}  # fmt: skip


def test_a_camisole_hangs_on_its_straps():
    half = [(AXIS, 76), (54, 60), *CAMISOLE.values()]
    outline = np.array([*half, *((2 * AXIS - x, y) for x, y in reversed(half))], float) * 4
    mask = np.zeros((1056, 768), np.uint8)
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 1)
    check(mask > 0, CAMISOLE, {"collar": 7, "shoulder": 7, "armpit": 16, "hem": 6})
    low = below_strap(mask > 0, np.array([188.0, 120]), np.array([170.0, 600]), 180)
    assert np.hypot(*(low / 4 - CAMISOLE["armpit"])) < 8
    near = np.array([204.0, 270])
    assert below_strap(mask > 0, np.array([188.0, 120]), near, 180) is near


def test_an_off_shoulder_top_has_a_neckline_on_both_sides():
    half = [(AXIS - 60, 100), (AXIS - 74, 120), (AXIS - 76, 150), (AXIS - 70, 156)]
    # a fold near the middle stands as high as the end of the neckline
    other = [(AXIS + 22, 101), *((2 * AXIS - x, y) for x, y in half)]
    outline = np.array([(AXIS, 120), *half, *reversed(other)], float) * 4
    mask = np.zeros((1056, 768), np.uint8)
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 1)
    marks = find_landmarks(silhouette(mask > 0))
    reach = [abs(side.collar[0] / 4 - AXIS) for side in (marks.left, marks.right)]
    assert abs(reach[0] - reach[1]) < 8
    assert min(reach) > 50
