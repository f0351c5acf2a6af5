"""What the parser looks at: frames around persons of every size, and where joints are in them."""

import numpy as np
import pytest

from pipelines.body import Body25
from pipelines.segmentation.parser_frame import (
    MAX_SIDE,
    cut,
    framed_joints,
    padded,
    parser_frame,
    torso_px,
)
from pipelines.types import Keypoints, Pose, Size

FULL = {
    "NOSE": (0, -0.45), "NECK": (0, 0), "RIGHT_SHOULDER": (-0.35, 0.02),
    "LEFT_SHOULDER": (0.35, 0.02), "RIGHT_WRIST": (-0.6, 1.0), "LEFT_WRIST": (0.6, 1.0),
    "MID_HIP": (0, 1), "RIGHT_HIP": (-0.18, 1), "LEFT_HIP": (0.18, 1),
    "RIGHT_ANKLE": (-0.2, 2.6), "LEFT_ANKLE": (0.2, 2.6),
}  # fmt: skip
"""A standing person: places relative to the neck, in lengths of the torso."""

UPPER = ("NOSE", "NECK", "RIGHT_SHOULDER", "LEFT_SHOULDER", "MID_HIP", "RIGHT_HIP", "LEFT_HIP")
NO_HIPS = ("NOSE", "NECK", "RIGHT_SHOULDER", "LEFT_SHOULDER")


def person(neck: tuple[float, float], torso: float, names=tuple(FULL)) -> Pose:
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    for name in names:
        xy[Body25[name]] = np.array(neck) + np.array(FULL[name]) * torso
        score[Body25[name]] = 0.8
    return Pose(Keypoints(xy, score))


def test_photo_at_the_networks_own_scale_is_not_resampled():
    size, pose = Size(400, 300), person((150, 100), 100)
    frame = parser_frame(size, pose)
    left, top, right, bottom = frame.box
    assert frame.size == (bottom - top, right - left) and frame.scale_xy == (1, 1)
    np.testing.assert_allclose(
        framed_joints(pose, frame)[Body25.NECK, :2], (150 - left, 100 - top), atol=1e-5
    )


@pytest.mark.parametrize(
    ("torso", "resampled"), [(84, True), (90, False), (150, False), (160, True)]
)
def test_scales_near_the_networks_own_are_left_alone(torso, resampled):
    frame = parser_frame(Size(1200, 900), person((450, 300), torso))
    assert (frame.scale_xy != (1, 1)) == resampled
    if resampled:
        np.testing.assert_allclose(np.array(frame.scale_xy) * torso, 115, rtol=0.01)


@pytest.mark.parametrize("names", [tuple(FULL), UPPER, NO_HIPS])
@pytest.mark.parametrize("torso", [12, 60, 300, 900])
def test_frame_holds_the_person_and_no_more_than_the_photo(names, torso):
    size = Size(round(4.2 * torso), round(3 * torso))
    pose = person((1.5 * torso, 0.8 * torso), torso, names)
    frame = parser_frame(size, pose)
    left, top, right, bottom = frame.box
    assert 0 <= left < right <= size.width and 0 <= top < bottom <= size.height
    seen = pose.body.xy[pose.body.score > 0]
    assert (seen >= (left, top)).all() and (seen <= (right - 1, bottom - 1)).all()
    assert all(type(edge) is int for edge in frame.box)
    # a hand's length beside the joints and hair above the nose
    assert left <= max(0, seen[:, 0].min() - 0.5 * torso)
    assert top <= max(0, pose.body.xy[Body25.NOSE, 1] - 0.5 * torso)
    assert max(frame.size) <= MAX_SIDE
    across, down = frame.scale_xy
    assert across == pytest.approx(down, rel=0.02)


def test_only_the_person_is_looked_at():
    frame = parser_frame(Size(3000, 4000), person((3000, 500), 115, UPPER))
    left, top, right, bottom = frame.box
    assert right - left < 6 * 115 and bottom - top < 6 * 115
    assert left < 3000 < right and top < 500 < bottom


