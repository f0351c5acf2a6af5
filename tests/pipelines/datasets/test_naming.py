"""Item ids from hostile file names: portable, distinct, stable."""

import os
import re
from pathlib import Path, PurePath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.datasets.naming import (
    MAX_LENGTH,
    find_item,
    item_id,
    item_ids,
    require_distinct,
    tryon_id,
    without_extension,
)
from pipelines.errors import ListError

PORTABLE = re.compile(r"(?!.*__)[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?")
HOSTILE = [
    "e\u0301te.jpg", "\u00e9te.jpg", "\u212bngstrom.jpg", "\u00c5ngstrom.jpg", "A\u030angstrom.jpg",
    "\U0001f457.jpg", "\U0001f469\u200d\U0001f9b0.jpg", "\u05e9\u05dc\u05d5\u05dd.jpg",
    "\u202egpj.exe.jpg", "\u65e5\u672c\u8a9e.jpg", "Gr\u00f6\u00dfe 42.jpg", "'quoted'.jpg",
    '"double".jpg', "`ticks`.jpg", "$(reboot).jpg", "; rm -rf ~.jpg", "a|b.jpg", "a&b.jpg",
    "a>b.jpg", "a<script>alert(1)<.jpg", "new\nline.jpg", "carriage\rreturn.jpg", "tab\there.jpg",
    "bell\x07.jpg", "escape\x1b[31m.jpg", "-rf.jpg", "--help.jpg", " leading.jpg",
    "trailing .jpg", "trailing.jpg ", "dot..jpg", "...jpg", "..", ".hidden.jpg", "~.jpg",
    "~root.jpg", "CON.jpg", "con.jpg", "PRN.png", "AUX.jpg", "NUL", "COM1.jpg", "LPT9.jpg",
    "x" * 251 + ".jpg", "\u00fc" * 125 + ".jpg", "y" * 255, "a__b.jpg", "_a.jpg", "a_.jpg",
    "__.jpg", "a\\b.jpg", "C:\\a.jpg", "%00.jpg", "%2e%2e%2f.jpg", "*.jpg", "?.jpg", "[a].jpg",
    "{a,b}.jpg", "a_png.jpg", "a-0123456789.jpg", "\udcff\udcfe.jpg", "caf\udce9.jpg",
    "no extension", "a.jpg.exe", "archive.tar.gz", "\u00a0.jpg", "\u200b.jpg", "\ufeffbom.jpg",
    "1.jpg", "0",
]  # fmt: skip


def on_disk(folder: Path, names: list[str]) -> list[Path]:
    for name in names:
        (folder / name).write_bytes(b"")
    return sorted(folder.iterdir())


@pytest.mark.reliability("R14")
def test_sixty_hostile_names_get_portable_distinct_ids(tmp_path):
    real = [n for n in HOSTILE if n not in ("..",)]
    assert len(real) >= 60
    paths = on_disk(tmp_path, real)
    assert len(paths) == len(real), "the file system keeps them apart"
    ids = item_ids(paths, tmp_path)
    assert len({i.lower() for i in ids.values()}) == len(paths)
    for item in ids.values():
        assert PORTABLE.fullmatch(item), item
        assert len(item) <= MAX_LENGTH
        assert not re.fullmatch("(?i)con|prn|aux|nul|com[0-9]|lpt[0-9]", item)
        (tmp_path / f"{tryon_id(item, item)}.png").write_bytes(b"")  # fits into a file name
        (tmp_path / f"{item}_keypoints.json").write_bytes(b"")


def test_usual_names_stay_as_they_are():
    same = ["00891_00", "000003_0", "IMG_1234", "a", "c028daef-a24d-48b4-932c-3eb9df50015d"]
    for stem in same:
        assert item_id(PurePath(f"{stem}.jpg")) == stem
    assert item_id(PurePath("IMG_1234.JPG")) == "IMG_1234_JPG"
    assert item_id(PurePath("a.png")) == "a_png"


