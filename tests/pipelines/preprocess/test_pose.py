"""Poses of two real people, of nobody, and what happens at the edges."""

import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines import registry
from pipelines.body import Body25
from pipelines.errors import ConfigError, ItemError
from pipelines.flags import Flag
from pipelines.layout import Artifact
from pipelines.preprocess.pose import PoseStage, find_pose
from pipelines.types import Pose, Size


@pytest.fixture(scope="module")
def astronaut_pose(astronaut: np.ndarray) -> Pose:
    return find_pose(astronaut)


def test_finds_the_face_of_the_astronaut(astronaut_pose: Pose) -> None:
    # where OpenCV's face detector of scikit-image's own tutorial finds it: around (224, 120)
    nose = astronaut_pose.body.xy[Body25.NOSE]
    assert np.linalg.norm(nose - (224, 125)) < 20
    left_eye, right_eye = astronaut_pose.body.xy[[Body25.LEFT_EYE, Body25.RIGHT_EYE]]
    assert left_eye[0] > nose[0] > right_eye[0]  # the person's left is the viewer's right
    assert max(left_eye[1], right_eye[1]) < nose[1]


def test_derived_joints(astronaut_pose: Pose) -> None:
    body = astronaut_pose.body
    shoulders = body.xy[[Body25.LEFT_SHOULDER, Body25.RIGHT_SHOULDER]]
    width = np.linalg.norm(shoulders[0] - shoulders[1])
    assert np.linalg.norm(body.xy[Body25.NECK] - shoulders.mean(0)) < 0.05 * width
    assert body.score.max() <= 1


def test_joints_outside_the_photo_are_unseen(astronaut_pose: Pose) -> None:
    body = astronaut_pose.body
    for joint in (Body25.LEFT_KNEE, Body25.RIGHT_ANKLE, Body25.LEFT_BIG_TOE, Body25.RIGHT_HEEL):
        assert not body.seen(joint)
        assert body.xy[joint].tolist() == [0, 0]
    seen = body.xy[body.score > 0]
    assert (seen >= 0).all() and (seen <= 511).all()


def test_same_photo_twice(astronaut: np.ndarray, astronaut_pose: Pose) -> None:
    again = find_pose(astronaut.copy())
    assert np.array_equal(again.body.xy, astronaut_pose.body.xy)
    assert np.array_equal(again.body.score, astronaut_pose.body.score)
    for side in ("left_hand", "right_hand"):
        ours, first = getattr(again, side), getattr(astronaut_pose, side)
        assert (ours is None) == (first is None)
        assert ours is None or np.array_equal(ours.xy, first.xy)


def test_two_sizes_agree(astronaut: np.ndarray, astronaut_pose: Pose) -> None:
    large = find_pose(cv2.resize(astronaut, (1024, 1024), interpolation=cv2.INTER_CUBIC))
    upper = [Body25.NOSE, Body25.NECK, Body25.LEFT_SHOULDER, Body25.RIGHT_SHOULDER]
    there = astronaut_pose.body.xy[upper] * 2 + 0.5
    assert np.abs(large.body.xy[upper] - there).max() < 0.04 * 1024


def test_mirrored_photo_swaps_sides(grace_hopper: np.ndarray) -> None:
    joints = [Body25.LEFT_SHOULDER, Body25.RIGHT_SHOULDER]
    here = find_pose(grace_hopper).body.xy[joints]
    mirrored = find_pose(np.ascontiguousarray(grace_hopper[:, ::-1])).body.xy[joints[::-1]]
    mirrored[:, 0] = grace_hopper.shape[1] - 1 - mirrored[:, 0]
    assert np.abs(here - mirrored).max() < 15


def test_threads_share_one_model(astronaut: np.ndarray, grace_hopper: np.ndarray) -> None:
    photos = [astronaut, grace_hopper] * 3
    with ThreadPoolExecutor(3) as pool:
        poses = list(pool.map(find_pose, photos))
    for pose, same in zip(poses[:2], poses[4:], strict=True):
        assert np.array_equal(pose.body.xy, same.body.xy)


