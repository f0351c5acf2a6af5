"""Where persons are shown to networks, on poses and photos whose answer is known."""

import numpy as np
import pytest

from pipelines.errors import ItemError
from pipelines.labels import LIP20
from pipelines.rendering.canvas import Canvas, find_canvas, off_canvas, on_canvas
from pipelines.stage import PersonInputs
from pipelines.types import Keypoints, ParseMap, Pose, Size


def person(neck, shoulders, size, hips=None):
    """Upright, with a neck and a width of the shoulders in pixels; ``hips``: so far below."""
    xy = np.zeros((25, 2), np.float32)
    xy[1] = neck
    xy[2], xy[5] = (neck[0] - shoulders / 2, neck[1]), (neck[0] + shoulders / 2, neck[1])
    if hips:
        xy[9], xy[12] = (neck[0] - 10, neck[1] + hips), (neck[0] + 10, neck[1] + hips)
    height, width = size
    ramp = np.add.outer(np.arange(height), np.arange(width)) % 251
    image = np.repeat(ramp[..., None], 3, 2).astype(np.uint8)
    ids = np.full(size, LIP20.UPPER, np.uint8)
    pose = Pose(Keypoints(xy, (xy.sum(1) > 0).astype(np.float32)))
    return PersonInputs(image, pose, ParseMap(ids, LIP20))


def test_a_usual_photo_is_taken_as_it_is():
    usual = person((96, 84), 78, (256, 192), hips=118)
    canvas = find_canvas(usual)
    assert canvas.whole
    assert on_canvas(usual, canvas) is usual
    made = np.zeros((256, 192))
    assert off_canvas(made, canvas, np.ones((256, 192))) is made


def placed(shown):
    joints, (height, width) = shown.pose.body.xy, shown.image.shape[:2]
    return (joints[5, 0] - joints[2, 0]) / width, joints[1, 0] / width, joints[1, 1] / height


@pytest.mark.parametrize(
    ("neck", "shoulders", "size"),
    [
        ((380, 640), 560, (1024, 768)),  # a portrait: shoulders nearly as wide as the photo
        ((390, 190), 120, (1024, 768)),  # the whole person
        ((200, 300), 150, (600, 1200)),  # aside, in a wide photo
    ],
)
def test_others_are_brought_to_one_size_and_place(neck, shoulders, size):
    given = person(neck, shoulders, size)
    canvas = find_canvas(given)
    shown = on_canvas(given, canvas)
    height, width = shown.image.shape[:2]
    assert shown.image.shape[:2] == shown.parse.ids.shape == canvas.size
    assert width / height == pytest.approx(0.75, rel=0.01)
    share, x, y = placed(shown)
    assert (share, x, y) == pytest.approx((0.37, 0.5, 0.33), abs=0.01)
    # what it shows of the photo are the photo's pixels, and they find back
    back = off_canvas(shown.image, canvas, np.zeros_like(given.image))
    inside = off_canvas(
        np.ones(canvas.size, np.uint8), canvas, np.zeros(given.image.shape[:2], np.uint8)
    )
    assert inside.any()
    np.testing.assert_array_equal(back[inside > 0], given.image[inside > 0])
    assert not back[inside == 0].any()


def test_beyond_the_photo_its_edge_is_continued():
    given = person((380, 640), 560, (1024, 768))
    canvas = find_canvas(given)
    assert canvas.x < 0 and canvas.y + canvas.size.height > 1024
    shown = on_canvas(given, canvas)
    row = 640 - canvas.y
    assert (shown.image[row, : -canvas.x] == given.image[640, 0]).all()
    assert (shown.parse.ids == LIP20.UPPER).all()


def test_shoulders_seen_from_aside_are_measured_by_the_torso():
    aside = person((96, 84), 20, (256, 192), hips=118)
    assert find_canvas(aside).whole


def test_a_result_outside_the_canvas_is_left_alone():
    canvas = Canvas(2, -1, Size(4, 3), Size(6, 8))
    rest = np.arange(48).reshape(6, 8)
    made = 100 + np.arange(12).reshape(4, 3)
    found = off_canvas(made, canvas, rest)
    np.testing.assert_array_equal(found[:3, 2:5], made[1:])
    kept = np.ones((6, 8), bool)
    kept[:3, 2:5] = False
    np.testing.assert_array_equal(found[kept], rest[kept])


def test_no_shoulder_no_canvas():
    given = person((0, 0), 0, (256, 192))
    with pytest.raises(ItemError) as error:
        find_canvas(given)
    assert error.value.code == "uncertain_pose"
