"""Atomic writing under failures injected at every step, and against planted links."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipelines.atomic import is_temporary, remove_temporaries
from pipelines.codecs import decode, encode, write_atomic
from pipelines.errors import StorageError
from pipelines.labels import LIP20
from pipelines.layout import Encoding
from pipelines.types import Keypoints, ParseMap, Pose

RNG = np.random.default_rng(3)
VALUES = {
    Encoding.RGB_JPEG: RNG.integers(0, 256, (40, 30, 3), dtype=np.uint8),
    Encoding.RGB_PNG: RNG.integers(0, 256, (40, 30, 3), dtype=np.uint8),
    Encoding.RGB_WEBP: RNG.integers(0, 256, (40, 30, 3), dtype=np.uint8),
    Encoding.LABELS_PALETTE_PNG: ParseMap(RNG.integers(0, 20, (40, 30), dtype=np.uint8), LIP20),
    Encoding.LABELS_GRAY_PNG: ParseMap(RNG.integers(0, 20, (40, 30), dtype=np.uint8), LIP20),
    Encoding.MASK_JPEG: RNG.random((40, 30)) > 0.5,
    Encoding.MASK_PNG: RNG.random((40, 30)) > 0.5,
    Encoding.POSE_BODY25_JSON: Pose(Keypoints(np.ones((25, 2), "f4"), np.ones(25, "f4"))),
    Encoding.POSE_COCO18_JSON: Pose(Keypoints(np.ones((25, 2), "f4"), np.ones(25, "f4"))),
}


def fail_at(monkeypatch, step: str, error: int) -> None:
    """Let one system call fail once its temporary file is concerned; write fails half-way."""
    real = getattr(os, step)

    def broken(*args, **kwargs):
        if step == "write":
            real(args[0], bytes(args[1][: len(args[1]) // 2]))
        if step == "close":
            real(*args, **kwargs)
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, step, broken)


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("step", ["open", "write", "fsync", "close", "replace"])
@pytest.mark.parametrize("before", [False, True])
@pytest.mark.reliability("R2")
def test_failure_at_any_step_leaves_no_broken_file(tmp_path, monkeypatch, step, encoding, before):
    path, data = tmp_path / "folder" / "item.bin", encode(VALUES[encoding], encoding)
    if before:
        write_atomic(path, data)
    with monkeypatch.context() as patched:
        fail_at(patched, step, errno.EIO)
        with pytest.raises(StorageError) as caught:
            write_atomic(path, data + b"new")
    assert str(path) in caught.value.message
    if before:
        decode(path.read_bytes(), encoding)
        assert path.read_bytes() == data
    else:
        assert not path.exists()
    assert [p.name for p in path.parent.glob("*")] == (["item.bin"] if before else [])


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
@pytest.mark.reliability("R4")
def test_full_disk_is_told_apart(tmp_path, monkeypatch, code):
    fail_at(monkeypatch, "write", code)
    with pytest.raises(StorageError) as caught:
        write_atomic(tmp_path / "a.bin", b"12345678")
    assert caught.value.code == "disk_full" and caught.value.exit_code == 74
    assert not list(tmp_path.iterdir())


def test_short_writes_are_continued(tmp_path, monkeypatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, bytes(data[:7])))
    write_atomic(tmp_path / "a.bin", bytes(range(100)))
    assert (tmp_path / "a.bin").read_bytes() == bytes(range(100))


@pytest.mark.reliability("R2")
def test_order_of_steps(tmp_path, monkeypatch):
    calls = []

    def spied(step):
        real = getattr(os, step)

        def spy(*args, **kwargs):
            calls.append(step)
            return real(*args, **kwargs)

        return spy

    for step in ("open", "write", "fsync", "close", "replace"):
        monkeypatch.setattr(os, step, spied(step))
    write_atomic(tmp_path / "a.bin", b"data")
    assert calls == ["open", "write", "fsync", "close", "replace", "open", "fsync", "close"]


@pytest.mark.reliability("R17")
def test_a_link_planted_at_the_final_name_is_replaced_not_followed(tmp_path):
    victim = tmp_path / "victim.txt"
    victim.write_bytes(b"precious")
    link = tmp_path / "out" / "a.png"
    link.parent.mkdir()
    link.symlink_to(victim)
    write_atomic(link, b"new")
    assert victim.read_bytes() == b"precious"
    assert not link.is_symlink() and link.read_bytes() == b"new"


def test_a_folder_or_file_in_the_way_is_named(tmp_path):
    (tmp_path / "a.png").mkdir()
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "a.png", tmp_path / "file" / "b.png"):
        with pytest.raises(StorageError, match=path.name):
            write_atomic(path, b"new")
    assert not [p for p in tmp_path.iterdir() if is_temporary(p.name)]


def test_names_as_long_as_the_file_system_allows(tmp_path):
    path = tmp_path / ("x" * 251 + ".png")
    write_atomic(path, b"1")
    assert path.read_bytes() == b"1"


@pytest.mark.reliability("R2")
def test_killed_writer_leaves_only_what_the_next_start_removes(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from pipelines import atomic\n"
        "os.fsync = lambda handle: os._exit(9)\n"
        "atomic.write_atomic(Path(sys.argv[1]) / 'deep' / 'a.png', b'x' * 1000)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == 9
    (left,) = (tmp_path / "deep").iterdir()
    assert is_temporary(left.name) and left.name != "a.png"
    for other in ("a.tmp", ".vton-notes.tmp", ".vton-1-xyz.tmp", "x.vton-1-0123456789abcdef.tmp"):
        (tmp_path / "deep" / other).write_bytes(b"not ours")
    assert remove_temporaries(tmp_path) == 1
    assert len(list((tmp_path / "deep").iterdir())) == 4


def test_cleaning_does_not_follow_links(tmp_path):
    outside = tmp_path / "outside" / ".vton-1-0123456789abcdef.tmp"
    outside.parent.mkdir()
    outside.write_bytes(b"")
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(outside.parent)
    assert remove_temporaries(root) == 0 and outside.exists()


def test_umask_decides_the_mode_of_new_files(tmp_path):
    old = os.umask(0o027)
    try:
        write_atomic(tmp_path / "a.bin", b"")
    finally:
        os.umask(old)
    assert Path(tmp_path / "a.bin").stat().st_mode & 0o777 == 0o640
