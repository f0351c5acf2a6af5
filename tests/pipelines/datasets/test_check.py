"""Faults planted into a painted data set, each to be named; sound sets are accepted."""

import io
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pipelines.datasets.check import check_dataset
from pipelines.datasets.convert import convert_dataset
from pipelines.datasets.file_checks import joints_misplaced
from pipelines.datasets.findings import Severity
from pipelines.errors import InputError, ListError
from pipelines.layout import LAYOUTS, Artifact, find_layout

A = Artifact
PERSON, GARMENT = "00001_00", "00001_10"


def check(painted):
    return check_dataset(painted.root, painted.layout, painted.split)


def named(painted) -> set[tuple[str, str]]:
    return {(f.code, f.path.name) for f in check(painted)}


def test_sound_set_has_no_findings(painted):
    assert check(painted) == []


@pytest.mark.parametrize("name", [n for n in LAYOUTS if n != "viton-hd"])
def test_converted_set_has_no_findings(painted, tmp_path, name):
    layout = replace(find_layout(name), size_hw=(256, 192))
    convert_dataset(painted.root, painted.layout, "test", tmp_path / name, layout)
    assert check_dataset(tmp_path / name, layout, "test") == []


def edit_pose(painted, change) -> None:
    path = painted.path(A.POSE, PERSON)
    document = json.loads(path.read_text())
    numbers = np.array(document["people"][0]["pose_keypoints_2d"], float).reshape(25, 3)
    document["people"][0]["pose_keypoints_2d"] = np.asarray(change(numbers)).ravel().tolist()
    path.write_text(json.dumps(document))


def edit_picture(painted, artifact, item, change, **options) -> None:
    path = painted.path(artifact, item)
    with Image.open(path) as picture:
        picture.load()
    out = io.BytesIO()
    file_format = options.pop("format", picture.format)
    change(picture).save(out, file_format, **options)
    path.write_bytes(out.getvalue())


def no_people(painted):
    painted.path(A.POSE, PERSON).write_text('{"version": 1.3, "people": []}')


def coco_in_place_of_body25(numbers):
    coco = np.delete(numbers, 8, axis=0)[:18]
    return np.vstack([coco, np.zeros((7, 3))])


def hips_and_knees_swapped(numbers):
    return numbers[[*range(9), 10, 9, 11, 13, 12, *range(14, 25)]]


def set_id(value):
    def change(picture):
        ids = np.array(picture)
        ids[:9, :9] = value
        out = Image.fromarray(ids)
        out.putpalette(picture.getpalette())
        return out

    return change


def oriented(painted):
    exif = Image.Exif()
    exif[0x0112] = 6
    edit_picture(painted, A.IMAGE, PERSON, lambda p: p, exif=exif)


def renamed(artifact, item, change):
    def fault(painted):
        path = painted.path(artifact, item)
        path.rename(path.with_name(change(path.name)))

    return fault


def rename_folder(painted, old, new):
    folder = painted.root / "test" / old
    folder.rename(folder.with_name(new))


def append_row(painted, row):
    with (painted.root / "test_pairs.txt").open("a") as file:
        file.write(row + "\n")


def truncate(artifact, item):
    def fault(painted):
        path = painted.path(artifact, item)
        path.write_bytes(path.read_bytes()[:-40])

    return fault


def picture(artifact, item, change, **options):
    return lambda painted: edit_picture(painted, artifact, item, change, **options)


def pose(change):
    return lambda painted: edit_pose(painted, change)


