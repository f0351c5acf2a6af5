"""OpenPose JSON of both kinds, and hostile files under its name."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.body import BODY25_TO_COCO18
from pipelines.codecs import decode, encode
from pipelines.errors import ItemError
from pipelines.layout import Encoding
from pipelines.types import Keypoints, Pose

BODY25, COCO18 = Encoding.POSE_BODY25_JSON, Encoding.POSE_COCO18_JSON


def some_pose(joints: int = 25, seed: int = 0) -> Keypoints:
    rng = np.random.default_rng(seed)
    xy = rng.uniform(1, 1000, (joints, 2)).round(2).astype(np.float32)
    score = rng.uniform(0.1, 1, joints).round(4).astype(np.float32)
    score[::6] = 0
    xy[::6] = 0
    return Keypoints(xy, score)


def document(**person) -> bytes:
    return json.dumps({"version": 1.3, "people": [person]}).encode()


def test_body25_form_is_that_of_openpose():
    pose = Pose(some_pose(), some_pose(21, 1), some_pose(21, 2), some_pose(70, 3))
    written = json.loads(encode(pose, BODY25))
    assert list(written) == ["version", "people"] and written["version"] == 1.3
    (person,) = written["people"]
    lengths = {key: len(value) for key, value in person.items()}
    assert lengths == {
        "person_id": 1, "pose_keypoints_2d": 75, "face_keypoints_2d": 210,
        "hand_left_keypoints_2d": 63, "hand_right_keypoints_2d": 63, "pose_keypoints_3d": 0,
        "face_keypoints_3d": 0, "hand_left_keypoints_3d": 0, "hand_right_keypoints_3d": 0,
    }  # fmt: skip
    assert person["pose_keypoints_2d"][:3] == [0, 0, 0]
    alone = json.loads(encode(Pose(some_pose()), BODY25))["people"][0]
    assert alone["hand_left_keypoints_2d"] == [] == alone["face_keypoints_2d"]


def test_coco18_form_is_the_older_one():
    body = some_pose()
    written = json.loads(encode(Pose(body), COCO18))
    (person,) = written["people"]
    assert set(person) == {
        "pose_keypoints", "face_keypoints", "hand_left_keypoints", "hand_right_keypoints",
    }  # fmt: skip
    numbers = np.array(person["pose_keypoints"]).reshape(18, 3)
    np.testing.assert_allclose(numbers[:, :2], body.xy[list(BODY25_TO_COCO18)], rtol=1e-5)


def test_everything_comes_back():
    pose = Pose(some_pose(), some_pose(21, 1), some_pose(21, 2), some_pose(70, 3))
    back = decode(encode(pose, BODY25), BODY25)
    for part in ("body", "left_hand", "right_hand", "face"):
        old, new = getattr(pose, part), getattr(back, part)
        np.testing.assert_allclose(new.xy, old.xy, rtol=1e-5)
        np.testing.assert_allclose(new.score, old.score, rtol=1e-5)


@pytest.mark.parametrize("encoding", [BODY25, COCO18])
def test_number_of_joints_tells_the_order_in_either_place(encoding):
    body = some_pose()
    for written in (BODY25, COCO18):
        back = decode(encode(Pose(body), written), encoding).body
        keep = [1, 2, 3, 4, 5, 7, 9, 10, 11, 13, 14, 15]  # seen, and in both skeletons
        np.testing.assert_allclose(back.xy[keep], body.xy[keep], rtol=1e-5)


def test_mid_hip_of_coco18_is_the_middle_of_the_hips():
    numbers = [0.0] * 54
    numbers[24:27], numbers[33:36] = [100, 200, 0.9], [140, 220, 0.5]  # COCO-18: 8 and 11
    body = decode(document(pose_keypoints=numbers), COCO18).body
    assert body.xy[9].tolist() == [100, 200] and body.xy[12].tolist() == [140, 220]
    assert body.xy[8].tolist() == [120, 210] and body.score[8] == 0.5


@pytest.mark.parametrize("count", [0, 1, 3, 51, 53, 55, 57, 72, 74, 76, 78, 99, 411])
def test_other_numbers_of_joints_are_refused_with_a_sentence(count):
    with pytest.raises(ItemError) as caught:
        decode(document(pose_keypoints_2d=[1.0] * count), BODY25, name="a.json")
    assert caught.value.code == "bad_pose_file"
    assert f"a.json: holds {count} body numbers; BODY_25 has 75" in caught.value.message


def test_no_person():
    for data in (b'{"version":1.3,"people":[]}', document(pose_keypoints_2d=[0] * 75)):
        with pytest.raises(ItemError) as caught:
            decode(data, BODY25)
        assert caught.value.code == "no_person"


HOSTILE = {
    "not json": b"hello",
    "truncated": b'{"version":1.3,"people":[{"pose_keypoints_2d":[1,2',
    "binary": bytes(range(256)),
    "utf-16": '{"people":[]}'.encode("utf-16"),
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"people":' * 50_000,
    "list": b"[]",
    "number": b"1",
    "null": b"null",
    "no people": b"{}",
    "people is an object": b'{"people":{}}',
    "people is text": b'{"people":"ab"}',
    "person is a list": b'{"people":[[]]}',
    "person is null": b'{"people":[null]}',
    "second person is null": b'{"people":[{"pose_keypoints_2d":[]},null]}',
    "no body": b'{"people":[{}]}',
    "body is text": document(pose_keypoints_2d="1" * 75),
    "body is an object": document(pose_keypoints_2d={"0": 1}),
    "text in body": document(pose_keypoints_2d=["1"] * 75),
    "null in body": document(pose_keypoints_2d=[None] * 75),
    "true in body": document(pose_keypoints_2d=[True] * 75),
    "nested body": document(pose_keypoints_2d=[[1, 2, 3]] * 75),
    "nan": document(pose_keypoints_2d=[float("nan")] * 75),
    "infinity": document(pose_keypoints_2d=[float("inf")] * 75),
    "far away": document(pose_keypoints_2d=[1e7] * 75),
    "huge integer": document(pose_keypoints_2d=[10**400] * 75),
    "huge digits": b'{"people":[{"pose_keypoints_2d":[' + b"9" * 5000 + b"]}]}",
    "hand too short": document(pose_keypoints_2d=[1] * 75, hand_left_keypoints_2d=[1] * 60),
    "hand is text": document(pose_keypoints_2d=[1] * 75, hand_left_keypoints_2d="x"),
    "face too long": document(pose_keypoints_2d=[1] * 75, face_keypoints_2d=[1] * 213),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused(name):
    with pytest.raises(ItemError) as caught:
        decode(HOSTILE[name], BODY25, name="x.json")
    assert caught.value.code == "bad_pose_file" and caught.value.message.startswith("x.json")


def test_file_of_many_megabytes_is_refused_unread(monkeypatch):
    monkeypatch.setattr(json, "loads", lambda _: pytest.fail("parsed"))
    with pytest.raises(ItemError, match="bytes long"):
        decode(b" " * 16_000_001, BODY25)


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(["people", "pose_keypoints_2d", "a"]), inner)
        ),
        max_leaves=12,
    )
)
def test_no_json_escapes_as_another_exception(value):
    with pytest.raises(ItemError):
        decode(json.dumps(value).encode(), BODY25)


def test_byte_order_mark_and_odd_scores_are_taken():
    numbers = [0.0] * 75
    numbers[3:9] = [10, 20, 1.7, 0, 0, 0.8]
    body = decode(b"\xef\xbb\xbf" + document(pose_keypoints_2d=numbers), BODY25).body
    assert body.score[1] == 1 and body.xy[1].tolist() == [10, 20]
    assert body.score[2] == 0, "exactly (0, 0) means missing"


def test_poses_that_cannot_be_written():
    with pytest.raises(ValueError, match="25 joints"):
        encode(Pose(some_pose(18)), BODY25)
    with pytest.raises(ValueError, match="21 points"):
        encode(Pose(some_pose(), left_hand=some_pose(20)), BODY25)
    broken = some_pose()
    broken.xy[1] = np.nan
    with pytest.raises(ValueError, match="finite"):
        encode(Pose(broken), BODY25)
