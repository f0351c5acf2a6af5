"""Data sets moved between layouts, label sets, joint orders and sizes, and back."""

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines import labels as L
from pipelines.body import BODY25_TO_COCO18
from pipelines.codecs import decode, encode
from pipelines.datasets.check import check_dataset, layout_labels
from pipelines.datasets.convert import convert_dataset
from pipelines.datasets.findings import Severity
from pipelines.datasets.item_names import renamed
from pipelines.datasets.pairs import read_pairs
from pipelines.datasets.records import (
    Source,
    read_frames,
    read_sources,
    write_frames,
    write_sources,
)
from pipelines.errors import InputError, ListError, UsageError
from pipelines.layout import LAYOUTS, Artifact, Encoding, find_layout, frames_path, sources_path
from pipelines.types import Frame, Size

A = Artifact


def layout_of(name, size=(256, 192)):
    return replace(find_layout(name), size_hw=size)


def tree(root: Path) -> dict[str, str]:
    return {
        p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in root.rglob("*")
        if p.is_file()
    }


def value_of(root, layout, artifact, item, split="test"):
    path = layout.path(root, split, artifact, item)
    encoding = layout.place(artifact).encoding
    return decode(path.read_bytes(), encoding, labels=layout_labels(layout), keep_labels=True)


@pytest.mark.parametrize("name", LAYOUTS)
def test_there_and_back_gives_the_same_set(painted, tmp_path, name):
    before, layout = tree(painted.root), layout_of(name)
    there, back = tmp_path / "there", tmp_path / "back"
    made = convert_dataset(painted.root, painted.layout, "test", there, layout)
    assert not made.failures and made.pairs == 3
    assert {a: n for a, n in made.written.items() if a is not A.BODY_MASK} == dict.fromkeys(
        painted.layout.places, 3
    )
    convert_dataset(there, layout, "test", back, painted.layout)
    assert tree(painted.root) == before, "the source is not touched"
    after = tree(back)
    changed = [path for path in before if before[path] != after.get(path)]
    assert set(after) == set(before)
    if name == "cp-vton":  # it has no neck label; nothing else may change
        assert changed and all("parse" in path for path in changed)
    else:
        assert not changed


@pytest.mark.parametrize("name", LAYOUTS)
def test_masks_joints_and_pictures_survive(painted, tmp_path, name):
    layout = layout_of(name)
    convert_dataset(painted.root, painted.layout, "test", tmp_path / "d", layout)
    persons = layout.items(tmp_path / "d", "test", A.IMAGE)
    garments = layout.items(tmp_path / "d", "test", A.CLOTH)
    assert len(persons) == len(garments) == 3
    old_mask = value_of(painted.root, painted.layout, A.CLOTH_MASK, "00001_10")
    np.testing.assert_array_equal(
        value_of(tmp_path / "d", layout, A.CLOTH_MASK, garments[1]), old_mask
    )
    old = value_of(painted.root, painted.layout, A.POSE, "00001_00").body
    new = value_of(tmp_path / "d", layout, A.POSE, persons[1]).body
    np.testing.assert_allclose(new.xy, old.xy, atol=1e-3)
    np.testing.assert_array_equal(
        value_of(tmp_path / "d", layout, A.IMAGE, persons[1]),
        value_of(painted.root, painted.layout, A.IMAGE, "00001_00"),
    )


