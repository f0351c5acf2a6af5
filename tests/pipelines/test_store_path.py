"""Places in stores behave like ``pathlib``'s, and what is in them is seen and written whole."""

import errno
import io
import os
import pickle
import subprocess
import sys
from pathlib import Path, PurePosixPath

import fsspec
import numpy as np
import pytest
from PIL import Image

from pipelines import codecs
from pipelines.atomic import remove_temporaries, write_atomic
from pipelines.datasets.naming import item_ids
from pipelines.datasets.scan import photo_files
from pipelines.errors import ExtraMissing, ItemError, StorageError, UsageError
from pipelines.layout import VITON_HD, Artifact
from pipelines.store_access import asking, filesystem
from pipelines.store_path import (
    MAX_BYTES,
    StorePath,
    as_store,
    fetched,
    is_newer,
    listed,
    place,
    refuse_address,
)
from pipelines.thumbnails import thumbnail

NAMES = ["a.jpg", "sub/b.png", "sub/deep/c", "z/.hidden.jpg", "Größe.JPG", "thumbs.db"]


@pytest.fixture(params=["memory", "file"])
def folder(request, tmp_path):
    """An empty place in a store of each way of writing."""
    if request.param == "file":
        yield StorePath("file", str(tmp_path / "store"))
        return
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    yield StorePath("memory", "/bucket/store")
    memory.store.clear()


@pytest.mark.parametrize("text", ["s3://b/photos/a.tar.gz", "gs://b/x", "az://c/folder/.name"])
def test_parts_of_an_address_are_those_of_a_path(text):
    ours, reference = as_store(place(text)), PurePosixPath(text.partition(":/")[2])
    assert str(ours) == text
    assert (ours.name, ours.stem, ours.suffix) == (reference.name, reference.stem, reference.suffix)
    assert str(ours / "d/e") == f"{text}/d/e"
    assert str(ours.parent) == text.rpartition("/")[0]
    assert (ours / "d/e").relative_to(ours) == PurePosixPath("d/e")
    assert (ours / "d").is_relative_to(ours)
    assert not StorePath(ours.protocol, ours.key + "-more").is_relative_to(ours)
    assert not ours.is_relative_to(Path("/"))
    assert pickle.loads(pickle.dumps(ours)) == ours
    assert str(ours.with_name("other")) == str(ours.parent / "other")


def test_spellings_of_one_place_are_one():
    assert place("S3://bucket//a/b/") == place("s3://bucket/a/b")
    assert place("gcs://b/x") == place("gs://b/x")
    assert place("file:///srv/shop/") == StorePath("file", "/srv/shop")
    assert place("./photos") == Path("photos")


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc"])
def test_no_name_leads_out_of_a_place(name):
    with pytest.raises(ValueError, match="not below"):
        place("s3://bucket/root") / name


@pytest.mark.parametrize(
    "text",
    ["http://host/x", "memory://x", "s3://", "s3:///x", "file://host/x", "s3://b/../c", "file://"]
    + ["s3://key:hunter2@bucket/x", "s3://bucket/x?token=hunter2", "s3://bucket/x#hunter2"]
    + ["abfs://box@hunter2.dfs.core.windows.net/x"],
)
def test_addresses_that_are_none_or_hold_secrets_are_refused(text):
    with pytest.raises(UsageError) as caught:
        place(text)
    assert "hunter2" not in str(caught.value)
    assert caught.value.hint


def test_an_address_where_none_can_be_given():
    for text in ("s3://bucket/pairs.txt", "file:///x"):
        with pytest.raises(UsageError, match="no place in a store can be given here"):
            refuse_address(Path(text))
    refuse_address(Path("s3/bucket"))
    refuse_address(place("s3://bucket/x"))


def test_what_is_written_is_there(folder):
    target = folder / "test/image/a.jpg"
    assert not target.exists()
    assert not folder.is_dir()
    with pytest.raises(FileNotFoundError) as caught:
        target.read_bytes()
    assert caught.value.filename == str(target)
    write_atomic(target, b"first")
    before = target.stat()
    write_atomic(target, b"other")
    assert (target.read_bytes(), target.open().read()) == (b"other", b"other")
    assert target.is_file() and not target.is_dir() and folder.is_dir()
    assert target.stat().st_size == 5
    assert target.stat().st_mtime_ns != before.st_mtime_ns
    assert 0 <= target.stat().st_mtime_ns < 2**60
    write_atomic(target, iter([b"in ", b"pieces"]))
    assert target.read_bytes() == b"in pieces"
    assert remove_temporaries(folder) == 0
    target.unlink()
    target.unlink(missing_ok=True)
    assert not target.exists()


def test_a_listing_is_a_moment(folder):
    for name in ("a", "sub/b"):
        write_atomic(folder / name, b"12")
    with listed():
        assert {path.name for path in folder.iterdir()} == {"a", "sub"}
        assert (folder / "a").stat() == (folder / "a").stat_now()
        assert (folder / "sub").is_dir() and not (folder / "sub").is_file()
        assert not (folder / "c").exists()
        # another process writes: seen by whoever asks, not by the listing
        filesystem(folder.protocol).pipe_file(f"{folder.key}/c", b"3")
        assert not (folder / "c").exists()
        assert (folder / "c").stat_now().st_size == 1
        write_atomic(folder / "d", b"4")  # one's own is seen
        assert (folder / "d").exists()
    assert (folder / "c").exists()


def test_photos_and_names_are_those_of_a_local_folder(folder, tmp_path):
    local = tmp_path / "local"
    for name in NAMES:
        write_atomic(local / name, b"1")
        write_atomic(folder / name, b"1")
    ours, reference = photo_files(folder), photo_files(local)
    assert [p.relative_to(folder).as_posix() for p in ours] == [
        p.relative_to(local).as_posix() for p in reference
    ]
    assert len(reference) == 4
    assert list(item_ids(ours, folder).values()) == list(item_ids(reference, local).values())


