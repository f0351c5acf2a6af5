"""Bad files, formats, bombs, orientations and modes offered as photos."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from pipelines.codecs import encode, read_photo
from pipelines.errors import ItemError
from pipelines.layout import Encoding

ORIENTATION, GPS = 0x0112, 0x8825


@pytest.fixture(scope="module")
def portrait(grace_hopper) -> Image.Image:
    """A photo whose height differs from its width: 60 x 50."""
    return Image.fromarray(grace_hopper).resize((50, 60))


def saved(picture: Image.Image, file_format: str, **options) -> bytes:
    out = io.BytesIO()
    picture.save(out, file_format, **options)
    return out.getvalue()


def offered(folder: Path, data: bytes, name: str = "photo.jpg", **options) -> np.ndarray:
    path = folder / name
    path.write_bytes(data)
    return read_photo(path, **options)


def refusal(folder: Path, data: bytes, name: str = "photo.jpg") -> ItemError:
    with pytest.raises(ItemError) as caught:
        offered(folder, data, name)
    assert name in caught.value.message, "the message names the file"
    assert caught.value.hint, "and says what to do"
    return caught.value


@pytest.mark.parametrize(
    ("file_format", "options"),
    [
        ("JPEG", {"quality": 90}),
        ("JPEG", {"quality": 90, "progressive": True}),
        ("PNG", {}),
        ("WEBP", {"quality": 90}),
        ("WEBP", {"lossless": True}),
        ("GIF", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ],
)
@pytest.mark.reliability("R9")
def test_file_truncated_at_every_64th_byte_is_refused_or_whole(
    tmp_path, portrait, file_format, options
):
    data = saved(portrait, file_format, **options)
    whole = offered(tmp_path, data)
    refused = 0
    for length in range(0, len(data), 64):
        try:
            got = offered(tmp_path, data[:length])
        except ItemError as error:
            refused += 1
            expected = {"empty"} if length == 0 else {"unreadable", "not_an_image"}
            assert error.code in expected
        else:
            np.testing.assert_array_equal(got, whole)  # only the file's tail was missing
    assert refused >= len(range(0, len(data), 64)) - 6


@pytest.mark.reliability("R9")
def test_damaged_bytes_never_escape_as_another_exception(tmp_path, portrait):
    rng = np.random.default_rng(5)
    for file_format in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"):
        data = np.frombuffer(saved(portrait, file_format), np.uint8)
        for _ in range(60):
            broken = data.copy()
            broken[rng.integers(0, min(len(data), 400), 4)] = rng.integers(0, 256, 4)
            try:
                image = offered(tmp_path, broken.tobytes())
            except ItemError as error:
                assert error.code in {"unreadable", "not_an_image", "too_large", "too_small"}
            else:
                assert image.dtype == np.uint8 and image.ndim == 3


@pytest.mark.reliability("R10")
def test_content_counts_and_not_the_name(tmp_path, portrait):
    want = np.asarray(portrait)
    for name in ("photo.jpg", "photo.png", "photo.txt", "photo", "photo.eps"):
        np.testing.assert_array_equal(offered(tmp_path, saved(portrait, "PNG"), name), want)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\nshowpage\n", "EPS"),
        (b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF", "PDF"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100"/>', "SVG"),
        (b'<?xml version="1.0"?><svg width="100" height="100"/>', "SVG"),
        (b"8BPS\x00\x01" + bytes(6) + struct.pack(">HIIHH", 3, 64, 64, 8, 3) + bytes(999), "Photo"),
        (b"<!DOCTYPE html><html><body>404 Not Found</body></html>", "HTML"),
        (b"PK\x03\x04" + bytes(200), "ZIP"),
        (b"Dear customer, please find the photos attached.", "text"),
        (bytes(5000), "unknown"),
        (b"\x00\x00\x01\x00\x01\x00" + bytes(100), "icon"),
    ],
)
@pytest.mark.parametrize("name", ["photo.jpg", "photo.png", "photo"])
@pytest.mark.reliability("R10")
def test_what_is_no_photo_is_refused_whatever_it_is_called(tmp_path, data, found, name):
    error = refusal(tmp_path, data, name)
    assert error.code == "not_an_image"
    assert found in error.message


@pytest.mark.parametrize("file_format", ["EPS", "PPM", "ICO", "TGA", "JPEG2000", "PDF", "PCX"])
@pytest.mark.reliability("R10")
def test_formats_that_pillow_can_write_but_we_do_not_take(tmp_path, portrait, file_format):
    assert refusal(tmp_path, saved(portrait, file_format)).code == "not_an_image"


@pytest.mark.reliability("R9")
def test_empty_and_tiny_files(tmp_path):
    assert refusal(tmp_path, b"").code == "empty"
    assert refusal(tmp_path, saved(Image.new("RGB", (1, 1)), "PNG")).code == "too_small"
    assert refusal(tmp_path, saved(Image.new("RGB", (31, 900)), "PNG")).code == "too_small"
    assert offered(tmp_path, saved(Image.new("RGB", (32, 32)), "PNG")).shape == (32, 32, 3)


def bomb(width: int, height: int) -> bytes:
    """A PNG of very many equal pixels in a few bytes; only the header is true."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(100_000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(("width", "height"), [(50_000, 50_000), (8_001, 8_000), (2**31 - 1, 2)])
