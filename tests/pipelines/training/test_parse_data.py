"""Examples for parsers from small drawn roots: layouts, label sets, poses, what is left out."""

import numpy as np
import pytest
from parse_roots import SIZE, person, placed, small_root, write
from PIL import Image as PillowImage

from pipelines.body import scaled
from pipelines.codecs import encode
from pipelines.errors import InputError
from pipelines.labels import LIP20
from pipelines.layout import (
    ACGPN,
    CCP,
    CP_VTON,
    CP_VTON_PLUS,
    MPV,
    VITON_HD,
    VITON_HD_CODE,
    Artifact,
)
from pipelines.training import parse_data
from pipelines.training.parse_data import POSES, find_root, load_examples


@pytest.fixture
def notes():
    return []


@pytest.fixture
def load(tmp_path, notes):
    """``load_examples`` without a pose network, with a cache beside the root."""

    def loaded(root, split="train", **options):
        options = {"cache": tmp_path / "cache", "own_pose": False, "tell": notes.append, **options}
        return load_examples(root, split, **options)

    return loaded


@pytest.fixture
def no_mediapipe(monkeypatch):
    """As on a machine for training alone."""
    original = parse_data.find_spec
    monkeypatch.setattr(
        parse_data, "find_spec", lambda n: None if n == "mediapipe" else original(n)
    )


@pytest.mark.parametrize("layout", [CP_VTON, VITON_HD, VITON_HD_CODE, CP_VTON_PLUS, ACGPN, CCP])
def test_layout_is_told_from_the_folders(layout, tmp_path):
    root = find_root(small_root(layout, tmp_path))
    assert root.layout is layout and root.is_ccp == (layout is CCP)
    assert find_root(tmp_path, layout.name).layout is layout


def test_layout_can_be_named_and_must_have_what_is_needed(tmp_path):
    small_root(CP_VTON, tmp_path)
    # viton-hd reads the folder of labels under this name, too
    assert find_root(tmp_path, "viton-hd").layout is VITON_HD
    for name in ("acgpn", "ccp", "no-such"):
        with pytest.raises(InputError, match=f"for training .layout {name}") as raised:
            find_root(tmp_path, name)
        assert "cp-vton" in raised.value.hint and raised.value.exit_code == 66
    with pytest.raises(InputError, match="no photos with label maps"):
        find_root(tmp_path / "nothing")


def test_photos_that_only_a_list_splits_are_not_trained_on(tmp_path):
    """Each split of such a layout would be all photos: judged would be what was learnt."""
    for artifact, name in ((Artifact.IMAGE, "a.jpg"), (Artifact.PARSE, "a.png")):
        folder = MPV.folder(tmp_path, "train", artifact) / "P1"
        folder.mkdir(parents=True)
        (folder / name).write_bytes(b"photo")
    assert MPV.items(tmp_path, "train", Artifact.IMAGE) == MPV.items(
        tmp_path, "val", Artifact.IMAGE
    )
    for name in ("auto", "mpv"):
        with pytest.raises(InputError, match="no photos with label maps"):
            find_root(tmp_path, name)


def test_examples_show_the_person_with_labels_and_joints(tmp_path, load):
    root = find_root(small_root(VITON_HD, tmp_path))
    examples = load(root)
    assert [e.name for e in examples] == ["0000_0", "0001_0", "0002_0", "0003_0"]
    for number, example in enumerate(examples):
        photo, ids, pose = person(2 * number - 5)
        # a torso of 90 pixels fills the photo and needs no other scale
        assert example.image.shape == (*SIZE, 3) and example.image.dtype == np.uint8
        np.testing.assert_array_equal(example.ids, ids)
        assert np.abs(example.image.astype(int) - photo).mean() < 3
        assert example.joints.shape == (POSES, 25, 3)
        for joints in example.joints:
            np.testing.assert_allclose(joints[:, :2], pose.body.xy, atol=1e-3)
            np.testing.assert_allclose(joints[:, 2], pose.body.score, atol=1e-3)


