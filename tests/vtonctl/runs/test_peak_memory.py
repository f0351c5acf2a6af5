"""The most memory held: real memory of this process."""

import mmap

import pytest

from vtonctl.runs import peak_memory

MANY = 200_000_000


def held() -> mmap.mmap:
    """Memory of the kernel's own: what malloc gives back may stay with the process."""
    pages = mmap.mmap(-1, MANY)
    for at in range(0, MANY, mmap.PAGESIZE):
        pages[at] = 1
    return pages


def test_memory_that_was_held_and_given_back_counts():
    peak_memory.reset_peak()
    before = peak_memory.peak_bytes()
    held().close()
    assert peak_memory.peak_bytes() > before + 0.9 * MANY


def test_a_new_count_starts_from_what_is_held_now():
    pages = held()
    high = peak_memory.peak_bytes()
    pages.close()
    if not peak_memory.reset_peak():
        pytest.skip("this system cannot start anew")
    assert peak_memory.peak_bytes() < high - 0.5 * MANY


def test_systems_that_tell_nothing_still_have_a_figure(monkeypatch, tmp_path):
    monkeypatch.setattr(peak_memory, "_STATUS", tmp_path / "none")
    monkeypatch.setattr(peak_memory, "_CLEAR", tmp_path / "no" / "folder")
    assert not peak_memory.reset_peak()
    assert peak_memory.peak_bytes() > 10_000_000