@pytest.mark.reliability("R11")
def test_bomb_is_refused_before_a_pixel_is_decoded(tmp_path, monkeypatch, width, height):
    def decoded(*_):
        raise AssertionError("decoded before the size was judged")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decoded)
    error = refusal(tmp_path, bomb(width, height))
    assert error.code == "too_large"


@pytest.mark.reliability("R11")
def test_size_limit_is_a_setting(tmp_path, portrait):
    data = saved(portrait, "PNG")
    with pytest.raises(ItemError) as caught:
        offered(tmp_path, data, max_pixels=2999)
    assert caught.value.code == "too_large" and "50 x 60" in caught.value.message
    assert offered(tmp_path, data, max_pixels=3000).shape == (60, 50, 3)


@pytest.mark.reliability("R9")
def test_files_that_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "broken.jpg").symlink_to(tmp_path / "nowhere")
    codes = {}
    for name in ("pipe.jpg", "folder.jpg", "broken.jpg", "absent.jpg"):
        with pytest.raises(ItemError) as caught:
            read_photo(tmp_path / name)
        codes[name] = caught.value.code
    assert codes == {
        "pipe.jpg": "not_an_image",
        "folder.jpg": "not_an_image",
        "broken.jpg": "missing_input",
        "absent.jpg": "missing_input",
    }


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.reliability("R12")
def test_all_eight_orientations_give_one_picture(tmp_path, grace_hopper, file_format):
    upright = Image.fromarray(grace_hopper).resize((200, 240))
    turns = Image.Transpose
    stored_as = {
        1: None, 2: turns.FLIP_LEFT_RIGHT, 3: turns.ROTATE_180, 4: turns.FLIP_TOP_BOTTOM,
        5: turns.TRANSPOSE, 6: turns.ROTATE_90, 7: turns.TRANSVERSE, 8: turns.ROTATE_270,
    }  # fmt: skip
    for number, turn in stored_as.items():
        stored = upright if turn is None else upright.transpose(turn)
        exif = Image.Exif()
        exif[ORIENTATION] = number
        options = {"quality": 95, "subsampling": 0} if file_format == "JPEG" else {}
        options |= {"lossless": True} if file_format == "WEBP" else {}
        image = offered(tmp_path, saved(stored, file_format, exif=exif, **options))
        assert image.shape == (240, 200, 3), number
        difference = np.abs(image.astype(int) - np.asarray(upright)).mean()
        assert difference <= 2, (number, difference)


@pytest.mark.reliability("R12")
def test_damaged_exif_does_not_cost_the_photo(tmp_path, portrait):
    data = saved(portrait, "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff" + b"\x99" * 40)
    assert offered(tmp_path, data).shape == (60, 50, 3)


@pytest.mark.parametrize("encoding", [Encoding.RGB_JPEG, Encoding.RGB_PNG, Encoding.RGB_WEBP])
@pytest.mark.reliability("R12")
def test_no_metadata_reaches_the_outputs(tmp_path, portrait, encoding):
    exif = Image.Exif()
    exif[0x010F] = "Camera maker"
    exif.get_ifd(GPS)[2] = (52.0, 31.0, 12.0)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = saved(portrait, "JPEG", exif=exif, icc_profile=profile, comment=b"private")
    out = encode(offered(tmp_path, data), encoding)
    picture = Image.open(io.BytesIO(out))
    assert not dict(picture.getexif())
    assert not {"exif", "xmp", "icc_profile", "comment", "photoshop"} & set(picture.info)
    assert b"Camera maker" not in out and b"private" not in out


def gray_ramp() -> np.ndarray:
    return np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1))


@pytest.mark.parametrize("mode", ["L", "1", "I;16", "I", "F"])
@pytest.mark.reliability("R13")
def test_gray_modes_become_gray_rgb(tmp_path, mode):
    ramp = gray_ramp()
    if mode == "I;16":
        picture, name = Image.fromarray(ramp.astype(np.uint16) * 257), "PNG"
    elif mode in ("I", "F"):
        values = ramp.astype(np.int32) * 257 if mode == "I" else ramp.astype(np.float32)
        picture, name = Image.fromarray(values), "TIFF"
    else:
        picture, name = Image.fromarray(ramp), "PNG"
        picture = picture.convert("1", dither=Image.Dither.NONE) if mode == "1" else picture
    image = offered(tmp_path, saved(picture, name))
    want = np.where(ramp >= 128, 255, 0) if mode == "1" else ramp
    np.testing.assert_array_equal(image, np.repeat(want[..., None], 3, axis=2))