def test_large_photos_are_brought_to_the_networks_scale(tmp_path, load):
    photo, ids, pose = person()
    root = small_root(VITON_HD, tmp_path)
    size = (SIZE[1] * 3, SIZE[0] * 3)
    write_large(root, photo, ids, pose, size)
    (example,) = [e for e in load(find_root(root)) if e.name == "large_0"]
    # the torso is 270 pixels long there and 115 here
    assert example.ids.shape == tuple(round(side * 3 * 115 / 270) for side in SIZE)
    neck, hip = example.joints[0, 1, :2], example.joints[0, 8, :2]
    assert np.hypot(*(neck - hip)) == pytest.approx(115, rel=0.02)
    x, y = np.round(example.joints[0, 8, :2] - (0, 12)).astype(int)
    assert example.ids[y, x] == LIP20.UPPER


def write_large(root, photo, ids, pose, size) -> None:
    for artifact, picture in ((Artifact.IMAGE, photo), (Artifact.PARSE, ids)):
        path = placed(VITON_HD, root, "train", artifact, "large_0")
        PillowImage.fromarray(picture).resize(size, PillowImage.Resampling.NEAREST).save(path)
    path = placed(VITON_HD, root, "train", Artifact.POSE, "large_0")
    path.write_bytes(encode(scaled(pose, 3, 3), VITON_HD.place(Artifact.POSE).encoding))


def test_own_label_sets_become_lip_and_only_sets_without_a_neck_get_one(tmp_path, load):
    known, lacking = small_root(CP_VTON_PLUS, tmp_path / "a"), small_root(CP_VTON, tmp_path / "b")
    true = person(-5)[1]
    plus = load(find_root(known))[0].ids
    np.testing.assert_array_equal(plus, true)
    plain = load(find_root(lacking))[0].ids
    place = true == LIP20.NECK
    assert (plain[place] == LIP20.NECK).mean() > 0.9
    np.testing.assert_array_equal(plain[~place], true[~place])


def test_jumpsuits_of_cp_vton_are_dresses_and_no_neck(tmp_path, load):
    root = small_root(CP_VTON, tmp_path)
    path = CP_VTON.path(root, "train", Artifact.PARSE, "0000_0")
    ids = np.array(PillowImage.open(path))
    worn = ids == LIP20.UPPER
    ids[worn] = 10
    PillowImage.fromarray(ids).save(path)
    assert (load(find_root(root))[0].ids[worn] == LIP20.DRESS).all()


def test_skin_of_clothing_co_parsing_is_told_apart_by_the_pose(tmp_path, load):
    root = find_root(small_root(CCP, tmp_path, train=12, val=0))
    example = load(root)[0]
    true = person(2 * int(example.name[:4]) - 5)[1]
    for label in (LIP20.FACE, LIP20.LEFT_ARM, LIP20.RIGHT_ARM, LIP20.UPPER, LIP20.HAIR):
        here = true == label
        assert (example.ids[here] == label).mean() > 0.85, label.name


def test_photos_set_aside_are_never_in_train(tmp_path, load):
    root = find_root(small_root(CCP, tmp_path, train=23, val=0))
    train, val = ({e.name for e in load(root, split)} for split in ("train", "val"))
    assert val == {"0000_0", "0010_0", "0020_0"}
    assert not train & val and len(train) == 20


def test_examples_are_kept_for_the_next_run(tmp_path, load, notes):
    root = find_root(small_root(CP_VTON, tmp_path / "set"))
    first = load(root)
    for path in (tmp_path / "set").rglob("*_keypoints.json"):
        path.write_bytes(b"broken")
    notes.clear()
    again = load(root)
    assert len(notes) == 1 and "earlier run" in notes[0]
    for one, other in zip(first, again, strict=True):
        assert one.name == other.name
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.ids, other.ids)
        np.testing.assert_array_equal(one.joints, other.joints)
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_what_is_kept_depends_on_the_files_and_not_on_where_they_lie(tmp_path, load, notes):
    root = small_root(CP_VTON, tmp_path / "set")
    load(find_root(root))
    moved = root.rename(tmp_path / "moved")
    notes.clear()
    load(find_root(moved))
    assert "earlier run" in notes[0]
    write(CP_VTON, moved, "train", "0009_0", 3)
    assert [e.name for e in load(find_root(moved))][-1] == "0009_0"
    assert len(load(find_root(moved), limit=2)) == 2
    assert len(list((tmp_path / "cache").iterdir())) == 3


