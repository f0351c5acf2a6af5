"""The score of whole pictures: spoiled inputs must score lower than sound ones."""

import numpy as np
import pytest

from pipelines.body import Body25
from pipelines.flags import Flag
from pipelines.labels import LIP20
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.geometric.tryon import GeometricTryOn
from pipelines.types import Keypoints, ParseMap, Pose


def judged(person, garment):
    system = GeometricTryOn()
    return system.dress(system.prepare_person(person), system.prepare_garment(garment), seed=0)


@pytest.fixture
def sound(draw_person, draw_garment):
    return draw_person(), draw_garment(sleeves=False)


def test_a_sound_pair_scores_well(sound):
    result = judged(*sound)
    assert result.score > 0.5
    assert result.flags == ()
    assert 0 <= result.score <= 1


def test_an_uncertain_pose_scores_lower(sound):
    person, garment = sound
    body = person.pose.body
    weak = Pose(Keypoints(body.xy, body.score * np.float32(0.3)))
    result = judged(PersonInputs(person.image, weak, person.parse), garment)
    assert result.score < 0.75 * judged(*sound).score
    assert Flag.UNCERTAIN_POSE in result.flags


def test_a_label_map_that_misses_half_of_the_top_scores_lower(sound):
    person, garment = sound
    ids = person.parse.ids.copy()
    left = person.parse.mask(LIP20.UPPER)
    left[:, 96:] = False
    ids[left] = 0
    # the same colour as the background, so that nothing gives the mistake away
    image = person.image.copy()
    image[left] = 226
    result = judged(PersonInputs(image, person.pose, ParseMap(ids, LIP20)), garment)
    assert result.score < 0.75 * judged(*sound).score
    assert Flag.UNCERTAIN_PARSE in result.flags


def test_old_garment_left_over_is_seen(sound):
    person, garment = sound
    ids = person.parse.ids.copy()
    # before a restless background, a piece that the label map missed cannot be told for sure
    restless = person.image.copy()
    noise = np.random.default_rng(0).integers(-40, 41, restless.shape)
    outside = ids == 0
    restless[outside] = np.clip(restless[outside].astype(int) + noise[outside], 0, 255)
    image = restless.copy()
    beside = np.zeros(ids.shape, bool)
    beside[110:160, 150:160] = True
    image[beside] = (20, 200, 40)
    clean = judged(PersonInputs(restless, person.pose, ParseMap(ids, LIP20)), garment)
    result = judged(PersonInputs(image, person.pose, ParseMap(ids, LIP20)), garment)
    assert result.measures["leftover"] > clean.measures["leftover"]
    assert result.score < clean.score


def test_a_missed_piece_before_an_even_background_is_removed(sound):
    person, garment = sound
    image = person.image.copy()
    image[110:160, 150:156] = (20, 200, 40)
    result = judged(PersonInputs(image, person.pose, person.parse), garment)
    left = np.abs(result.image.astype(int) - (20, 200, 40)).max(-1) < 40
    assert left[110:160, 150:156].mean() < 0.05


def test_a_mask_of_the_whole_photo_scores_lower(sound):
    person, garment = sound
    box = np.ones(garment.mask.shape, bool)
    result = judged(person, GarmentInputs(garment.image, box))
    assert result.score < 0.5 * judged(*sound).score
    assert {Flag.UNCERTAIN_GARMENT_MASK, Flag.GARMENT_CUT_OFF} <= set(result.flags)


def test_a_back_view_is_flagged(sound):
    person, garment = sound
    xy, score = person.pose.body.xy.copy(), person.pose.body.score
    for name in ("SHOULDER", "ELBOW", "WRIST", "HIP"):
        a, b = Body25[f"LEFT_{name}"], Body25[f"RIGHT_{name}"]
        xy[[a, b]] = xy[[b, a]]
    result = judged(PersonInputs(person.image, Pose(Keypoints(xy, score)), person.parse), garment)
    assert Flag.BACK_VIEW in result.flags
    assert result.score < judged(*sound).score
