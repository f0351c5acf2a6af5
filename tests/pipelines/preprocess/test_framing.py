"""Framing: what is kept, and that every way back leads to the same pixels."""

import cv2
import numpy as np
import pytest

from pipelines import registry
from pipelines.errors import ItemError
from pipelines.flags import Flag
from pipelines.layout import Artifact
from pipelines.preprocess import framing
from pipelines.preprocess.border import border_colour, padded
from pipelines.types import Frame, Size

SIZE = Size(1024, 768)
FRAMES = [
    Frame(Size(600, 900), (200.0, 0.0, 650.0, 600.0), Size(1024, 768)),
    Frame(Size(825, 550), (-34.0, 0.0, 585.0, 825.0), Size(1024, 768)),
    Frame(Size(300, 200), (0.0, 10.0, 192.0, 266.0), Size(256, 192)),
]


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_stored_photo_stays_as_it_is() -> None:
    photo = noise(1024, 768)
    (outputs,) = registry.stage("frame", {"size": (1024, 768)})([{Artifact.SOURCE: photo}])
    assert np.array_equal(outputs.values[Artifact.IMAGE], photo)
    assert outputs.record["frame"] == {
        "source_size": [1024, 768],
        "box": [0.0, 0.0, 768.0, 1024.0],
        "size": [1024, 768],
    }
    assert outputs.flags == ()


@pytest.mark.parametrize("size", [(2048, 1536), (512, 384), (1000, 750), (2000, 1499)])
def test_three_to_four_is_kept_whole(size: tuple[int, int]) -> None:
    frame = framing.find_frame(np.zeros((*size, 3), np.uint8), SIZE)
    assert frame.box == (0.0, 0.0, size[1], size[0])


def test_small_photos_are_flagged_or_refused() -> None:
    stage = framing.FrameStage()
    small, tiny = stage(
        [{Artifact.SOURCE: np.zeros(s, np.uint8)} for s in ((256, 192, 3), (8, 6, 3))]
    )
    assert not isinstance(small, ItemError) and small.flags == (Flag.LOW_RESOLUTION,)
    assert isinstance(tiny, ItemError) and tiny.code == "too_small"


def test_landscape_is_cropped_around_the_person(grace_hopper: np.ndarray) -> None:
    wide = np.full((600, 1400, 3), 128, np.uint8)
    wide[:, 800 : 800 + 512] = grace_hopper
    (outputs,) = framing.FrameStage()([{Artifact.SOURCE: wide}])
    frame = framing.from_record(outputs.record["frame"])
    left, top, right, bottom = frame.box
    assert abs((right - left) / (bottom - top) - 0.75) < 0.003
    assert 0 <= top and bottom <= 600 and right <= 1400
    assert left < 800 + 256 < right  # the person stands in the middle
    assert outputs.values[Artifact.IMAGE].shape == (1024, 768, 3)


def test_nobody_in_a_landscape() -> None:
    (result,) = framing.FrameStage()([{Artifact.SOURCE: np.full((300, 500, 3), 90, np.uint8)}])
    assert isinstance(result, ItemError) and result.code == "no_person"


@pytest.mark.parametrize("frame", FRAMES)
def test_points_there_and_back(frame: Frame) -> None:
    points = np.random.default_rng(2).uniform(0, 500, (50, 2))
    back = framing.to_source(framing.to_frame(points, frame), frame)
    assert np.abs(back - points).max() < 1e-3