@pytest.mark.parametrize("matte", [(255, 255, 255), (10, 200, 30)])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "PA-like", "RGB+key", "L+key"])
@pytest.mark.reliability("R13")
def test_transparency_lies_on_the_stated_matte(tmp_path, mode, matte):
    red, clear = (200, 40, 40), (0, 0, 0, 0)
    if mode == "RGBA":
        picture = Image.new("RGBA", (64, 64), (*red, 255))
        picture.paste(clear, (0, 0, 32, 64))
        data = saved(picture, "PNG")
    elif mode == "LA":
        picture = Image.new("LA", (64, 64), (100, 255))
        picture.paste((0, 0), (0, 0, 32, 64))
        data, red = saved(picture, "PNG"), (100, 100, 100)
    elif mode in ("P", "PA-like"):
        picture = Image.new("P", (64, 64), 1)
        picture.putpalette([0, 0, 0, *red])
        picture.paste(0, (0, 0, 32, 64))
        data = saved(picture, "GIF" if mode == "P" else "PNG", transparency=0)
    else:
        gray = mode == "L+key"
        picture = Image.new("L" if gray else "RGB", (64, 64), 100 if gray else red)
        picture.paste(7 if gray else (7, 7, 7), (0, 0, 32, 64))
        data = saved(picture, "PNG", transparency=7 if gray else (7, 7, 7))
        red = (100, 100, 100) if gray else red
    image = offered(tmp_path, data, matte=matte)
    assert tuple(image[32, 5]) == matte
    assert tuple(image[32, 60]) == red


@pytest.mark.reliability("R13")
def test_half_transparent_pixels_are_mixed(tmp_path):
    data = saved(Image.new("RGBA", (64, 64), (0, 0, 0, 128)), "PNG")
    assert offered(tmp_path, data)[0, 0].tolist() == [127, 127, 127]


@pytest.mark.reliability("R13")
def test_cmyk_is_converted(tmp_path, portrait):
    image = offered(tmp_path, saved(portrait.convert("CMYK"), "JPEG", quality=95))
    assert np.abs(image.astype(int) - np.asarray(portrait)).mean() < 3


@pytest.mark.reliability("R13")
def test_animation_gives_its_first_frame(tmp_path):
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "lime", "blue")]
    for file_format, options in (("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {})):
        data = saved(frames[0], file_format, save_all=True, append_images=frames[1:], **options)
        image = offered(tmp_path, data)
        assert image.shape == (64, 64, 3)
        assert image[30, 30].tolist() == [255, 0, 0], file_format


@pytest.mark.reliability("R13")
def test_colour_profile_is_converted_to_srgb(tmp_path):
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    swapped = ImageCms.ImageCmsProfile(swapped_profile()).tobytes()
    picture = Image.new("RGB", (64, 64), (200, 60, 20))
    turned = offered(tmp_path, saved(picture, "PNG", icc_profile=swapped))
    np.testing.assert_allclose(turned[0, 0], (60, 200, 20), atol=3)
    for unusable in (lab, b"not a profile", swapped[:200]):
        image = offered(tmp_path, saved(picture, "PNG", icc_profile=unusable))
        assert image[0, 0].tolist() == [200, 60, 20]


def swapped_profile() -> io.BytesIO:
    """sRGB with the red and green columns exchanged: a profile whose effect is known by hand."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", data[128:132])[0]
    for entry in range(count):
        at = 132 + 12 * entry
        name = bytes(data[at : at + 4])
        other = {b"rXYZ": b"gXYZ", b"gXYZ": b"rXYZ"}.get(name)
        if other:
            data[at : at + 4] = other
    description = bytes(data).find("sRGB".encode("utf-16-be"))
    if description >= 0:
        data[description : description + 8] = "swap".encode("utf-16-be")
    return io.BytesIO(bytes(data))


@pytest.mark.skipif(not features.check("avif"), reason="Pillow was built without AVIF")
@pytest.mark.reliability("R10")
def test_avif(tmp_path, portrait):
    image = offered(tmp_path, saved(portrait, "AVIF", quality=95))
    assert np.abs(image.astype(int) - np.asarray(portrait)).mean() < 6


@pytest.mark.reliability("R10")
def test_heif_is_read_or_its_extra_is_named(tmp_path, monkeypatch):
    head = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(64)
    assert refusal(tmp_path, head).code in {"unreadable", "not_an_image"}
    monkeypatch.setitem(__import__("sys").modules, "pi_heif", None)
    monkeypatch.setattr(Image, "OPEN", {k: v for k, v in Image.OPEN.items() if k != "HEIF"})
    error = refusal(tmp_path, head)
    assert error.code == "not_an_image" and "vtonctl[heif]" in error.hint
