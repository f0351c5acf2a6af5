"""Left and right: maps against maps and against poses, on figures drawn for the purpose."""

import numpy as np
import pytest

from pipelines.body import Body25
from pipelines.evaluation.sides import MIN_PIXELS, PARTS, exchanged_maps, exchanged_pose
from pipelines.labels import LIP20
from pipelines.relabel import mirror
from pipelines.types import Keypoints, ParseMap

SIDES = {"arms": ("ARM", 40, 100), "legs": ("LEG", 110, 170), "shoes": ("SHOE", 172, 182)}


def figure(swapped=(), shift=0, without=()):
    """A person seen from the front: their right side is on the left of the picture."""
    ids = np.zeros((200, 120), np.uint8)
    for name, (part, top, bottom) in SIDES.items():
        for side, left in (("RIGHT", 30), ("LEFT", 80)):
            if f"{side} {name}" in without:
                continue
            label = LIP20[f"{side}_{part}"]
            if name in swapped:
                label = LIP20[f"{'LEFT' if side == 'RIGHT' else 'RIGHT'}_{part}"]
            ids[top:bottom, left + shift : left + shift + 12] = label
    return ParseMap(ids, LIP20)


@pytest.fixture
def body():
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    joints = {"SHOULDER": 42, "ELBOW": 70, "WRIST": 96, "HIP": 112, "KNEE": 140, "ANKLE": 170}
    for side, x in (("RIGHT", 36), ("LEFT", 86)):
        for joint, y in joints.items():
            xy[Body25[f"{side}_{joint}"]] = (x, y)
            score[Body25[f"{side}_{joint}"]] = 0.9
    return Keypoints(xy, score)


@pytest.mark.parametrize("name", PARTS)
def test_sides_that_agree(name, body):
    part = PARTS[name]
    assert exchanged_maps(figure(shift=3), figure(), part) is False
    assert exchanged_pose(figure(), body, part) is False


@pytest.mark.parametrize("name", PARTS)
def test_exchanged_sides(name, body):
    part = PARTS[name]
    assert exchanged_maps(figure(swapped=[name]), figure(), part) is True
    assert exchanged_pose(figure(swapped=[name]), body, part) is True
    for other in set(PARTS) - {name}:
        assert exchanged_maps(figure(swapped=[name]), figure(), PARTS[other]) is False


def test_a_mirrored_photo_has_its_sides_where_they_belong(body):
    """``mirror`` renames the sides, so the mirrored pose must be renamed, too."""
    flipped = body.xy.copy()
    flipped[:, 0] = 119 - flipped[:, 0]
    left = [int(j) for j in Body25 if j.name.startswith("LEFT")]
    right = [int(Body25[Body25(j).name.replace("LEFT", "RIGHT")]) for j in left]
    renamed = flipped.copy()
    renamed[left + right] = flipped[right + left]
    score = body.score
    assert exchanged_pose(mirror(figure()), Keypoints(renamed, score), PARTS["arms"]) is False
    assert exchanged_pose(mirror(figure()), Keypoints(flipped, score), PARTS["arms"]) is True


def test_one_side_is_enough(body):
    part = PARTS["arms"]
    one = figure(without=["RIGHT arms"])
    assert exchanged_maps(one, figure(), part) is False
    assert exchanged_maps(figure(), one, part) is False
    wrong = figure(swapped=["arms"], without=["RIGHT arms"])
    assert exchanged_maps(wrong, figure(), part) is True
    assert exchanged_pose(wrong, body, part) is True


def test_what_cannot_be_judged(body):
    part = PARTS["arms"]
    nothing = figure(without=["RIGHT arms", "LEFT arms"])
    assert exchanged_maps(nothing, figure(), part) is None
    assert exchanged_maps(figure(), nothing, part) is None
    assert exchanged_pose(nothing, body, part) is None
    # the right arm of one and the left of the other, at different places: nothing overlaps
    right, left = figure(without=["LEFT arms"]), figure(without=["RIGHT arms"])
    assert exchanged_maps(right, left, part) is None


def test_joints_that_are_needed(body):
    """A hand may be anywhere about an elbow; a thigh is along hip and knee."""
    unseen = body.score.copy()
    unseen[[Body25.LEFT_WRIST, Body25.LEFT_ANKLE]] = 0
    pose = Keypoints(np.where(unseen[:, None] > 0, body.xy, 0), unseen)
    assert exchanged_pose(figure(), pose, PARTS["arms"]) is None
    assert exchanged_pose(figure(), pose, PARTS["shoes"]) is None
    assert exchanged_pose(figure(), pose, PARTS["legs"]) is False


def test_specks_are_not_judged(body):
    speck = figure(without=["RIGHT arms", "LEFT arms"])
    speck.ids[50, 30 : 30 + MIN_PIXELS - 1] = LIP20.LEFT_ARM
    assert exchanged_pose(speck, body, PARTS["arms"]) is None