def test_stage(grace_hopper: np.ndarray) -> None:
    blank = np.full((200, 150, 3), 250, np.uint8)
    stage = registry.stage("pose", {"model": "full"})
    found, failed = stage([{Artifact.IMAGE: grace_hopper}, {Artifact.IMAGE: blank}])
    assert isinstance(failed, ItemError) and failed.code == "no_person"
    assert not isinstance(found, ItemError)
    assert found.values[Artifact.POSE_IMAGE].shape == grace_hopper.shape
    assert found.values[Artifact.POSE_IMAGE].any()
    assert 0.5 < found.score <= 1
    assert Flag.TORSO_CUT_OFF in found.flags  # a portrait, cut above the hips
    assert Flag.BACK_VIEW not in found.flags


def _nobody() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    text = np.full((600, 450, 3), 255, np.uint8)
    for line in range(40, 600, 40):
        cv2.putText(text, "no person at all", (20, line), 0, 1.2, (0, 0, 0), 2)
    shirt = np.full((800, 600, 3), 246, np.uint8)
    outline = np.array([(150, 150), (450, 150), (580, 400), (500, 430), (440, 300), (440, 700)])
    left = outline[::-1] * (-1, 1) + (600, 0)
    cv2.fillPoly(shirt, [np.concatenate([outline, left])], (30, 60, 160))
    return {
        "black": np.zeros((400, 300, 3), np.uint8),
        "noise": random.integers(0, 256, (400, 300, 3), dtype=np.uint8),
        "clouds": cv2.resize(random.integers(0, 256, (12, 9, 3), dtype=np.uint8), (300, 400)),
        "text": text,
        "shirt": shirt,
        "tiny": np.zeros((1, 1, 3), np.uint8),
    }


@pytest.mark.parametrize("name", sorted(_nobody()))
def test_nobody(name: str) -> None:
    with pytest.raises(ItemError) as caught:
        find_pose(_nobody()[name])
    assert caught.value.code in ("no_person", "uncertain_pose")
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("model", ["heavy", "missing.task", "nonsense"])
def test_missing_model(model: str, astronaut: np.ndarray) -> None:
    with pytest.raises(ConfigError) as caught:
        PoseStage(model)([{Artifact.IMAGE: astronaut}])
    assert model in str(caught.value) and caught.value.hint


def test_broken_model_file(tmp_path: Path, astronaut: np.ndarray) -> None:
    bundle = tmp_path / "broken.task"
    with zipfile.ZipFile(bundle, "w") as archive:
        archive.writestr("pose_detector.tflite", b"nothing")
    with pytest.raises(ConfigError, match="cannot be used"):
        find_pose(astronaut, str(bundle))


@pytest.mark.shared_data
def test_near_openpose(shared_data: Path) -> None:
    """Shoulders, hips and arms within a fifth of the torso of the published joints."""
    import json

    folder = shared_data / "viton-hd-sample" / "test"
    for file in sorted((folder / "openpose-json").iterdir()):
        person = json.loads(file.read_text())["people"][0]
        truth = np.array(person["pose_keypoints_2d"]).reshape(-1, 3)
        name = file.name.replace("_keypoints.json", ".jpg")
        photo = cv2.cvtColor(cv2.imread(str(folder / "image" / name)), cv2.COLOR_BGR2RGB)
        pose = find_pose(photo)
        assert Size(*photo.shape[:2]) == (1024, 768)
        torso = np.linalg.norm(truth[1, :2] - truth[8, :2])
        joints = [j for j in (1, 2, 3, 4, 5, 6, 7, 8, 9, 12) if truth[j, 2] > 0]
        away = np.linalg.norm(pose.body.xy[joints] - truth[joints, :2], axis=1)
        assert (away < 0.2 * torso).all()
        assert np.median(away) < 0.05 * torso
