"""Finding photos in a folder."""

import os

import pytest

from pipelines.datasets.scan import photo_files
from pipelines.errors import InputError


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")


def found(folder):
    return [p.relative_to(folder).as_posix() for p in photo_files(folder)]


def test_every_file_in_depth_in_a_fixed_order(tmp_path):
    for name in ("b.jpg", "a/z.png", "a/b/c.webp", "B.jpg", "notes.txt", "no_extension", "é.jpg"):
        touch(tmp_path / name)
    want = ["B.jpg", "a/b/c.webp", "a/z.png", "b.jpg", "no_extension", "notes.txt", "é.jpg"]
    assert found(tmp_path) == want


def test_hidden_files_and_leftovers_are_skipped(tmp_path):
    for name in (
        ".DS_Store",
        ".git/a.jpg",
        "Thumbs.db",
        "__MACOSX/._a.jpg",
        "desktop.ini",
        "a.jpg",
    ):
        touch(tmp_path / name)
    assert found(tmp_path) == ["a.jpg"]


def test_links(tmp_path):
    touch(tmp_path / "outside" / "secret.jpg")
    photos = tmp_path / "photos"
    touch(photos / "a.jpg")
    (photos / "circle").symlink_to(photos)
    (photos / "away").symlink_to(tmp_path / "outside")
    (photos / "one.jpg").symlink_to(tmp_path / "outside" / "secret.jpg")
    (photos / "broken.jpg").symlink_to(tmp_path / "nowhere")
    assert found(photos) == ["a.jpg", "broken.jpg", "one.jpg"]


def test_names_that_are_not_utf8(tmp_path):
    (tmp_path / os.fsdecode(b"\xff\xfe.jpg")).write_bytes(b"")
    (path,) = photo_files(tmp_path)
    assert os.fsencode(path.name) == b"\xff\xfe.jpg"


def test_missing_folder(tmp_path):
    touch(tmp_path / "file")
    for path in (tmp_path / "absent", tmp_path / "file"):
        with pytest.raises(InputError, match="no such folder") as caught:
            photo_files(path)
        assert caught.value.exit_code == 66