def test_files_are_what_published_readers_expect(painted, tmp_path):
    """Read with Pillow and json alone, the way the published loaders do."""
    old = np.array(Image.open(painted.path(A.PARSE, "00001_00")))
    joints = json.loads(painted.path(A.POSE, "00001_00").read_text())["people"][0]
    body25 = np.array(joints["pose_keypoints_2d"]).reshape(25, 3)
    acgpn = tmp_path / "acgpn"
    convert_dataset(painted.root, painted.layout, "test", acgpn, layout_of("acgpn"))
    label = Image.open(acgpn / "test_label" / "00001_00.png")
    assert label.mode == "L"
    want = np.vectorize(dict(L.LIP20_TO_ACGPN14).get)(old)
    np.testing.assert_array_equal(np.array(label.convert("L")), want)
    pose = json.loads((acgpn / "test_pose" / "00001_00_keypoints.json").read_text())
    coco = np.array(pose["people"][0]["pose_keypoints"]).reshape(18, 3)
    np.testing.assert_allclose(coco, body25[list(BODY25_TO_COCO18)], atol=1e-3)
    assert (acgpn / "test_mask").is_dir() and (acgpn / "test_colormask").is_dir()
    assert Image.open(acgpn / "test_edge" / "00001_10.jpg").mode == "L"

    plus = tmp_path / "plus"
    convert_dataset(painted.root, painted.layout, "test", plus, layout_of("cp-vton-plus"))
    parse = Image.open(plus / "test" / "image-parse-new" / "00001_00.png")
    assert parse.mode == "L"
    np.testing.assert_array_equal(np.array(parse), np.where(old == 10, 20, old))
    body = np.array(Image.open(plus / "test" / "image-mask" / "00001_00.png"))
    np.testing.assert_array_equal(body > 0, old > 0)

    cpv = tmp_path / "cpv"
    convert_dataset(painted.root, painted.layout, "test", cpv, layout_of("cp-vton"))
    parse = Image.open(cpv / "test" / "image-parse" / "00001_00.png")
    assert parse.mode == "P"
    np.testing.assert_array_equal(np.array(parse), np.where(old == 10, 13, old))


def test_smaller_size(painted, tmp_path):
    dest, layout = tmp_path / "small", layout_of("cp-vton", (128, 96))
    made = convert_dataset(painted.root, painted.layout, "test", dest, layout)
    assert not made.failures
    assert check_dataset(dest, layout, "test") == []
    old = value_of(painted.root, painted.layout, A.IMAGE, "00001_00")
    image = value_of(dest, layout, A.IMAGE, "00001_00")
    assert image.shape == (128, 96, 3)
    reference = np.asarray(Image.fromarray(old).resize((96, 128), Image.Resampling.BOX))
    assert np.abs(image.astype(int) - reference).mean() < 2
    old_pose = value_of(painted.root, painted.layout, A.POSE, "00001_00").body
    pose = value_of(dest, layout, A.POSE, "00001_00").body
    seen = old_pose.score > 0
    np.testing.assert_allclose(pose.xy[seen], (old_pose.xy[seen] + 0.5) / 2 - 0.5, atol=0.01)
    parse = value_of(dest, layout, A.PARSE, "00001_00")
    assert set(np.unique(parse.ids)) <= {0, 2, 5, 9, 13, 14, 15}


def test_other_shape_is_padded_never_squashed(painted, tmp_path):
    dest = tmp_path / "square"
    write_frames(
        frames_path(painted.root),
        {("person", "00001_00"): Frame(Size(512, 500), (50, 0, 434, 512), Size(256, 192))},
    )
    made = convert_dataset(
        painted.root, painted.layout, "test", dest, "viton-hd", size_hw=(256, 256)
    )
    assert not made.failures
    mask = value_of(dest, painted.layout, A.CLOTH_MASK, "00001_10")
    old_mask = value_of(painted.root, painted.layout, A.CLOTH_MASK, "00001_10")
    np.testing.assert_array_equal(mask[:, 32:-32], old_mask)
    assert not mask[:, :32].any() and not mask[:, -32:].any()
    parse = value_of(dest, painted.layout, A.PARSE, "00001_00").ids
    old_parse = value_of(painted.root, painted.layout, A.PARSE, "00001_00").ids
    np.testing.assert_array_equal(parse[:, 32:-32], old_parse)
    old_pose = value_of(painted.root, painted.layout, A.POSE, "00001_00").body
    pose = value_of(dest, painted.layout, A.POSE, "00001_00").body
    assert pose.xy[1].tolist() == [old_pose.xy[1, 0] + 32, old_pose.xy[1, 1]]
    assert pose.xy[20].tolist() == [0, 0], "a joint that was not seen stays unseen"
    frame = read_frames(frames_path(dest))["person", "00001_00"]
    assert frame.size == (256, 256) and frame.box == (50 - 64, 0, 434 + 64, 512)


