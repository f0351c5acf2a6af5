"""Every encoding there and back, and every damaged file refused."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from pipelines.codecs import decode, encode
from pipelines.errors import ItemError
from pipelines.labels import (
    ACGPN14,
    ATR18,
    CPVTON20,
    LIP20,
    VITONHD7,
    CPVTONPlus21,
    palette,
)
from pipelines.layout import Encoding
from pipelines.types import ParseMap

LABELS = (Encoding.LABELS_PALETTE_PNG, Encoding.LABELS_GRAY_PNG)
MASKS = (Encoding.MASK_JPEG, Encoding.MASK_PNG)
PICTURES = (Encoding.RGB_JPEG, Encoding.RGB_PNG, Encoding.RGB_WEBP)


def png(picture: Image.Image, **options) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", **options)
    return out.getvalue()


@pytest.mark.parametrize("encoding", PICTURES)
def test_pictures_come_back(encoding, astronaut):
    image = np.ascontiguousarray(astronaut[:, :301])
    back = decode(encode(image, encoding), encoding)
    assert back.dtype == np.uint8 and back.shape == image.shape
    if encoding is Encoding.RGB_PNG:
        np.testing.assert_array_equal(back, image)
        return
    assert peak_signal_noise_ratio(image, back) > 36


def test_webp_of_full_quality_is_lossless(astronaut):
    data = encode(astronaut, Encoding.RGB_WEBP, quality=100)
    np.testing.assert_array_equal(decode(data, Encoding.RGB_WEBP), astronaut)


@pytest.mark.parametrize("encoding", PICTURES)
def test_equal_values_give_equal_bytes(encoding, astronaut):
    view = np.asfortranarray(astronaut)
    assert encode(astronaut, encoding) == encode(view, encoding)


@pytest.mark.parametrize("labels", [LIP20, CPVTON20, CPVTONPlus21, ATR18, ACGPN14])
@pytest.mark.parametrize("encoding", LABELS)
def test_label_maps_come_back_and_other_readers_see_ids(encoding, labels):
    ids = np.random.default_rng(0).choice([int(i) for i in labels], (37, 53)).astype(np.uint8)
    data = encode(ParseMap(ids, labels), encoding, labels=labels)
    back = decode(data, encoding, labels=labels, keep_labels=True)
    assert back.labels is labels
    np.testing.assert_array_equal(back.ids, ids)
    picture = Image.open(io.BytesIO(data))
    assert picture.mode == ("P" if encoding is Encoding.LABELS_PALETTE_PNG else "L")
    np.testing.assert_array_equal(np.array(picture), ids)
    if picture.mode == "P":
        np.testing.assert_array_equal(picture.convert("RGB"), np.array(palette(labels))[ids])


def test_gaps_in_a_set_are_not_ids():
    data = png(Image.fromarray(np.full((8, 8), 2, np.uint8)))
    with pytest.raises(ItemError, match="id 2 is not one of ACGPN14"):
        decode(data, Encoding.LABELS_GRAY_PNG, labels=ACGPN14)


def test_label_maps_are_merged_into_the_set_of_the_file():
    ids = np.arange(20, dtype=np.uint8)[None]
    data = encode(ParseMap(ids, LIP20), Encoding.LABELS_GRAY_PNG, labels=ACGPN14)
    # the published regrouping of LIP ids, as listed in docs/layout.md
    want = [0, 1, 1, 7, 12, 4, 4, 4, 7, 8, 7, 7, 8, 12, 11, 13, 9, 10, 5, 6]
    assert np.array(Image.open(io.BytesIO(data)))[0].tolist() == want
    with pytest.raises(ValueError, match="VITONHD7"):
        encode(ParseMap(ids % 7, VITONHD7), Encoding.LABELS_GRAY_PNG, labels=LIP20)


@settings(max_examples=30, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 40), st.integers(1, 40))))
def test_masks_come_back_exactly_even_through_jpeg(mask):
    for encoding in MASKS:
        back = decode(encode(mask, encoding), encoding)
        assert back.dtype == bool
        np.testing.assert_array_equal(back, mask)


def test_mask_threshold_is_128():
    gray = np.repeat(np.array([[0, 1, 127, 128, 255]], np.uint8), 4, axis=0)
    back = decode(png(Image.fromarray(gray)), Encoding.MASK_PNG)
    assert back[0].tolist() == [False, False, False, True, True]


def test_mask_of_zeros_and_ones_is_refused_rather_than_read_as_blank():
    gray = np.eye(8, dtype=np.uint8)
    with pytest.raises(ItemError, match="0 and 255") as caught:
        decode(png(Image.fromarray(gray)), Encoding.MASK_PNG, name="m.png")
    assert caught.value.code == "bad_mask_file"
    assert not decode(png(Image.new("L", (8, 8))), Encoding.MASK_PNG).any()
    assert decode(png(Image.fromarray(gray.astype(bool))), Encoding.MASK_PNG).sum() == 8


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "I;16", "LA"])
def test_label_maps_of_other_modes_are_refused(mode):
    data = png(Image.new(mode, (8, 8)))
    for encoding in LABELS:
        with pytest.raises(ItemError, match=f"mode {mode}") as caught:
            decode(data, encoding)
        assert caught.value.code == "bad_parse_file"


def test_ids_out_of_range_are_refused():
    data = png(Image.fromarray(np.full((8, 8), 20, np.uint8)))
    with pytest.raises(ItemError, match=r"id 20 is not one of LIP20 \(0\.\.19\)") as caught:
        decode(data, Encoding.LABELS_GRAY_PNG, name="a.png")
    assert caught.value.code == "bad_parse_file" and caught.value.message.startswith("a.png")
    for keep, value in ((True, 20), (False, 10)):
        back = decode(
            data, Encoding.LABELS_GRAY_PNG, labels=CPVTONPlus21, keep_labels=keep, name="a.png"
        )
        assert back.ids.max() == back.ids.min() == value
    assert back.labels is LIP20, "what stages speak"
    with pytest.raises(ValueError, match="20"):
        encode(ParseMap(np.full((8, 8), 20, np.uint8), LIP20), Encoding.LABELS_GRAY_PNG)


@pytest.mark.parametrize("encoding", [*PICTURES, *LABELS, *MASKS])
def test_truncated_and_foreign_files_are_refused(encoding, astronaut):
    image = astronaut[:64, :64]
    value = image if encoding in PICTURES else image[..., 0] > 99
    if encoding in LABELS:
        value = ParseMap(image[..., 0] // 13, LIP20)
    data = encode(value, encoding)
    for bad in (data[:40], data[: len(data) // 2], data[: len(data) * 3 // 4], b"<svg/>", b"%PDF"):
        with pytest.raises(ItemError) as caught:
            decode(bad, encoding)
        assert caught.value.code == "unreadable"
    with pytest.raises(ItemError) as caught:
        decode(b"", encoding)
    assert caught.value.code == "empty"


@pytest.mark.parametrize(
    ("value", "encoding"),
    [
        (np.zeros((4, 4, 3)), Encoding.RGB_PNG),
        (np.zeros((4, 4), np.uint8), Encoding.RGB_PNG),
        (np.zeros((4, 4, 4), np.uint8), Encoding.RGB_JPEG),
        (np.zeros((0, 4, 3), np.uint8), Encoding.RGB_PNG),
        (np.zeros((4, 4), np.uint8), Encoding.MASK_PNG),
        (np.zeros((4, 4), np.uint8), Encoding.LABELS_GRAY_PNG),
        (np.zeros((4, 4), bool), Encoding.POSE_BODY25_JSON),
        (None, Encoding.RGB_PNG),
    ],
)
def test_values_of_another_type_are_not_written(value, encoding):
    with pytest.raises(ValueError, match="wanted|pixels"):
        encode(value, encoding)


@pytest.mark.shared_data
def test_official_files(shared_data):
    folder = shared_data / "viton-hd-sample" / "test"
    for path in sorted((folder / "image-parse").glob("*.png")):
        back = decode(path.read_bytes(), Encoding.LABELS_PALETTE_PNG)
        np.testing.assert_array_equal(back.ids, np.array(Image.open(path)))
        pose = folder / "openpose-json" / f"{path.stem}_keypoints.json"
        assert decode(pose.read_bytes(), Encoding.POSE_BODY25_JSON).left_hand is not None
