"""Paths of every layout as published, and names that must not lead elsewhere."""

from pathlib import Path

import pytest

from pipelines import labels
from pipelines.errors import ListError
from pipelines.layout import LAYOUTS, Artifact, Encoding, find_layout

A = Artifact
ROOT = Path("root")
PUBLISHED = {
    "viton-hd": [
        (A.IMAGE, "00000_00", "test/image/00000_00.jpg"),
        (A.PARSE, "00000_00", "test/image-parse-v3/00000_00.png"),
        (A.PARSE_AGNOSTIC, "00000_00", "test/image-parse-agnostic-v3.2/00000_00.png"),
        (A.AGNOSTIC, "00000_00", "test/agnostic-v3.2/00000_00.jpg"),
        (A.AGNOSTIC_MASK, "00000_00", "test/agnostic-mask/00000_00_mask.png"),
        (A.POSE_IMAGE, "00000_00", "test/openpose_img/00000_00_rendered.png"),
        (A.POSE, "00000_00", "test/openpose_json/00000_00_keypoints.json"),
        (A.CLOTH, "00000_00", "test/cloth/00000_00.jpg"),
        (A.CLOTH_MASK, "00000_00", "test/cloth-mask/00000_00.jpg"),
    ],
    "viton-hd-code": [
        (A.IMAGE, "00891_00", "test/image/00891_00.jpg"),
        (A.PARSE, "00891_00", "test/image-parse/00891_00.png"),
        (A.POSE_IMAGE, "00891_00", "test/openpose-img/00891_00_rendered.png"),
        (A.POSE, "00891_00", "test/openpose-json/00891_00_keypoints.json"),
        (A.CLOTH, "01430_00", "test/cloth/01430_00.jpg"),
        (A.CLOTH_MASK, "01430_00", "test/cloth-mask/01430_00.jpg"),
    ],
    "cp-vton": [
        (A.IMAGE, "000003_0", "test/image/000003_0.jpg"),
        (A.PARSE, "000003_0", "test/image-parse/000003_0.png"),
        (A.POSE, "000003_0", "test/pose/000003_0_keypoints.json"),
        (A.CLOTH, "000003_1", "test/cloth/000003_1.jpg"),
        (A.CLOTH_MASK, "000003_1", "test/cloth-mask/000003_1.jpg"),
    ],
    "cp-vton-plus": [
        (A.PARSE, "000003_0", "test/image-parse-new/000003_0.png"),
        (A.BODY_MASK, "000003_0", "test/image-mask/000003_0.png"),
        (A.POSE, "000003_0", "test/pose/000003_0_keypoints.json"),
    ],
    "acgpn": [
        (A.IMAGE, "000001_0", "test_img/000001_0.jpg"),
        (A.PARSE, "000001_0", "test_label/000001_0.png"),
        (A.CLOTH, "000001_1", "test_color/000001_1.jpg"),
        (A.CLOTH_MASK, "000001_1", "test_edge/000001_1.jpg"),
        (A.POSE, "000001_0", "test_pose/000001_0_keypoints.json"),
    ],
    "mpv": [
        (
            A.IMAGE,
            "SC321E00D/SC321E00D-O11@13=person_whole_front",
            "all/SC321E00D/SC321E00D-O11@13=person_whole_front.jpg",
        ),
        (
            A.CLOTH,
            "SC321E00D/SC321E00D-O11@12.1=cloth_front",
            "all/SC321E00D/SC321E00D-O11@12.1=cloth_front.jpg",
        ),
        (
            A.PARSE,
            "SC321E00D/SC321E00D-O11@13=person_whole_front",
            "all_parsing/SC321E00D/SC321E00D-O11@13=person_whole_front.png",
        ),
        (
            A.POSE,
            "SC321E00D/SC321E00D-O11@13=person_whole_front",
            "all_person_clothes_keypoints/SC321E00D/"
            "SC321E00D-O11@13=person_whole_front_keypoints.json",
        ),
    ],
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_published_paths(name):
    for artifact, item, path in PUBLISHED[name]:
        assert LAYOUTS[name].path(ROOT, "test", artifact, item) == ROOT / path


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_items_are_found_again(tmp_path, layout):
    person, garment = ("x/x@1=person_front", "x/x@2=cloth_front") if layout.nested else ("p", "g")
    for artifact in layout.places:
        item = garment if artifact in (A.CLOTH, A.CLOTH_MASK) else person
        path = layout.path(tmp_path, "train", artifact, item)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
        (path.parent / ".hidden.jpg").write_bytes(b"")
        (path.parent / "other.txt").write_bytes(b"")
    for artifact in layout.places:
        want = garment if artifact in (A.CLOTH, A.CLOTH_MASK) else person
        assert layout.items(tmp_path, "train", artifact) == [want], artifact


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_no_two_artifacts_share_a_file(layout):
    item = "x/x" if layout.nested else "x"
    paths = [layout.path(ROOT, "test", a, item) for a in layout.places if a is not A.CLOTH]
    assert len(set(paths)) == len(paths)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_encodings_belong_to_their_readers(layout):
    gray = layout.name in ("acgpn", "cp-vton-plus")
    assert (layout.places[A.PARSE].encoding is Encoding.LABELS_GRAY_PNG) == gray
    body25 = layout.name.startswith("viton-hd")
    assert (layout.places[A.POSE].encoding is Encoding.POSE_BODY25_JSON) == body25
    assert layout.size_hw == ((1024, 768) if body25 else (256, 192))
    assert issubclass(getattr(labels, layout.label_set), labels.Labels)
    assert layout.published <= set(layout.places)


@pytest.mark.parametrize(
    ("layout", "there"),
    [
        ("viton-hd", "openpose-json"),
        ("viton-hd-code", "openpose_json"),
        ("mpv", "all_keypoints"),
    ],
)
def test_other_spellings_are_read(tmp_path, layout, there):
    found = find_layout(layout)
    folder = found.named_folder(tmp_path, "test", there)
    folder.mkdir(parents=True)
    assert found.existing_folder(tmp_path, "test", A.POSE) == folder
    assert found.folder(tmp_path, "test", A.POSE) != folder
    found.folder(tmp_path, "test", A.POSE).mkdir()
    assert found.existing_folder(tmp_path, "test", A.POSE) != folder, "its own spelling wins"


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
@pytest.mark.parametrize("item", ["", ".", "..", "../a", "a/../../b", "/etc/passwd", "a/", "a\0b"])
def test_names_that_lead_elsewhere(layout, item):
    with pytest.raises(ListError) as caught:
        layout.path(ROOT, "test", A.IMAGE, item)
    assert caught.value.code == "bad_name"


def test_item_without_product_has_no_place_in_mpv():
    with pytest.raises(ListError, match="not an item name of the layout mpv") as caught:
        find_layout("mpv").path(ROOT, "test", A.IMAGE, "portrait")
    assert "vtonctl convert ROOT --to mpv DEST" in caught.value.hint


def test_links_do_not_lead_out_of_the_root(tmp_path):
    layout, outside = find_layout("mpv"), tmp_path / "outside"
    outside.mkdir()
    (outside / "secret@1=person.jpg").write_bytes(b"")
    inside = tmp_path / "root" / "all" / "S1"
    inside.mkdir(parents=True)
    (inside / "a@1=person.jpg").write_bytes(b"")
    (inside.parent / "link").symlink_to(outside)
    assert layout.items(tmp_path / "root", "test", A.IMAGE) == ["S1/a@1=person"]


@pytest.mark.parametrize("split", ["", "..", "a/b", "-x", ".hidden", "a b", "x" * 65, "test\n"])
def test_bad_splits(split):
    for layout in LAYOUTS.values():
        with pytest.raises(ListError) as caught:
            layout.folder(ROOT, split, A.IMAGE)
        assert caught.value.code == "bad_split"


def test_pairs_lists(tmp_path):
    viton = find_layout("viton-hd")
    assert viton.pairs_path(tmp_path, "train").name == "train_pairs.txt"
    (tmp_path / "test_pairs_unpaired.txt").write_text("a b\n")
    assert viton.pairs_path(tmp_path, "test").name == "test_pairs_unpaired.txt"
    (tmp_path / "test_pairs.txt").write_text("a b\n")
    assert viton.pairs_path(tmp_path, "test").name == "test_pairs.txt"
    assert find_layout("mpv").pairs_path(tmp_path, "test").name == "all_poseA_poseB_clothes.txt"


def test_unknown_layout_lists_the_known():
    with pytest.raises(ListError) as caught:
        find_layout("vitonhd")
    assert all(name in caught.value.hint for name in LAYOUTS)
    with pytest.raises(ListError, match="no place for body-mask"):
        find_layout("viton-hd").place(A.BODY_MASK)