def test_one_bad_item_costs_no_other(painted, tmp_path):
    painted.path(A.PARSE, "00001_00").write_bytes(b"not a picture")
    painted.path(A.CLOTH_MASK, "00002_10").write_bytes(b"")
    dest = tmp_path / "d"
    made = convert_dataset(painted.root, painted.layout, "test", dest, "acgpn")
    assert {(f.item, f.error.code) for f in made.failures} == {
        ("00001_00", "unreadable"),
        ("00002_10", "empty"),
    }
    acgpn = find_layout("acgpn")
    assert acgpn.items(dest, "test", A.IMAGE) == ["00000_00", "00002_00"]
    assert acgpn.items(dest, "test", A.CLOTH) == ["00000_10", "00001_10"]
    # pairs that name an item left out are left out too, so the result is sound
    assert [(p.person, p.garment) for p in read_pairs(acgpn.pairs_path(dest, "test"))] == [
        ("00000_00", "00001_10"),
        ("00002_00", "00000_10"),
    ]
    findings = check_dataset(dest, "acgpn", "test")
    assert not [f for f in findings if f.severity is Severity.ERROR]


def test_sizes_that_contradict_each_other(painted, tmp_path):
    Image.new("L", (50, 60), 255).save(painted.path(A.CLOTH_MASK, "00001_10"))
    made = convert_dataset(painted.root, painted.layout, "test", tmp_path / "d", "cp-vton")
    assert [(f.item, f.error.code) for f in made.failures] == [("00001_10", "size_mismatch")]


def test_coco18_file_in_a_body25_layout_is_put_right(painted, tmp_path):
    path = painted.path(A.POSE, "00001_00")
    pose = decode(path.read_bytes(), Encoding.POSE_BODY25_JSON)
    path.write_bytes(encode(pose, Encoding.POSE_COCO18_JSON))
    assert "pose_order" in {f.code for f in check_dataset(painted.root, painted.layout, "test")}
    convert_dataset(painted.root, painted.layout, "test", tmp_path / "d", painted.layout)
    assert check_dataset(tmp_path / "d", painted.layout, "test") == []


def test_metadata_is_not_carried_along(painted, tmp_path):
    path = painted.path(A.IMAGE, "00001_00")
    exif = Image.Exif()
    exif[0x010F] = "Camera maker"
    Image.open(path).save(path, exif=exif, quality=95)
    convert_dataset(painted.root, painted.layout, "test", tmp_path / "d", painted.layout)
    out = (tmp_path / "d" / "test" / "image" / "00001_00.jpg").read_bytes()
    assert not dict(Image.open(io.BytesIO(out)).getexif()) and b"Camera" not in out


def test_overlapping_folders_are_refused(painted):
    for dest in (painted.root, painted.root / "test" / "new", painted.root.parent):
        with pytest.raises(UsageError) as caught:
            convert_dataset(painted.root, painted.layout, "test", dest, "acgpn")
        assert caught.value.code == "same_folder" and caught.value.exit_code == 2
    link = painted.root.parent.parent / "link-to-set"
    link.symlink_to(painted.root)
    with pytest.raises(UsageError):
        convert_dataset(painted.root, painted.layout, "test", link, "acgpn")


def test_files_of_others_are_not_replaced(painted, tmp_path):
    dest = tmp_path / "d"
    convert_dataset(painted.root, painted.layout, "test", dest, "acgpn")
    before = tree(dest)
    again = convert_dataset(painted.root, painted.layout, "test", dest, "acgpn")
    assert not again.failures and tree(dest) == before, "the same command again changes nothing"
    foreign = dest / "test_img" / "00001_00.jpg"
    foreign.write_bytes(b"somebody else's")
    third = convert_dataset(painted.root, painted.layout, "test", dest, "acgpn")
    assert [(f.item, f.error.code) for f in third.failures] == [("00001_00", "exists")]
    assert foreign.read_bytes() == b"somebody else's"


def test_nothing_to_convert(painted, tmp_path):
    with pytest.raises(InputError, match="no items"):
        convert_dataset(painted.root, painted.layout, "train", tmp_path / "d", "acgpn")


