"""At a photo's own resolution: the crop, the joints and the labels fit, and the way back too."""

import numpy as np
import pytest

from pipelines.labels import LIP20
from pipelines.native import fit_native, native_frame
from pipelines.preprocess.framing import crop
from pipelines.stage import PersonInputs
from pipelines.types import Frame, Keypoints, ParseMap, Pose, Size

PHOTO = Size(1600, 1400)
BOX = (100.0, 50.0, 1225.0, 1550.0)


def photo_with_dots():
    """Black, with a white 5 x 5 dot at each of some points (x, y)."""
    photo = np.zeros((*PHOTO, 3), np.uint8)
    points = [(301, 251), (701, 901), (1001, 1301)]
    for x, y in points:
        photo[y - 2 : y + 3, x - 2 : x + 3] = 255
    return photo, points


def centre_of(image, x, y, radius=6):
    """Centroid of what is bright around a point."""
    left, top = round(x) - radius, round(y) - radius
    patch = image[top : top + 2 * radius + 1, left : left + 2 * radius + 1, 0].astype(float)
    rows, columns = np.mgrid[: patch.shape[0], : patch.shape[1]]
    return left + (columns * patch).sum() / patch.sum(), top + (rows * patch).sum() / patch.sum()


def stored_person(photo, frame):
    """The stored picture, joints where the dots are in it, and a parse split at its middle."""
    image = crop(photo, frame)
    _, points = photo_with_dots()
    scale = frame.size.width / (frame.box[2] - frame.box[0])
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    for joint, (x, y) in enumerate(points):
        guess = (x + 0.5 - frame.box[0]) * scale - 0.5, (y + 0.5 - frame.box[1]) * scale - 0.5
        xy[joint], score[joint] = centre_of(image, *guess, radius=3), 1
    ids = np.full(frame.size, LIP20.UPPER, np.uint8)
    ids[frame.size.height // 2 :] = LIP20.PANTS
    return PersonInputs(image, Pose(Keypoints(xy, score)), ParseMap(ids, LIP20))


@pytest.fixture
def fitted():
    frame = Frame(PHOTO, BOX, Size(512, 384))
    photo, _ = photo_with_dots()
    return photo, fit_native(photo, frame, stored_person(photo, frame))


def test_joints_lie_on_what_they_were_found_on(fitted):
    _, native = fitted
    body = native.person.pose.body
    for joint in range(3):
        found = centre_of(native.person.image, *body.xy[joint], radius=8)
        assert np.abs(body.xy[joint] - found).max() < 1.0
    assert not body.xy[3:].any(), "joints that were not seen stay at the origin"


def test_the_crop_has_the_photos_own_scale(fitted):
    _, native = fitted
    assert native.person.image.shape == (1500, 1125, 3)
    assert native.person.parse.ids.shape == (1500, 1125)
    assert set(np.unique(native.person.parse.ids[:740])) == {LIP20.UPPER}
    assert set(np.unique(native.person.parse.ids[760:])) == {LIP20.PANTS}


def test_only_the_edited_part_of_the_photo_changes(fitted):
    photo, native = fitted
    result, edited = native.person.image.copy(), np.zeros((1500, 1125), np.float32)
    result[400:500, 300:420], edited[400:500, 300:420] = (10, 200, 30), 1
    back = native.paste(result, edited)
    assert back.shape == photo.shape
    assert (back[460:540, 410:510] == (10, 200, 30)).all()
    outside = np.ones(PHOTO, bool)
    outside[446:554, 396:524] = False
    assert np.array_equal(back[outside], photo[outside])


def test_huge_photos_are_worked_on_at_a_smaller_scale():
    frame = Frame(Size(9000, 7000), (0.0, 0.0, 6000.0, 8000.0), Size(1024, 768))
    size = native_frame(frame).size
    assert size.height * size.width <= 16_010_000
    assert abs(size.height / size.width - 8000 / 6000) < 1e-3
    assert native_frame(Frame(PHOTO, BOX, Size(1024, 768))).size == (1500, 1125)