def test_a_limit_takes_photos_evenly(tmp_path, load):
    root = find_root(small_root(CP_VTON, tmp_path, train=9))
    assert [e.name for e in load(root, limit=3)] == ["0000_0", "0003_0", "0006_0"]
    assert len(load(root, limit=50)) == 9


@pytest.mark.parametrize(
    ("artifact", "word"),
    [(Artifact.IMAGE, "cannot be read"), (Artifact.PARSE, "cannot be read"),
     (Artifact.POSE, "is not JSON")],
)  # fmt: skip
def test_damaged_files_are_left_out_and_told(tmp_path, load, notes, artifact, word):
    root = small_root(CP_VTON, tmp_path)
    CP_VTON.path(root, "train", artifact, "0002_0").write_bytes(b"\xff\xd8 no photo")
    examples = load(find_root(root))
    assert [e.name for e in examples] == ["0000_0", "0001_0", "0003_0"]
    (told,) = [note for note in notes if "left out" in note]
    assert told.startswith("0002_0: left out.") and word in told


def test_labels_of_another_size_and_of_another_set_are_left_out(tmp_path, load, notes):
    root = small_root(CP_VTON, tmp_path)
    path = CP_VTON.path(root, "train", Artifact.PARSE, "0000_0")
    PillowImage.fromarray(np.zeros((20, 20), np.uint8)).save(path)
    path = CP_VTON.path(root, "train", Artifact.PARSE, "0001_0")
    PillowImage.fromarray(np.full(SIZE, 77, np.uint8)).save(path)
    assert [e.name for e in load(find_root(root))] == ["0002_0", "0003_0"]
    told = [note for note in notes if "left out" in note]
    assert "differ in size" in told[0] and "id 77" in told[1]


def test_photos_without_any_pose_need_one_found_first(tmp_path, load, notes, no_mediapipe):
    root = small_root(CP_VTON, tmp_path, poses=False)
    with pytest.raises(InputError, match="not one of 4 photos of 'train' can be used") as raised:
        load(find_root(root, "cp-vton"), own_pose=True)
    assert raised.value.exit_code == 66 and "vtonctl preprocess" in raised.value.hint
    told = [note for note in notes if "left out" in note]
    assert len(told) == 4 and "no pose file, and no pose network is installed" in told[0]
    assert not (tmp_path / "cache").exists()


def test_without_a_pose_network_the_data_sets_poses_are_enough(tmp_path, load, no_mediapipe):
    examples = load(find_root(small_root(CP_VTON, tmp_path)), own_pose=True)
    assert len(examples) == 4
    np.testing.assert_array_equal(examples[0].joints[0], examples[0].joints[1])


def test_own_pose_stands_beside_the_data_sets(tmp_path, load, monkeypatch):
    import pipelines.preprocess.pose as pose_stage

    root = small_root(CP_VTON, tmp_path)
    found = person(10)[2]
    monkeypatch.setattr(parse_data, "find_spec", lambda name: object())
    monkeypatch.setattr(pose_stage, "find_pose", lambda image: found)
    CP_VTON.path(root, "train", Artifact.POSE, "0003_0").unlink()
    both, *_, own = load(find_root(root), own_pose=True)
    assert both.joints[0, 1, 0] == pytest.approx(43) and both.joints[1, 1, 0] == pytest.approx(58)
    np.testing.assert_array_equal(own.joints[0], own.joints[1])
    assert own.joints[0, 1, 0] == pytest.approx(58)


def test_a_split_without_photos_has_no_examples(tmp_path, load):
    root = find_root(small_root(CP_VTON, tmp_path, val=0))
    assert load(root, "val") == []