def test_other_split_name(painted, tmp_path):
    made = convert_dataset(
        painted.root, painted.layout, "test", tmp_path / "d", painted.layout, to_split="val"
    )
    assert made.pairs == 3 and (tmp_path / "d" / "val_pairs.txt").is_file()
    assert painted.layout.items(tmp_path / "d", "val", A.IMAGE)


def test_records_go_along(painted, tmp_path):
    frame = Frame(Size(900, 700), (10.5, 0.0, 610.5, 800.0), Size(256, 192))
    frames = {("person", "00001_00"): frame, ("garment", "00001_10"): frame}
    write_frames(frames_path(painted.root), frames)
    sources = [
        Source("00001_00", "person", "photos/a.jpg", "ab" * 32, 10),
        Source("00001_10", "garment", "garments/b.jpg", "cd" * 32, None),
        Source("99999_00", "person", "photos/gone.jpg", "ef" * 32, 12),
    ]
    write_sources(sources_path(painted.root), sources)
    convert_dataset(painted.root, painted.layout, "test", tmp_path / "d", layout_of("mpv"))
    names = {
        ("person", "00001_00/00001_00@13=person_whole_front"),
        ("garment", "00001_10/00001_10@12=cloth_front"),
    }
    assert read_frames(frames_path(tmp_path / "d")) == dict.fromkeys(names, frame)
    kept = read_sources(sources_path(tmp_path / "d"))
    assert {(s.subject, s.item) for s in kept} == names
    assert {s.path for s in kept} == {"photos/a.jpg", "garments/b.jpg"}


def test_splits_of_an_mpv_set_stay_apart(painted, tmp_path):
    mpv, root = layout_of("mpv"), tmp_path / "mpv"
    convert_dataset(painted.root, painted.layout, "test", root, mpv)
    rows = mpv.pairs_path(root, "test").read_text().splitlines()
    rows[1] = rows[1].replace("\ttest", "\ttrain")
    mpv.pairs_path(root, "test").write_text("\n".join(rows))
    for split, count in (("test", 2), ("train", 1)):
        made = convert_dataset(root, mpv, split, tmp_path / split, "viton-hd-code")
        assert made.pairs == made.written[A.IMAGE] == count


@pytest.mark.parametrize(
    ("person", "garment"), [("00891_00", "01430_00"), ("000003_0", "000003_1"), ("a", "b")]
)
def test_names_to_mpv_and_back(person, garment):
    flat, mpv = find_layout("viton-hd"), find_layout("mpv")
    for item, subject in ((person, A.IMAGE), (garment, A.CLOTH)):
        (nested,) = renamed([item], subject, flat, mpv).values()
        assert mpv.path(Path(), "test", subject, nested)  # an acceptable name there
        assert renamed([nested], subject, mpv, flat) == {nested: item}


def test_published_mpv_names_become_flat_ones():
    flat, mpv = find_layout("viton-hd"), find_layout("mpv")
    item = "SC321E00D/SC321E00D-O11@13=person_whole_front"
    assert renamed([item], A.IMAGE, mpv, flat) == {item: item.split("/")[1]}
    with pytest.raises(ListError, match="would both be called"):
        renamed(["a/x", "b/x"], A.IMAGE, mpv, flat)


def test_damaged_records_name_the_line(tmp_path):
    path = tmp_path / "frames.jsonl"
    good = '{"item":"a","subject":"person","source_size":[9,8],"box":[0,0,8,9],"size":[4,3]}\n'
    bad = ("{", "[]", '{"item":"a"}', '{"item":"a","source_size":[1],"box":[1,2,3,4],"size":[1,2]}')
    for line in bad:
        path.write_text(good + line + "\n")
        with pytest.raises(InputError, match="line 2"):
            read_frames(path)
    path.write_text(good.replace('"subject":"person",', ""))
    assert list(read_frames(path)) == [("person", "a")]
    assert read_frames(tmp_path / "absent") == {} and read_sources(tmp_path / "absent") == []


@pytest.mark.shared_data
def test_official_sample_through_every_layout(shared_data, tmp_path):
    source = shared_data / "viton-hd-sample"
    for name in LAYOUTS:
        made = convert_dataset(source, "viton-hd-code", "test", tmp_path / name, name)
        assert not made.failures
        assert check_dataset(tmp_path / name, name, "test") == []
