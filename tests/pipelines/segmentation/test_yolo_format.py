"""Label maps as YOLO polygons and back, against drawn maps and ultralytics' own rasteriser."""

import tarfile

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pipelines.codecs import decode
from pipelines.errors import ItemError
from pipelines.labels import BODY8, CPVTON20
from pipelines.layout import Encoding
from pipelines.relabel import relabel
from pipelines.segmentation.yolo_format import (
    CLASS_NAMES,
    CLASSES,
    Polygon,
    from_text,
    label_map,
    mirrored,
    polygons_of,
    to_text,
)

SIZE = (256, 192)


@pytest.fixture
def person():
    """A drawn person: ring-shaped hair around the face, an arm cut in two, a hole in the top."""
    ids = np.zeros(SIZE, np.uint8)
    cv2.ellipse(ids, (96, 50), (34, 44), 0, 0, 360, int(BODY8.HAIR), -1)
    cv2.ellipse(ids, (96, 54), (20, 27), 0, 0, 360, int(BODY8.FACE), -1)
    cv2.rectangle(ids, (86, 80), (106, 98), int(BODY8.NECK), -1)
    cv2.fillPoly(ids, [np.array([(60, 96), (132, 96), (140, 190), (52, 190)])], BODY8.UPPER_BODY)
    cv2.circle(ids, (96, 150), 9, 0, -1)
    cv2.fillPoly(ids, [np.array([(54, 191), (138, 191), (150, 255), (40, 255)])], BODY8.SKIRT)
    cv2.line(ids, (140, 100), (168, 176), int(BODY8.LEFT_ARM), 13)
    cv2.line(ids, (52, 100), (24, 176), int(BODY8.RIGHT_ARM), 13)
    ids[130:139, 10:50] = 0  # a bracelet: the right arm is in two pieces
    return ids


def published_maps(archive, count):
    """The bytes of the first label maps in an archive of the VITON set."""
    with tarfile.open(archive) as tar:
        names = sorted(n for n in tar.getnames() if "image-parse/" in n and n.endswith(".png"))
        return [tar.extractfile(name).read() for name in names[:count]]


def ious(first, second):
    """IoU of each class that is in ``first``."""
    return {
        label: ((first == label) & (second == label)).sum()
        / ((first == label) | (second == label)).sum()
        for label in CLASSES
        if (first == label).any()
    }


def back_and_forth(ids):
    return label_map(from_text(to_text(polygons_of(ids))), ids.shape)


def test_a_drawn_person_comes_back(person):
    found = ious(person, back_and_forth(person))
    assert len(found) == 7
    assert min(found.values()) >= 0.98, found


def test_one_connected_part_comes_back_to_the_pixel(person):
    face = np.where(person == BODY8.FACE, person, 0)
    assert np.array_equal(back_and_forth(face), face)


def test_holes_stay_open(person):
    """The face is a hole of the hair; alone, the hair keeps it."""
    hair = np.where(person == BODY8.HAIR, person, 0)
    hair[40:44, 64:68] = 0
    hair[20:25, 90:100] = 0
    pieces, _ = cv2.findContours(hair, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    assert len(pieces) > 2
    back = back_and_forth(hair)
    assert np.array_equal(back, hair)


def test_pieces_of_a_class_are_one_instance_joined_by_a_thin_line(person):
    arm = np.where(person == BODY8.RIGHT_ARM, person, 0)
    assert cv2.connectedComponents(arm)[0] == 3
    polygons = polygons_of(arm)
    assert [p.label for p in polygons] == [BODY8.RIGHT_ARM]
    back = label_map(polygons, SIZE)
    assert (back >= arm).all()
    added = (back != arm)[130:139]
    assert (back != arm).sum() == added.sum()
    assert added.sum(1).max() <= 2  # a bridge is one pixel wide


def test_lines_are_ordered_by_area_and_later_ones_cover_earlier_ones(person):
    polygons = polygons_of(person)
    areas = [p.mask(SIZE).sum() for p in polygons]
    assert areas == sorted(areas, reverse=True)
    square = Polygon(BODY8.FACE, np.array([(0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9)]))
    other = Polygon(BODY8.HAIR, square.points * 0.5 + 0.2)
    assert label_map([square, other], (40, 40))[20, 20] == BODY8.HAIR
    assert label_map([other, square], (40, 40))[20, 20] == BODY8.FACE


def test_specks_are_left_out_and_nothing_gives_nothing():
    ids = np.zeros(SIZE, np.uint8)
    ids[10:13, 10:13] = BODY8.SKIRT
    assert polygons_of(ids) == []
    assert to_text([]) == ""
    assert from_text("\n") == []
    assert len(polygons_of(ids, min_area_share=0)) == 1


def test_classes_are_numbered_as_published():
    text = to_text([Polygon(BODY8.HAIR, np.eye(3)[:, :2]), Polygon(BODY8.SKIRT, np.eye(3)[:, :2])])
    assert [line.split()[0] for line in text.splitlines()] == ["0", "7"]
    assert len(CLASS_NAMES) == 8
    assert [label.name.replace("_", " ").lower() for label in CLASSES] == list(CLASS_NAMES)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("8 0.1 0.1 0.2 0.1 0.2 0.2", "class 8"),
        ("1.5 0.1 0.1 0.2 0.1 0.2 0.2", "class 1.5"),
        ("1 0.1 0.1 0.2 0.1", "4 coordinates"),
        ("1 0.1 0.1 0.2 0.1 0.2", "5 coordinates"),
        ("1 0.1 0.1 0.2 0.1 0.2 1.5", "outside"),
        ("1 0.1 nan 0.2 0.1 0.2 0.5", "outside"),
        ("face 0.1 0.1 0.2 0.1 0.2 0.2", "not a list of numbers"),
    ],
)
def test_bad_lines_are_named(line, words):
    with pytest.raises(ItemError, match="line 2") as caught:
        from_text("0 0.1 0.1 0.2 0.1 0.2 0.2\n" + line)
    assert words in str(caught.value)