def test_a_layout_reads_a_store(folder, tmp_path):
    for root in (folder, tmp_path / "local"):
        for name in ("image/a.jpg", "image/b.jpg", "image-parse/a.png", "image/.c.jpg"):
            write_atomic(root / "test" / name, b"1")
    found = [VITON_HD.items(root, "test", Artifact.IMAGE) for root in (folder, tmp_path / "local")]
    assert found == [["a", "b"]] * 2
    # a folder under an accepted spelling of its name
    path = VITON_HD.path(folder, "test", Artifact.PARSE, "a")
    assert path == folder / "test/image-parse/a.png"
    pose = VITON_HD.path(folder, "test", Artifact.POSE, "a")
    assert pose == folder / "test/openpose_json/a_keypoints.json"


def test_a_photo_is_read_from_one_moment(folder, monkeypatch):
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 255, (40, 50, 3), np.uint8))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    write_atomic(folder / "a.png", buffer.getvalue())
    held = fetched(folder / "a.png")
    write_atomic(folder / "a.png", b"something else")
    assert (codecs.read_photo(held) == np.asarray(picture)).all()
    assert held.stat().st_size == len(buffer.getvalue())
    with pytest.raises(ItemError, match=str(folder / "a.png")) as caught:
        codecs.read_photo(fetched(folder / "a.png"))
    assert caught.value.code == "not_an_image"
    assert thumbnail(folder / "a.png", (10, 10)) is None
    write_atomic(folder / "a.png", buffer.getvalue())
    assert Image.open(io.BytesIO(thumbnail(folder / "a.png", (10, 10)))).size == (10, 8)


def test_an_object_replaced_while_it_is_fetched_is_fetched_again(folder, monkeypatch):
    write_atomic(folder / "a", b"old")
    read, changes = StorePath.read_bytes, iter([b"new content"])

    def disturbed(path):
        content = read(path)
        for change in changes:
            filesystem(path.protocol).pipe_file(path.key, change)
        return content

    monkeypatch.setattr(StorePath, "read_bytes", disturbed)
    held = fetched(folder / "a")
    assert held.read_bytes() == b"new content"
    assert held.stat() == (folder / "a").stat_now()


def test_what_is_too_large_is_not_fetched(tmp_path):
    with (tmp_path / "film.mp4").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(OSError, match="over the limit of 512 MB") as caught:
        fetched(place(f"file://{tmp_path}/film.mp4"))
    assert caught.value.errno == errno.EOVERFLOW


def test_newer_by_the_clock_of_the_store(folder, tmp_path):
    write_atomic(folder / "list", b"1")
    assert not is_newer(folder / "page", folder / "list")
    write_atomic(folder / "page", b"2")
    assert is_newer(folder / "page", folder / "list")
    for name, time_s in (("list", 200), ("page", 100)):
        (tmp_path / name).write_bytes(b"1")
        os.utime(tmp_path / name, (time_s, time_s))
    assert not is_newer(tmp_path / "page", tmp_path / "list")
    assert is_newer(tmp_path / "list", tmp_path / "page")
    assert not is_newer(place(f"file://{tmp_path}/page"), place(f"file://{tmp_path}/list"))


class NoCredentialsError(Exception):
    """As botocore calls it."""


class HttpError(Exception):
    """As gcsfs calls it."""

    def __init__(self, code):
        super().__init__("no")
        self.code = code


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (FileNotFoundError("bucket/x"), FileNotFoundError),
        (HttpError(404), FileNotFoundError),
        (PermissionError("Access Denied"), PermissionError),
        (HttpError(403), PermissionError),
        (OSError("Forbidden: https://storage.googleapis.com/x"), PermissionError),
        (NoCredentialsError("Unable to locate credentials"), PermissionError),
        (OSError(5, "InternalError"), StorageError),
        (TimeoutError(), StorageError),
        (HttpError(500), StorageError),
    ],
)
def test_each_trouble_is_told_in_one_way(error, kind):
    with pytest.raises(kind) as caught, asking("gs://bucket/x"):
        raise error
    assert "gs://bucket/x" in str(caught.value)


def test_secrets_in_what_a_store_says_are_not_told():
    url = "GET https://x/?sv=2022&sig=hunter2&se=1 AWSSecretKey: hunter2, X-Amz-Signature=hunter2"
    with pytest.raises(StorageError) as caught, asking("az://c/x"):
        raise OSError(url)
    assert "hunter2" not in str(caught.value)
    assert "sv=2022" in str(caught.value)


def test_without_the_package_the_extra_is_named(monkeypatch):
    filesystem.cache_clear()
    monkeypatch.setattr(fsspec, "filesystem", missing)
    with pytest.raises(ExtraMissing) as caught:
        place("s3://bucket/x").exists()
    filesystem.cache_clear()
    assert caught.value.exit_code == 69
    assert "vtonctl[stores]" in caught.value.hint


def missing(protocol, **options):
    raise ImportError("Install s3fs to access S3")


def test_local_work_does_not_load_fsspec(tmp_path):
    code = (
        "import sys, pipelines.atomic, vtonctl.runs.tryon, vtonctl.commands.setup\n"
        "from pathlib import Path; from pipelines.datasets.scan import photo_files\n"
        f"folder = Path({str(tmp_path)!r}); pipelines.atomic.write_atomic(folder / 'a', b'1')\n"
        "assert photo_files(folder); vtonctl.commands.setup.need_folder(folder, 'it')\n"
        "print(*(name for name in sys.modules if name.startswith(('fsspec', 's3fs', 'boto'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
