"""Data-set roots as the folder that ultralytics reads."""

import stat

import cv2
import numpy as np
import pytest

from pipelines.codecs import decode, encode
from pipelines.datasets.ccp import set_aside
from pipelines.errors import InputError
from pipelines.labels import BODY8, CPVTON20, LIP20
from pipelines.layout import CCP, Artifact, Encoding, find_layout
from pipelines.relabel import relabel
from pipelines.segmentation.yolo_dataset import (
    DatasetPlan,
    find_root_layout,
    is_written,
    write_dataset,
)
from pipelines.segmentation.yolo_format import from_text, label_map
from pipelines.types import ParseMap

SIZE = (256, 192)


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def drawn(folder, place, name):
    text = (folder / "labels" / place / f"{name}.txt").read_text()
    return label_map(from_text(text), SIZE)


def test_photos_and_labels_of_each_split(cp_vton_root, tmp_path):
    made = write_dataset(tmp_path / "out", DatasetPlan((cp_vton_root,)))
    assert (made.train_images, made.val_images) == (12, 2)
    names = [f"{n:06}_0" for n in range(6)]
    for place in ("0", "0-mirrored"):
        for kind, suffix in (("images", "jpg"), ("labels", "txt")):
            there = sorted(p.name for p in (tmp_path / "out" / kind / "train" / place).iterdir())
            assert there == [f"{n}.{suffix}" for n in names]
    assert not (tmp_path / "out" / "images" / "val" / "0-mirrored").exists()
    assert made.instances["face"] == made.instances["left arm"] == 14
    assert made.instances["skirt"] == 0
    layout = find_layout("cp-vton")
    original = layout.path(cp_vton_root, "train", Artifact.IMAGE, names[0])
    copied = tmp_path / "out" / "images" / "train" / "0" / f"{names[0]}.jpg"
    assert copied.read_bytes() == original.read_bytes()
    assert copied.stat().st_ino != original.stat().st_ino


def test_labels_are_those_of_the_map(cp_vton_root, tmp_path):
    write_dataset(tmp_path / "out", DatasetPlan((cp_vton_root,)))
    path = find_layout("cp-vton").path(cp_vton_root, "val", Artifact.PARSE, "000006_0")
    data = path.read_bytes()
    parse = decode(data, Encoding.LABELS_PALETTE_PNG, labels=CPVTON20, keep_labels=True)
    wanted = relabel(parse, BODY8).ids
    found = drawn(tmp_path / "out", "val/0", "000006_0")
    for label in BODY8:
        if label not in (BODY8.BACKGROUND, BODY8.NECK, BODY8.SKIRT):
            inside = ((wanted == label) & (found == label)).sum()
            assert inside / ((wanted == label) | (found == label)).sum() >= 0.98, label


def test_the_neck_is_found_by_the_pose_where_maps_have_none(cp_vton_root, tmp_path):
    made = write_dataset(tmp_path / "out", DatasetPlan((cp_vton_root,), mirror=False))
    assert made.instances["neck"] == 8
    for pose in (cp_vton_root / "train" / "pose").iterdir():
        pose.unlink()
    made = write_dataset(tmp_path / "out", DatasetPlan((cp_vton_root,), mirror=False))
    assert made.instances["neck"] == 2


def test_mirrored_copies_exchange_left_and_right(cp_vton_root, tmp_path):
    """The flip is OpenCV's; her left arm, longer than the right one, must stay her left."""
    write_dataset(tmp_path / "out", DatasetPlan((cp_vton_root,)))
    plain, flipped = (
        cv2.imread(str(tmp_path / "out" / "images" / "train" / place / "000005_0.jpg"))
        for place in ("0", "0-mirrored")
    )
    assert np.abs(cv2.flip(plain, 1).astype(int) - flipped).mean() < 2
    before = drawn(tmp_path / "out", "train/0", "000005_0")
    after = drawn(tmp_path / "out", "train/0-mirrored", "000005_0")[:, ::-1]
    for label, other in (
        (BODY8.LEFT_ARM, BODY8.RIGHT_ARM),
        (BODY8.RIGHT_ARM, BODY8.LEFT_ARM),
        (BODY8.FACE, BODY8.FACE),
    ):
        inside = ((before == label) & (after == other)).sum()
        assert inside / ((before == label) | (after == other)).sum() > 0.95


def test_inputs_are_never_written(cp_vton_root, tmp_path):
    before = files(cp_vton_root)
    for path in cp_vton_root.rglob("*"):
        path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    write_dataset(tmp_path / "out", DatasetPlan((cp_vton_root,)))
    assert files(cp_vton_root) == before