def test_a_long_figure_is_made_smaller():
    # a person who lies with arms stretched out is much longer than her torso tells
    pose = person((100, 100), 20)
    pose.body.xy[Body25.RIGHT_WRIST] = (2900, 100)
    frame = parser_frame(Size(400, 3000), pose)
    assert max(frame.size) == MAX_SIDE and frame.scale_xy[0] < 1


def test_tiny_persons_are_enlarged():
    frame = parser_frame(Size(64, 48), person((24, 14), 12))
    assert frame.scale_xy[0] > 3 and max(frame.size) <= MAX_SIDE


def test_without_a_torso_the_whole_photo_is_taken():
    head = Pose(person((50, 50), 100, ("NOSE",)).body)
    assert torso_px(head) == 0
    wide, small = parser_frame(Size(800, 1024), head), parser_frame(Size(90, 70), head)
    assert wide.box == (0, 0, 1024, 800) and wide.size == (200, 256)
    assert small.box == (0, 0, 70, 90) and small.size == (90, 70)
    tall = parser_frame(Size(4000, 400), head)
    assert tall.size == (704, 70)


@pytest.mark.parametrize("neck", [(-5, 60), (205, 60), (100, 262), (100, -30)])
def test_persons_at_the_border_and_beyond(neck):
    size = Size(256, 200)
    pose = person(neck, 80)
    frame = parser_frame(size, pose)
    left, top, right, bottom = frame.box
    assert 0 <= left < right <= 200 and 0 <= top < bottom <= 256
    image = np.zeros((*size, 3), np.uint8)
    assert cut(image, frame).shape == (bottom - top, right - left, 3)


def test_a_pose_far_outside_gives_the_whole_photo():
    frame = parser_frame(Size(256, 200), person((5000, 5000), 80))
    assert frame.box == (0, 0, 200, 256)


def test_lengths_of_the_torso():
    assert torso_px(person((50, 50), 80)) == pytest.approx(80)
    # 1.5 widths of the shoulders, which are 0.7 torso lengths here
    assert torso_px(person((50, 50), 80, NO_HIPS)) == pytest.approx(1.5 * 0.7 * 80)
    bent = person((50, 50), 80)
    bent.body.xy[Body25.MID_HIP] = (50, 60)
    assert torso_px(bent) == pytest.approx(0.6 * 1.5 * 0.7 * 80)
    assert torso_px(Pose(Keypoints(np.zeros((25, 2), "f4"), np.zeros(25, "f4")))) == 0


@pytest.mark.parametrize("torso", [12, 75, 100, 333])
def test_joints_and_pixels_meet_in_the_frame(torso):
    """Edges of pixels are what is scaled: that is where each joint must be, there and back."""
    size = Size(round(4.2 * torso), round(3 * torso))
    pose = person((1.4 * torso, 0.8 * torso), torso)
    frame = parser_frame(size, pose)
    framed = framed_joints(pose, frame)
    assert framed.shape == (25, 3) and framed.dtype == np.float32
    np.testing.assert_array_equal(framed[:, 2], pose.body.score)
    assert not framed[pose.body.score == 0].any()
    left, top, right, bottom = frame.box
    share = (framed[:, :2] + 0.5) / (frame.size.width, frame.size.height)
    back = share * (right - left, bottom - top) + (left, top) - 0.5
    seen = pose.body.score > 0
    np.testing.assert_allclose(back[seen], pose.body.xy[seen], atol=1e-3 * torso)


def test_padding_repeats_the_edges_up_to_a_multiple():
    image = np.random.default_rng(0).integers(0, 256, (33, 50, 3), np.uint8)
    made = padded(image)
    assert made.shape == (64, 64, 3)
    np.testing.assert_array_equal(made[:33, :50], image)
    np.testing.assert_array_equal(made[40, :50], image[32])
    np.testing.assert_array_equal(made[:33, 60], image[:, 49])
    np.testing.assert_array_equal(padded(made), made)
    assert padded(image, Size(40, 51)).shape == (40, 51, 3)