JPG, PNG, JSON = f"{PERSON}.jpg", f"{PERSON}.png", f"{PERSON}_keypoints.json"
MASK = f"{GARMENT}.jpg"
FAULTS = {
    "folder misspelled": (
        lambda p: rename_folder(p, "openpose_json", "OpenPose-JSONs"),
        ("folder_spelling", "OpenPose-JSONs"),
    ),
    "folder of the other release": (
        lambda p: rename_folder(p, "openpose_json", "openpose-json"),
        ("folder_spelling", "openpose-json"),
    ),
    "folder missing": (
        lambda p: shutil.rmtree(p.root / "test" / "cloth-mask"),
        ("missing_folder", "cloth-mask"),
    ),
    "parse saved in colours": (
        picture(A.PARSE, PERSON, lambda p: p.convert("RGB")),
        ("parse_mode", PNG),
    ),
    "parse saved as JPEG": (
        picture(A.PARSE, PERSON, lambda p: Image.fromarray(np.array(p)), format="JPEG"),
        ("file_format", PNG),
    ),
    "id of another label set": (picture(A.PARSE, PERSON, set_id(20)), ("parse_ids", PNG)),
    "parse turned into brightness": (
        picture(A.PARSE, PERSON, lambda p: p.convert("L")),
        ("parse_ids", PNG),
    ),
    "parse of nothing": (
        picture(A.PARSE, PERSON, lambda p: Image.new("L", p.size)),
        ("parse_blank", PNG),
    ),
    "parse of another size": (
        picture(A.PARSE, PERSON, lambda p: p.resize((96, 128))),
        ("size_mismatch", PNG),
    ),
    "image of another size": (
        picture(A.IMAGE, PERSON, lambda p: p.resize((384, 512))),
        ("size", JPG),
    ),
    "image in gray": (picture(A.IMAGE, PERSON, lambda p: p.convert("L")), ("image_mode", JPG)),
    "image turned by EXIF": (oriented, ("exif_orientation", JPG)),
    "image is a PNG": (picture(A.IMAGE, PERSON, lambda p: p, format="PNG"), ("file_format", JPG)),
    "image truncated": (truncate(A.IMAGE, PERSON), ("unreadable", JPG)),
    "parse truncated": (truncate(A.PARSE, PERSON), ("unreadable", PNG)),
    "image empty": (lambda p: p.path(A.IMAGE, PERSON).write_bytes(b""), ("empty", JPG)),
    "image is text": (lambda p: p.path(A.IMAGE, PERSON).write_bytes(b"hi"), ("unreadable", JPG)),
    "image called .JPG": (
        renamed(A.IMAGE, PERSON, lambda n: n.replace(".jpg", ".JPG")),
        ("file_name", f"{PERSON}.JPG"),
    ),
    "image called .png": (
        renamed(A.IMAGE, PERSON, lambda n: n.replace(".jpg", ".png")),
        ("file_name", PNG),
    ),
    "name with a space": (
        renamed(A.IMAGE, PERSON, lambda n: "my " + n),
        ("item_name", f"my {JPG}"),
    ),
    "pose missing": (lambda p: p.path(A.POSE, PERSON).unlink(), ("missing_file", JSON)),
    "parse missing": (lambda p: p.path(A.PARSE, PERSON).unlink(), ("missing_file", PNG)),
    "mask missing": (lambda p: p.path(A.CLOTH_MASK, GARMENT).unlink(), ("missing_file", MASK)),
    "agnostic missing": (lambda p: p.path(A.AGNOSTIC, PERSON).unlink(), ("missing_file", JPG)),
    "photo missing": (lambda p: p.path(A.IMAGE, PERSON).unlink(), ("orphan", JSON)),
    "nobody in the pose": (no_people, ("no_person", JSON)),
    "all joints zero": (pose(lambda n: n * 0), ("no_person", JSON)),
    "pose is no JSON": (truncate(A.POSE, PERSON), ("bad_pose_file", JSON)),
    "joints missing at the end": (pose(lambda n: n[:24]), ("bad_pose_file", JSON)),
    "shoulder not seen": (
        pose(lambda n: n * (np.arange(25) != 2)[:, None]),
        ("joints_missing", JSON),
    ),
    "COCO-18 with its own length": (
        pose(lambda n: coco_in_place_of_body25(n)[:18]),
        ("pose_order", JSON),
    ),
    "COCO-18 padded to 25": (pose(coco_in_place_of_body25), ("pose_order", JSON)),
    "hips and knees swapped": (pose(hips_and_knees_swapped), ("pose_order", JSON)),
    "pose of a larger photo": (pose(lambda n: n * (4, 4, 1)), ("pose_outside", JSON)),
    "mask of grays": (
        picture(A.CLOTH_MASK, GARMENT, lambda p: p.point(lambda v: 90 + v // 3)),
        ("mask_values", MASK),
    ),
    "mask of 0 and 1": (
        picture(A.AGNOSTIC_MASK, PERSON, lambda p: p.point(lambda v: v // 255)),
        ("mask_values", f"{PERSON}_mask.png"),
    ),
    "mask of nothing": (
        picture(A.CLOTH_MASK, GARMENT, lambda p: p.point(lambda v: 0)),
        ("mask_blank", MASK),
    ),
    "mask inverted": (
        picture(A.CLOTH_MASK, GARMENT, lambda p: p.point(lambda v: 255 - v)),
        ("mask_border", MASK),
    ),
    "mask in colour": (
        picture(A.CLOTH_MASK, GARMENT, lambda p: p.convert("RGB")),
        ("mask_mode", MASK),
    ),
    "mask of another size": (
        picture(A.CLOTH_MASK, GARMENT, lambda p: p.resize((96, 128))),
        ("size_mismatch", MASK),
    ),
    "unknown garment in the list": (
        lambda p: append_row(p, "00000_00.jpg 99999_00.jpg"),
        ("unknown_item", "test_pairs.txt"),
    ),
    "unknown person in the list": (
        lambda p: append_row(p, "99999_00.jpg 00000_10.jpg"),
        ("unknown_item", "test_pairs.txt"),
    ),
    "path in the list": (
        lambda p: append_row(p, "../../etc/passwd 00000_10.jpg"),
        ("bad_name", "test_pairs.txt"),
    ),
    "one name in a row": (
        lambda p: append_row(p, "00000_00.jpg"),
        ("bad_row", "test_pairs.txt"),
    ),
    "list that is not text": (
        lambda p: (p.root / "test_pairs.txt").write_bytes(b"\xff\xfe\x00"),
        ("bad_row", "test_pairs.txt"),
    ),
    "no list": (
        lambda p: (p.root / "test_pairs.txt").unlink(),
        ("no_list", "test_pairs.txt"),
    ),
    "leftover of a crash": (
        lambda p: (p.root / "test/image/.vton-7-0123456789abcdef.tmp").write_bytes(b"x"),
        ("temporary", ".vton-7-0123456789abcdef.tmp"),
    ),
}
WARNINGS = {
    "folder of the other release", "parse of nothing", "image is a PNG", "agnostic missing",
    "photo missing", "shoulder not seen", "COCO-18 with its own length", "mask inverted",
    "mask in colour", "no list", "leftover of a crash",
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_planted_fault_is_named(painted, name):
    plant, wanted = FAULTS[name]
    plant(painted)
    findings = check(painted)
    assert wanted in {(f.code, f.path.name) for f in findings}, findings
    (finding,) = {f for f in findings if (f.code, f.path.name) == wanted}
    assert (finding.severity is Severity.WARNING) == (name in WARNINGS)
    assert finding.message
    assert (finding.severity is Severity.WARNING) or finding.hint


def test_many_faults_at_once_are_all_named(painted):
    apart = {
        "parse saved in colours": 0, "mask of grays": 1, "image turned by EXIF": 1,
        "nobody in the pose": 1, "unknown garment in the list": 1, "path in the list": 1,
        "one name in a row": 1, "leftover of a crash": 1, "mask of 0 and 1": 1,
    }  # fmt: skip
    for name in apart:
        FAULTS[name][0](painted)
    assert {FAULTS[name][1] for name in apart} <= named(painted)


def test_mode_p_where_readers_take_brightness(painted, tmp_path):
    layout = replace(find_layout("acgpn"), size_hw=(256, 192))
    convert_dataset(painted.root, painted.layout, "test", tmp_path / "a", layout)
    path = layout.path(tmp_path / "a", "test", A.PARSE, PERSON)
    ids = Image.open(path)
    ids.putpalette(list(range(60)))
    ids.save(path)
    (finding,) = check_dataset(tmp_path / "a", layout, "test")
    assert (finding.code, finding.path) == ("parse_mode", path)
    shutil.rmtree(tmp_path / "a" / "test_colormask")
    assert "missing_folder" in {f.code for f in check_dataset(tmp_path / "a", layout, "test")}


def test_size_of_the_whole_set(painted):
    findings = check_dataset(painted.root, "viton-hd", "test")
    assert {(f.code, f.path.name) for f in findings} == {("size", "image"), ("size", "cloth")}


def test_wrong_split_layout_or_root(painted, tmp_path):
    assert [f.code for f in check_dataset(painted.root, painted.layout, "train")] == ["no_split"]
    assert [f.code for f in check_dataset(painted.root, "acgpn", "test")] == ["no_split"]
    with pytest.raises(InputError, match="no such folder"):
        check_dataset(tmp_path / "absent", "viton-hd", "test")
    with pytest.raises(ListError, match="unknown layout"):
        check_dataset(painted.root, "vitonhd", "test")


def test_joint_orders_are_told_apart():
    def rows(points: dict[int, tuple[int, int]], count: int) -> np.ndarray:
        out = np.zeros((count, 3))
        for joint, place in points.items():
            out[joint] = (*place, 0.9)
        return out

    standing = {1: (96, 70), 8: (96, 150), 9: (82, 150), 10: (82, 195), 12: (110, 150)}
    assert not joints_misplaced(rows(standing, 25))
    assert not joints_misplaced(rows({1: (96, 70), 8: (96, 150)}, 25)), "too little to tell"
    sitting = standing | {10: (60, 160), 13: (130, 160)}
    assert not joints_misplaced(rows(sitting, 25))
    coco = {1: (96, 70), 8: (82, 150), 9: (82, 195), 11: (110, 150), 12: (110, 195)}
    assert joints_misplaced(rows(coco, 25)) and not joints_misplaced(rows(coco, 18))
    assert joints_misplaced(rows(standing, 18))
    bust = {0: (96, 40), 1: (96, 70), 8: (82, 150), 11: (110, 150), 14: (90, 36), 15: (102, 36)}
    assert joints_misplaced(rows(bust, 25)) and not joints_misplaced(rows(bust, 18))
    coco_sitting = coco | {9: (70, 160), 12: (118, 160)}
    assert not joints_misplaced(rows(coco_sitting, 18))


@pytest.mark.shared_data
def test_official_samples_are_accepted(shared_data):
    sets = {"viton-hd-sample": "viton-hd-code", "viton-hd-complete": "viton-hd"}
    for folder, layout in sets.items():
        findings = check_dataset(shared_data / folder, layout, "test")
        assert not [f for f in findings if f.severity is Severity.ERROR]
        # its pose file holds 54 numbers, which is COCO-18
        assert {f.code for f in findings} <= {"pose_order"}
