"""Joint orders against the published tables, written out anew."""

import numpy as np
import pytest

from pipelines import body as B
from pipelines.types import Keypoints, Pose

BODY25 = (
    "Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist MidHip RHip RKnee RAnkle LHip LKnee "
    "LAnkle REye LEye REar LEar LBigToe LSmallToe LHeel RBigToe RSmallToe RHeel"
).split()
COCO18 = (
    "Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist RHip RKnee RAnkle LHip LKnee LAnkle "
    "REye LEye REar LEar"
).split()
COCO17 = (
    "Nose LEye REye LEar REar LShoulder RShoulder LElbow RElbow LWrist RWrist LHip RHip LKnee "
    "RKnee LAnkle RAnkle"
).split()


def short(joint) -> str:
    words = joint.name.title().split("_")
    words[0] = {"Left": "L", "Right": "R"}.get(words[0], words[0])
    return "".join(words)


def test_orders():
    assert [short(j) for j in B.Body25] == BODY25
    assert [short(j) for j in B.Coco18] == COCO18
    assert [short(j) for j in B.Coco17] == COCO17


def test_tables_between_orders_follow_the_names():
    assert [BODY25[i] for i in B.BODY25_TO_COCO18] == COCO18
    assert [BODY25[i] for i in B.COCO17_TO_BODY25] == COCO17
    swapped = [n.translate(str.maketrans("LR", "RL")) if n[0] in "LR" else n for n in BODY25]
    mirrored = [s[0] + n[1:] for s, n in zip(swapped, BODY25, strict=True)]
    assert [BODY25[i] for i in B.BODY25_SWAP] == mirrored


def test_mediapipe_landmarks():
    mediapipe = pytest.importorskip("mediapipe.python.solutions.pose").PoseLandmark
    renamed = {"FOOT_INDEX": "BIG_TOE"}
    for landmark, joint in B.MEDIAPIPE33_TO_BODY25.items():
        name = mediapipe(landmark).name
        for old, new in renamed.items():
            name = name.replace(old, new)
        assert name == B.Body25(joint).name
    missing = {B.Body25.NECK, B.Body25.MID_HIP, B.Body25.LEFT_SMALL_TOE, B.Body25.RIGHT_SMALL_TOE}
    assert set(B.Body25) - set(B.MEDIAPIPE33_TO_BODY25.values()) == missing


def test_limbs():
    limbs = """1-8,1-2,1-5,2-3,3-4,5-6,6-7,8-9,9-10,10-11,8-12,12-13,13-14,1-0,0-15,15-17,0-16,
        16-18,14-19,19-20,14-21,11-22,22-23,11-24"""
    want = [tuple(map(int, limb.split("-"))) for limb in limbs.split(",")]
    assert list(B.BODY25_LIMBS) == want
    coco = "1-2,1-5,2-3,3-4,5-6,6-7,1-8,8-9,9-10,1-11,11-12,12-13,1-0,0-14,14-16,0-15,15-17"
    assert list(B.COCO18_LIMBS) == [tuple(map(int, limb.split("-"))) for limb in coco.split(",")]
    in_body25 = {tuple(B.BODY25_TO_COCO18[j] for j in limb) for limb in B.COCO18_LIMBS}
    assert in_body25 - set(B.BODY25_LIMBS) == {(1, 9), (1, 12)}, "the trunk alone differs"


def some_body(seed=0) -> Keypoints:
    rng = np.random.default_rng(seed)
    return Keypoints(
        rng.uniform(10, 90, (25, 2)).astype("f4"), rng.uniform(0.2, 1, 25).astype("f4")
    )


def test_coco18_and_back():
    body = some_body()
    back = B.from_coco18(B.to_coco18(body))
    kept = list(B.BODY25_TO_COCO18)
    np.testing.assert_array_equal(back.xy[kept], body.xy[kept])
    np.testing.assert_allclose(back.xy[8], (body.xy[9] + body.xy[12]) / 2)
    assert not back.score[19:].any()


def test_mid_hip_is_unseen_without_both_hips():
    coco = B.to_coco18(some_body())
    coco.score[11] = 0
    assert B.from_coco18(coco).score[8] == 0


def test_coco17():
    rng = np.random.default_rng(2)
    coco = Keypoints(rng.uniform(10, 90, (17, 2)).astype("f4"), np.full(17, 0.5, "f4"))
    body = B.from_coco17(coco)
    np.testing.assert_allclose(body.xy[1], (coco.xy[5] + coco.xy[6]) / 2)
    np.testing.assert_array_equal(body.xy[B.Body25.LEFT_WRIST], coco.xy[B.Coco17.LEFT_WRIST])


@pytest.mark.parametrize("convert", [B.from_coco18, B.from_coco17])
def test_wrong_numbers_of_joints(convert):
    with pytest.raises(ValueError, match="got 25"):
        convert(some_body())


def test_mirror_twice_is_the_pose():
    hands = [Keypoints(some_body(s).xy[:21], some_body(s).score[:21]) for s in (1, 2)]
    pose = Pose(some_body(), *hands)
    once = B.mirror_pose(pose, 100)
    assert once.body.xy[2].tolist() == [99 - pose.body.xy[5, 0], pose.body.xy[5, 1]]
    np.testing.assert_array_equal(once.left_hand.score, pose.right_hand.score)
    twice = B.mirror_pose(once, 100)
    for part in ("body", "left_hand", "right_hand"):
        np.testing.assert_allclose(getattr(twice, part).xy, getattr(pose, part).xy, atol=1e-4)


def test_scaling_keeps_joints_on_their_pixels():
    """Against OpenCV, which resizes with the same convention of pixel centres."""
    cv2 = pytest.importorskip("cv2")
    column = np.arange(40, dtype=np.float32)[None].repeat(4, 0)
    body = Keypoints(np.full((25, 2), 10, "f4"), np.ones(25, "f4"))
    body.score[3] = body.xy[3] = 0
    for factor in (4, 0.25):
        resized = cv2.resize(column, None, fx=factor, fy=1, interpolation=cv2.INTER_LINEAR)
        where = B.scaled(Pose(body), factor, 1).body.xy
        value = np.interp(where[0, 0], np.arange(resized.shape[1]), resized[0])
        assert value == pytest.approx(10, abs=1e-4)
        assert where[3].tolist() == [0, 0]
    moved = B.shifted(Pose(body), 5, -2).body.xy
    assert moved[0].tolist() == [15, 8] and moved[3].tolist() == [0, 0]