@pytest.mark.parametrize("frame", FRAMES)
def test_points_and_pixels_agree(frame: Frame) -> None:
    photo = np.zeros((*frame.source_size, 3), np.uint8)
    place = (np.array(frame.source_size[::-1]) // 2 + (11, -7)).astype(float)
    cv2.circle(photo, tuple(place.astype(int).tolist()), 6, (255, 255, 255), -1)
    stored = framing.crop(photo, frame)
    assert stored.shape == (*frame.size, 3)
    weight = stored[..., 0].astype(float)
    rows, columns = np.indices(weight.shape)
    centre = np.array(((columns * weight).sum(), (rows * weight).sum())) / weight.sum()
    assert np.abs(framing.to_frame(place[None], frame)[0] - centre).max() < 0.6


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("scale", [1.0, 0.5, None])
def test_pasting_back_leaves_the_rest_alone(frame: Frame, scale: float | None) -> None:
    photo = noise(*frame.source_size)
    before = photo.copy()
    left, top, right, bottom = frame.box
    box_size = (round(bottom - top), round(right - left))
    size = frame.size if scale is None else tuple(round(v * scale) for v in box_size)
    result = np.full((*size, 3), 200, np.uint8)
    edited = np.zeros(size, np.float32)
    edited[size[0] // 3 : size[0] // 2, size[1] // 3 : size[1] // 2] = 1
    whole = framing.paste_back(photo, result, edited, frame)
    assert np.array_equal(photo, before)
    rows = (np.arange(frame.source_size.height) + 0.5 - top) / (bottom - top) * size[0]
    columns = (np.arange(frame.source_size.width) + 0.5 - left) / (right - left) * size[1]
    far = 3.0  # pixels of the result: what scaling may smear
    inside = lambda v, n, d: (v > n // 3 - d) & (v < n // 2 + d)  # noqa: E731 - one expression
    near = inside(rows, size[0], far)[:, None] & inside(columns, size[1], far)[None]
    core = inside(rows, size[0], -far)[:, None] & inside(columns, size[1], -far)[None]
    assert np.array_equal(whole[~near], photo[~near])
    assert core.any() and (whole[core] == 200).all()


def test_pasting_back_at_the_same_scale_is_exact() -> None:
    photo = noise(600, 900)
    frame = Frame(Size(600, 900), (100.0, 20.0, 505.0, 560.0), Size(540, 405))
    stored = framing.crop(photo, frame)
    assert np.array_equal(stored, photo[20:560, 100:505])
    edited = np.zeros((540, 405), np.float32)
    edited[100:200, 50:90] = 0.3
    result = stored.copy()
    result[100:200, 50:90] //= 2
    whole = framing.paste_back(photo, result, edited, frame)
    expected = photo.copy()
    expected[120:220, 150:190] = result[100:200, 50:90]
    assert np.array_equal(whole, expected)


def test_records_come_back() -> None:
    for frame in FRAMES:
        assert framing.from_record(framing.as_record(frame)) == frame


@pytest.mark.parametrize("shape", [(500, 500), (300, 700), (900, 200)])
def test_garments_are_padded_with_their_background(shape: tuple[int, int]) -> None:
    photo = np.full((*shape, 3), 246, np.uint8)
    height, width = shape
    photo[height // 4 : -height // 4, width // 4 : -width // 4] = (200, 30, 30)
    (outputs,) = framing.GarmentFrameStage()([{Artifact.SOURCE: photo}])
    cloth = outputs.values[Artifact.CLOTH]
    assert cloth.shape == (1024, 768, 3)
    ring = np.concatenate([cloth[:20].reshape(-1, 3), cloth[-20:].reshape(-1, 3)])
    assert (ring == 246).all()
    # nothing is cropped or squashed: the red part has its own shape
    red = cloth[..., 1] < 100
    rows, columns = np.flatnonzero(red.any(1)), np.flatnonzero(red.any(0))
    inner = photo[..., 1] == 30
    ratio = inner.any(1).sum() / inner.any(0).sum()
    assert abs(rows.size / columns.size / ratio - 1) < 0.02


def test_padding_leaves_the_photo_alone(astronaut: np.ndarray) -> None:
    wider = padded(astronaut, 10, 20, 100, 60)
    assert wider.shape == (542, 672, 3)
    assert np.array_equal(wider[10:-20, 100:-60], astronaut)
    assert border_colour(astronaut) is None
    assert border_colour(np.full((50, 40, 3), 7, np.uint8)).tolist() == [7, 7, 7]
