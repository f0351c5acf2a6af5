"""The pose picture: known colours at known places, and the published pictures."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.body import BODY25_LIMBS
from pipelines.preprocess.pose_image import draw_pose
from pipelines.types import Keypoints, Pose, Size

SIZE = Size(1000, 600)


def keypoints(places: dict[int, tuple[float, float]], joints: int = 25) -> Keypoints:
    xy, score = np.zeros((joints, 2), np.float32), np.zeros(joints, np.float32)
    for joint, place in places.items():
        xy[joint], score[joint] = place, 0.8
    return Keypoints(xy, score)


def test_one_limb() -> None:
    image = draw_pose(Pose(keypoints({3: (100, 200), 4: (500, 200)})), SIZE)
    # a limb has its second joint's colour, blended 0.6 on black: wrist (255, 255, 0)
    assert image[200, 300].tolist() == [153, 153, 0]
    # the elbow's disc (255, 170, 0) lies over the tip of the limb; beyond it there is none
    assert image[200, 96].tolist() == [153, 102, 0]
    assert not image[:, :92].any() and not image[:, 508:].any()
    # half axis: min(H, W) / 120 = 5 pixels
    column = np.flatnonzero(image[:, 300].any(1))
    assert (column[0], column[-1]) == (195, 205)


def test_discs_have_a_hundredth_of_the_short_side() -> None:
    image = draw_pose(Pose(keypoints({0: (300, 300), 11: (300, 800)})), SIZE)
    assert image[300, 300].tolist() == [153, 0, 51]
    drawn = image[:400].any(-1)
    assert np.flatnonzero(drawn.any(0)).tolist() == list(range(294, 307))
    assert abs(drawn.sum() - np.pi * 36) < 8
    assert not image[400:700].any()  # nose and ankle are not joined


def test_small_people_get_thin_marks() -> None:
    far = draw_pose(Pose(keypoints({0: (300, 300), 1: (300, 340)})), SIZE)
    near = draw_pose(Pose(keypoints({0: (300, 300), 1: (300, 740)})), SIZE)
    assert np.flatnonzero(far.any((0, 2))).size < np.flatnonzero(near.any((0, 2))).size


def test_unseen_joints_and_faint_hands_are_left_out() -> None:
    faint = Keypoints(np.full((21, 2), 400, np.float32), np.full(21, 0.2, np.float32))
    body = Keypoints(np.zeros((25, 2), np.float32), np.zeros(25, np.float32))
    assert not draw_pose(Pose(body, left_hand=faint), SIZE).any()


def test_hand_colours() -> None:
    places = {joint: (40.0 + 25 * joint, 500.0) for joint in range(21)}
    body = keypoints({0: (300, 50)})
    image = draw_pose(Pose(body, right_hand=keypoints(places, 21)), SIZE)
    top = image[496]  # above the limbs' overlap the disc's own colour rules
    thumb, little = top[40 + 25 * 4], top[40 + 25 * 20]
    assert thumb[0] > 100 and thumb[1] < thumb[0]
    assert little[0] == little[2] and little[0] > 100


def test_outside_the_picture() -> None:
    image = draw_pose(Pose(keypoints({3: (-50, 200), 4: (700, 1200)})), SIZE)
    assert image.shape == (1000, 600, 3)
    assert image.any()


def test_against_opencv() -> None:
    """Where marks lie, against OpenCV's own ellipses and circles."""
    random = np.random.default_rng(3)
    places = {j: tuple(random.uniform((50, 50), (550, 950))) for j in range(25)}
    image = draw_pose(Pose(keypoints(places)), SIZE)
    reference = np.zeros(SIZE, np.uint8)
    for a, b in BODY25_LIMBS:
        start, end = np.array(places[a]), np.array(places[b])
        half = float(np.hypot(*(end - start)) / 2)
        angle = float(np.degrees(np.arctan2(*(end - start)[::-1])))
        box = (tuple(((start + end) / 2).tolist()), (2 * half, 10.0), angle)
        cv2.ellipse(reference, box, 255, -1)
    for place in places.values():
        cv2.circle(reference, tuple(np.rint(place).astype(int).tolist()), 6, 255, -1)
    ours, theirs = image.any(-1), reference > 0
    assert (ours & theirs).sum() / (ours | theirs).sum() > 0.85


@pytest.mark.shared_data
def test_published_pictures(shared_data: Path) -> None:
    folder = shared_data / "viton-hd-sample" / "test"
    files = sorted((folder / "openpose-json").iterdir())
    assert len(files) == 3
    for file in files:
        person = json.loads(file.read_text())["people"][0]

        def points(name: str, person: dict = person) -> Keypoints:
            flat = np.array(person[name], np.float32).reshape(-1, 3)
            return Keypoints(flat[:, :2], flat[:, 2])

        pose = Pose(
            points("pose_keypoints_2d"),
            points("hand_left_keypoints_2d"),
            points("hand_right_keypoints_2d"),
        )
        name = file.name.replace("_keypoints.json", "_rendered.png")
        published = cv2.imread(str(folder / "openpose-img" / name))[..., ::-1]
        ours = draw_pose(pose, Size(*published.shape[:2]))
        apart = np.abs(ours.astype(int) - published).max(-1)
        assert (apart > 1).sum() <= 100  # of about 33,000 drawn pixels, on edges
        assert (apart > 0).sum() <= 1000