def test_a_subset_is_spread_over_the_list(cp_vton_root, tmp_path):
    made = write_dataset(tmp_path / "out", DatasetPlan((cp_vton_root,), photos=2, mirror=False))
    assert (made.train_images, made.val_images) == (2, 2)
    there = sorted(p.stem for p in (tmp_path / "out" / "images" / "train" / "0").iterdir())
    assert there == ["000000_0", "000005_0"]


def test_several_roots_keep_equal_names_apart(cp_vton_root, tmp_path):
    plan = DatasetPlan((cp_vton_root, cp_vton_root), mirror=False)
    assert write_dataset(tmp_path / "out", plan).train_images == 12


def test_the_same_plan_writes_the_same_folder_again(cp_vton_root, tmp_path):
    plan = DatasetPlan((cp_vton_root,))
    write_dataset(tmp_path / "out", plan)
    before = files(tmp_path / "out")
    assert is_written(tmp_path / "out", plan)
    assert not is_written(tmp_path / "out", DatasetPlan((cp_vton_root,), photos=3))
    (tmp_path / "out" / "labels" / "train" / "0" / "old.txt").write_text("")
    write_dataset(tmp_path / "out", plan)
    assert files(tmp_path / "out") == before
    (tmp_path / "out" / "data.yaml").unlink()
    assert not is_written(tmp_path / "out", plan)


def test_a_folder_of_others_is_left_alone(cp_vton_root, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="no data set of this tool"):
        write_dataset(tmp_path / "out", DatasetPlan((cp_vton_root,)))
    assert (tmp_path / "out" / "thesis.txt").read_text() == "mine"


def test_unusable_photos_are_left_out_and_told(cp_vton_root, tmp_path):
    folder = cp_vton_root / "train"
    (folder / "image" / "000001_0.jpg").write_bytes(b"no picture")
    small = encode(ParseMap(np.zeros((20, 10), np.uint8), LIP20), Encoding.LABELS_PALETTE_PNG)
    (folder / "image-parse" / "000002_0.png").write_bytes(small)
    told = []
    made = write_dataset(tmp_path / "out", DatasetPlan((cp_vton_root,), mirror=False), told.append)
    assert made.train_images == 4
    assert len(made.skipped) == len(told) == 2
    assert "000001_0" in told[0]
    assert "000002_0: the photo is 256x192, its label map 20x10" in told[1]


def test_missing_splits_are_named(cp_vton_root, tmp_path):
    with pytest.raises(InputError, match="'dev'") as caught:
        write_dataset(tmp_path / "out", DatasetPlan((cp_vton_root,), val="dev"))
    assert "--set val=SPLIT" in str(caught.value)
    with pytest.raises(InputError, match="--set layout="):
        find_root_layout(tmp_path / "nothing", "train")


@pytest.mark.parametrize("name", ["viton-hd", "viton-hd-code", "cp-vton", "cp-vton-plus", "acgpn"])
def test_layouts_are_told_by_their_folders(name, tmp_path):
    layout = find_layout(name)
    for artifact in layout.places:
        layout.folder(tmp_path, "train", artifact).mkdir(parents=True, exist_ok=True)
    assert find_root_layout(tmp_path, "train").name == name


def test_clothing_co_parsing_is_judged_on_the_photos_set_aside(person, tmp_path):
    from pipelines.clothing_labels import CCP59

    photo, ids, pose = person
    tags = np.zeros(256, np.uint8)
    tags[LIP20.HAIR], tags[LIP20.UPPER], tags[LIP20.PANTS] = CCP59.HAIR, CCP59.SHIRT, CCP59.JEANS
    for part in (LIP20.FACE, LIP20.NECK, LIP20.LEFT_ARM, LIP20.RIGHT_ARM):
        tags[part] = CCP59.SKIN
    values = {
        Artifact.IMAGE: photo,
        Artifact.PARSE: ParseMap(tags[ids], CCP59),
        Artifact.POSE: pose,
    }
    names = [f"{n:04}" for n in range(12)]
    for name in names:
        for artifact, value in values.items():
            path = CCP.path(tmp_path / "ccp", "all", artifact, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode(value, CCP.place(artifact).encoding, labels=CCP59))
    made = write_dataset(tmp_path / "out", DatasetPlan((tmp_path / "ccp",), mirror=False))
    val = {p.stem for p in (tmp_path / "out" / "images" / "val" / "0").iterdir()}
    assert val == set(set_aside(names))
    assert made.train_images == 10
    found = drawn(tmp_path / "out", "train/0", "0001")
    for label, part in ((BODY8.LEFT_ARM, LIP20.LEFT_ARM), (BODY8.FACE, LIP20.FACE)):
        inside = ((found == label) & (ids == part)).sum()
        assert inside / ((found == label) | (ids == part)).sum() > 0.8, part