@pytest.mark.reliability("R15")
def test_names_that_collide_in_other_tools(tmp_path):
    names = ["a.jpg", "a.png", "A.JPG", "a.jpeg", "a.JPG", "a_png.jpg", "a", "a_JPG.jpg"]
    paths = on_disk(tmp_path, names)
    (tmp_path / "a.d").mkdir()
    paths += on_disk(tmp_path / "a.d", ["a.jpg"])
    ids = item_ids(paths, tmp_path)
    assert len(set(ids.values())) == len(names) + 1
    assert ids[tmp_path / "a.jpg"] == "a"


def test_id_depends_on_nothing_but_the_own_path(tmp_path):
    paths = on_disk(tmp_path, [n for n in HOSTILE if n != ".."])
    together = item_ids(paths, tmp_path)
    for path in paths:
        assert item_ids([path], tmp_path)[path] == together[path]
    assert item_ids(reversed(paths), tmp_path) == together
    # and not on the machine or the release: these were written down once
    assert item_id(PurePath("sub/a.jpg")) == "sub-a-3d2cde3d8f"
    assert item_id(PurePath("\u00e9.jpg")) == "e-b83fca42cf"
    assert item_id(PurePath("e\u0301.jpg")) == "e-146f2b565b"


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=3))
@pytest.mark.reliability("R14")
def test_any_name_gets_an_id(parts):
    parts = [p.replace("/", "").replace("\0", "") for p in parts]
    path = PurePath(*[p for p in parts if p and p not in (".", "..")] or ["x"])
    try:
        os.fsencode(path.as_posix())
    except UnicodeEncodeError:  # cannot be the name of a file
        return
    assert PORTABLE.fullmatch(item_id(path))


@pytest.mark.reliability("R15")
def test_clash_made_on_purpose_is_found_before_any_work(monkeypatch, tmp_path):
    monkeypatch.setattr("pipelines.datasets.naming.item_id", lambda path: "same")
    with pytest.raises(ListError, match="would both be called 'same'") as caught:
        item_ids([tmp_path / "a\n.jpg", tmp_path / "b.jpg"], tmp_path)
    assert caught.value.code == "name_clash" and "\n" not in caught.value.message


def test_path_outside_the_folder(tmp_path):
    with pytest.raises(ListError, match="not inside"):
        item_ids([Path("/etc/passwd")], tmp_path)


@pytest.mark.reliability("R15")
def test_tryon_ids_of_our_names_never_clash(tmp_path):
    ids = sorted(item_ids([tmp_path / n for n in HOSTILE], tmp_path).values())
    pairs = [(p, g) for p in ids for g in ids]
    assert len({tryon_id(*pair) for pair in pairs}) == len(pairs)
    require_distinct(pairs)


@pytest.mark.parametrize("pairs", [[("a__b", "c"), ("a", "b__c")], [("a", "b"), ("A", "B")]])
@pytest.mark.reliability("R15")
def test_tryon_ids_that_clash_are_refused(pairs):
    with pytest.raises(ListError) as caught:
        require_distinct(pairs)
    assert caught.value.code == "name_clash"
    require_distinct([pairs[0], pairs[0]])


def test_finding_the_item_that_a_list_means():
    items = {"a", "a_png", "IMG_1_JPG", "000003_0", "b.c", "sub-a-3d2cde3d8f"}
    assert find_item("a", items) == "a" == find_item("a.jpg", items)
    assert find_item("a.png", items) == "a_png"
    assert find_item("IMG_1.JPG", items) == "IMG_1_JPG"
    assert find_item("000003_0.png", items) == "000003_0"
    assert find_item("b.c", items) == "b.c" == find_item("b.c.jpg", items)
    assert find_item("sub/a.jpg", items) == "sub-a-3d2cde3d8f"
    assert find_item("c", items) is None and find_item("a\0", items) is None


def test_without_extension():
    assert without_extension("a.b.jpg") == "a.b"
    assert without_extension("a.JPEG") == "a"
    assert without_extension("SC1-O11@12.1=cloth_front") == "SC1-O11@12.1=cloth_front"
    assert without_extension(".jpg") == ".jpg"
