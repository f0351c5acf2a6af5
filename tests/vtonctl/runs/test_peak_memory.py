"""The most memory held: real memory of this process."""

import numpy as np
import pytest

from vtonctl.runs import peak_memory

MANY = 200_000_000


def test_memory_that_was_held_and_given_back_counts():
    peak_memory.reset_peak()
    before = peak_memory.peak_bytes()
    held = np.ones(MANY, np.uint8)
    assert held.sum() == MANY
    del held
    assert peak_memory.peak_bytes() > before + 0.9 * MANY


def test_a_new_count_starts_from_what_is_held_now():
    held = np.ones(MANY, np.uint8)
    high = peak_memory.peak_bytes()
    del held
    if not peak_memory.reset_peak():
        pytest.skip("this system cannot start anew")
    assert peak_memory.peak_bytes() < high - 0.5 * MANY


def test_systems_that_tell_nothing_still_have_a_figure(monkeypatch, tmp_path):
    monkeypatch.setattr(peak_memory, "_STATUS", tmp_path / "none")
    monkeypatch.setattr(peak_memory, "_CLEAR", tmp_path / "no" / "folder")
    assert not peak_memory.reset_peak()
    assert peak_memory.peak_bytes() > 10_000_000
