"""Contact sheets: which pairs, in which order, and where each picture lies."""

import math

import numpy as np
import pytest

from pipelines.evaluation.tryon_sheet import PER_SHEET, TILE_HEIGHT, Gallery

COLOURS = {"photo": (200, 0, 0), "garment": (0, 200, 0), "one": (0, 0, 200), "two": (90, 90, 0)}


def plain(name, size=(64, 48)):
    return np.full((*size, 3), COLOURS[name], np.uint8)


def add(gallery, shade, score=math.nan, *, systems=("one",)):
    """A pair whose garment has a shade of its own."""
    garment = np.full((64, 48, 3), (0, shade, 0), np.uint8)
    pictures = {name: plain(name) for name in systems}
    gallery.add(f"pair{shade}", plain("photo"), garment, pictures, score)


def greens(sheet):
    """Shades of the garments, in the order in which they are read."""
    green = (sheet[..., 0] == 0) & (sheet[..., 2] == 0) & (sheet[..., 1] > 0)
    rows, columns = np.nonzero(green)
    order = np.lexsort((columns, rows))
    found = sheet[rows[order], columns[order], 1]
    return list(dict.fromkeys(int(v) for v in found))


def has(sheet, colour):
    return bool((sheet == COLOURS[colour]).all(-1).any())


def test_the_worst_come_first_and_the_rest_is_dropped():
    gallery = Gallery(("one",), 3)
    for shade, score in ((10, 0.9), (20, 0.1), (30, 0.5), (40, 0.3), (50, 0.95)):
        add(gallery, shade, score)
    (sheet,) = gallery.sheets()
    assert greens(sheet) == [20, 40, 30]


def test_pairs_without_a_score_keep_their_order():
    gallery = Gallery(("one",), 3)
    for shade in (50, 20, 90, 10):
        add(gallery, shade)
    (sheet,) = gallery.sheets()
    assert greens(sheet) == [50, 20, 90]


def test_every_picture_has_its_column():
    gallery = Gallery(("one", "two"), 1)
    add(gallery, 70, 0.5, systems=("two", "one"))
    (sheet,) = gallery.sheets()
    line = sheet[-TILE_HEIGHT // 2]
    width = round(48 * TILE_HEIGHT / 64)
    seen = [tuple(line[width // 2 + place * width]) for place in range(4)]
    assert seen == [COLOURS["photo"], (0, 70, 0), COLOURS["one"], COLOURS["two"]]


def test_a_system_that_failed_leaves_its_place_empty():
    gallery = Gallery(("one", "two"), 1)
    add(gallery, 70, 0.5, systems=("two",))
    (sheet,) = gallery.sheets()
    assert has(sheet, "two") and not has(sheet, "one")
    width = round(48 * TILE_HEIGHT / 64)
    grey = sheet[-TILE_HEIGHT // 2, 2 * width + width // 2]
    assert len(set(grey.tolist())) == 1


def test_many_pairs_fill_several_sheets():
    gallery = Gallery(("one",), PER_SHEET + 2)
    for shade in range(1, PER_SHEET + 5):
        add(gallery, 5 * shade)
    first, second = gallery.sheets()
    assert len(greens(first)) == PER_SHEET and len(greens(second)) == 2
    assert greens(first) + greens(second) == [5 * n for n in range(1, PER_SHEET + 3)]


@pytest.mark.parametrize("pairs", [0, 3])
def test_nothing_to_show(pairs):
    gallery = Gallery(("one",), pairs)
    if not pairs:
        add(gallery, 10, 0.5)
    assert gallery.sheets() == []


def test_garments_of_another_shape_keep_it():
    gallery = Gallery((), 1)
    gallery.add("ann__tee", plain("photo"), plain("garment", (64, 64)), {})
    (sheet,) = gallery.sheets()
    green = (sheet == COLOURS["garment"]).all(-1).any(0).sum()
    assert green == TILE_HEIGHT