def test_the_mirror_image_changes_sides(person):
    """Mirroring polygons is mirroring the map (an independent flip) and exchanging the arms."""
    flipped = np.ascontiguousarray(person[:, ::-1])
    wanted = flipped.copy()
    wanted[flipped == BODY8.LEFT_ARM] = BODY8.RIGHT_ARM
    wanted[flipped == BODY8.RIGHT_ARM] = BODY8.LEFT_ARM
    made = label_map(mirrored(polygons_of(person)), SIZE)
    found = ious(wanted, made)
    assert min(found.values()) >= 0.98, found
    assert made[176, 24] == BODY8.RIGHT_ARM
    twice = mirrored(mirrored(polygons_of(person)))
    assert np.allclose(twice[0].points, polygons_of(person)[0].points)


@settings(max_examples=60, deadline=None)
@given(arrays.arrays(np.uint8, (24, 18), elements=st.integers(0, 8)))
def test_any_map_makes_polygons_that_can_be_read(ids):
    """Noise of single pixels too: valid lines, nothing lost from a class drawn alone."""
    polygons = polygons_of(ids, min_area_share=0)
    assert len(from_text(to_text(polygons))) == len(set(np.unique(ids)) - {0})
    for polygon in polygons:
        alone = ids == polygon.label
        assert not (alone & ~polygon.mask(ids.shape)).any()


def test_ultralytics_draws_the_same_masks(person):
    """Its converter of polygons, its order of overlaps, at the size of the map."""
    pytest.importorskip("ultralytics")
    from pipelines.segmentation import yolo

    yolo.start()
    from ultralytics.data.utils import polygon2mask, polygons2masks_overlap

    polygons = from_text(to_text(polygons_of(person)))
    scaled = [p.points.astype(np.float32) * (SIZE[1], SIZE[0]) for p in polygons]
    for polygon, points in zip(polygons, scaled, strict=True):
        theirs = polygon2mask(SIZE, [points.reshape(-1)]).astype(bool)
        assert np.array_equal(theirs, polygon.mask(SIZE))
    overlap, order = polygons2masks_overlap(SIZE, scaled)
    labels = np.array([0, *(int(polygons[i].label) for i in order)])
    assert np.array_equal(labels[overlap], label_map(polygons, SIZE))


def test_a_single_part_is_converted_as_ultralytics_converts_it(person, tmp_path):
    """Its own converter from masks knows neither holes nor pieces; one plain part must agree."""
    pytest.importorskip("ultralytics")
    from pipelines.segmentation import yolo

    yolo.start()
    from ultralytics.data.converter import convert_segment_masks_to_yolo_seg

    face = np.where(person == BODY8.FACE, person, 0)
    (tmp_path / "masks").mkdir()
    cv2.imwrite(str(tmp_path / "masks" / "a.png"), face)
    convert_segment_masks_to_yolo_seg(str(tmp_path / "masks"), str(tmp_path / "out"), classes=8)
    (theirs,) = from_text((tmp_path / "out" / "a.txt").read_text())
    (ours,) = polygons_of(face)
    assert theirs.label == ours.label
    corners = [np.round(p.points * (SIZE[1], SIZE[0]) - half).astype(int).tolist()
               for p, half in ((theirs, 0.0), (ours, 0.5))]  # fmt: skip
    assert sorted(corners[1]) == sorted(c for c in corners[0] if c in corners[1])
    assert len(corners[1]) >= 0.9 * len(corners[0])


@pytest.mark.shared_data
def test_real_maps_come_back(shared_data):
    """IoU of each class over 100 published maps."""
    hits, unions = np.zeros(9), np.zeros(9)
    for data in published_maps(shared_data / "viton" / "val.tar", 100):
        parse = decode(data, Encoding.LABELS_PALETTE_PNG, labels=CPVTON20, keep_labels=True)
        ids = relabel(parse, BODY8).ids
        back = back_and_forth(ids)
        for label in CLASSES:
            hits[label] += ((ids == label) & (back == label)).sum()
            unions[label] += ((ids == label) | (back == label)).sum()
    seen = unions > 0
    assert seen.sum() == 7
    assert (hits[seen] / unions[seen]).min() >= 0.98
