"""Small pictures for reports."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from pipelines.thumbnails import data_uris, thumbnail


def save(path, array, **more):
    Image.fromarray(array).save(path, **more)
    return path


def opened(data):
    return Image.open(io.BytesIO(data))


def test_it_fits_the_box_and_keeps_the_shape(tmp_path, astronaut):
    path = save(tmp_path / "a.png", astronaut[:, :256])
    small = opened(thumbnail(path, (200, 150)))
    assert (small.format, small.size) == ("WEBP", (100, 200))


def test_it_looks_like_the_picture(tmp_path, astronaut):
    path = save(tmp_path / "a.jpg", astronaut, quality=95)
    small = np.asarray(opened(thumbnail(path, (64, 64), quality=90)), float)
    wanted = np.asarray(Image.fromarray(astronaut).resize((64, 64), Image.Resampling.BOX), float)
    assert np.abs(small - wanted).mean() < 8


def test_label_maps_keep_their_colours(tmp_path):
    labels = Image.fromarray(np.repeat([[0, 5]], 64, 0).repeat(32, 1).astype(np.uint8), "P")
    labels.putpalette([0] * 15 + [255, 85, 0] + [0] * 750)
    labels.save(tmp_path / "p.png")
    small = np.asarray(opened(thumbnail(tmp_path / "p.png", (32, 32), quality=95)), int)
    assert np.abs(small[16, 28] - (255, 85, 0)).max() < 25


def test_a_photo_is_upright_and_carries_no_metadata(tmp_path, astronaut):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010E] = "secret place"
    path = save(tmp_path / "a.jpg", astronaut[:, :256], exif=exif)
    data = thumbnail(path, (200, 200))
    assert opened(data).size == (200, 100)
    assert b"secret" not in data


@pytest.mark.parametrize(
    "content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, b"GIF89a\xff\xff\xff\xff"]
)
def test_a_bad_file_gives_none(tmp_path, content):
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    assert thumbnail(path, (100, 100)) is None


def test_a_truncated_file_gives_none(tmp_path, astronaut):
    path = save(tmp_path / "a.png", astronaut)
    path.write_bytes(path.read_bytes()[:5000])
    assert thumbnail(path, (100, 100)) is None


def test_a_bomb_gives_none(tmp_path):
    Image.new("1", (20000, 20000)).save(tmp_path / "bomb.png")
    assert thumbnail(tmp_path / "bomb.png", (100, 100)) is None


def test_addresses_come_in_order_and_are_empty_for_what_is_missing(tmp_path):
    for name, value in (("black", 0), ("white", 255)):
        save(tmp_path / f"{name}.png", np.full((40, 30, 3), value, np.uint8))
    paths = [tmp_path / "white.png", None, tmp_path / "gone.png", tmp_path / "black.png"]
    white, none, gone, black = data_uris(paths, (40, 30))
    assert none == gone == ""
    for uri, value in ((white, 255), (black, 0)):
        head, _, body = uri.partition(",")
        assert head == "data:image/webp;base64"
        assert abs(int(np.asarray(opened(base64.b64decode(body))).mean()) - value) < 3
