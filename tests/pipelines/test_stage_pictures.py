import numpy as np
import pytest

from pipelines.labels import LIP20
from pipelines.stage_pictures import stage_picture
from pipelines.types import ParseMap


def test_masks_and_alphas_become_gray():
    mask = np.array([[True, False]])
    assert stage_picture(mask).tolist() == [[[255] * 3, [0] * 3]]
    alpha = np.array([[0.5, 2.0, -1.0]], np.float32)
    assert stage_picture(alpha).tolist() == [[[128] * 3, [255] * 3, [0] * 3]]


def test_parses_get_the_published_colours():
    ids = np.array([[0, 5, 19]], np.uint8)
    assert stage_picture(ParseMap(ids, LIP20)).tolist() == [
        [[0, 0, 0], [255, 85, 0], [255, 170, 0]]
    ]


def test_images_stay_as_they_are():
    image = np.random.default_rng(0).integers(0, 256, (4, 5, 3)).astype(np.uint8)
    assert np.array_equal(stage_picture(image), image)


@pytest.mark.parametrize("value", [np.zeros((2, 2, 4), np.uint8), np.zeros((2, 2), int), "text"])
def test_other_values_have_no_picture(value):
    with pytest.raises(ValueError, match="no picture"):
        stage_picture(value)
