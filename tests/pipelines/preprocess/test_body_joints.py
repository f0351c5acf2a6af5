"""Landmarks to joints, flags and corrections, on a figure drawn by hand."""

import numpy as np

from pipelines.body import Body25
from pipelines.flags import Flag
from pipelines.preprocess.body_joints import MIN_SCORE, SOURCES, seen_from_behind, to_body25
from pipelines.preprocess.frame_box import person_box, person_extent, whole_photo_box
from pipelines.preprocess.landmarks import MIRROR_33, Landmarks
from pipelines.preprocess.pose_correction import LARGEST, correct, features, to_body
from pipelines.preprocess.pose_flags import certainty, flags
from pipelines.types import Size

SIZE = Size(1024, 768)
RIGHT = {  # a standing figure, torso 300 pixels: the person's right side, at the viewer's left
    5: (370, 130), 8: (350, 140), 12: (290, 250), 14: (270, 400), 16: (262, 530), 18: (258, 560),
    20: (260, 565), 22: (266, 550), 24: (325, 550), 26: (330, 750), 28: (332, 920),
    30: (330, 940), 32: (325, 960), 10: (375, 170), 4: (372, 130), 6: (366, 130),
}  # fmt: skip
CENTRE = 384.0


def figure() -> Landmarks:
    xyz = np.zeros((33, 3), np.float32)
    xyz[0, :2] = (CENTRE, 150)
    for index, (x, y) in RIGHT.items():
        xyz[index, :2] = (x, y)
        xyz[MIRROR_33[index], :2] = (2 * CENTRE - x, y)
    return Landmarks(xyz, np.full(33, 0.9, np.float32), np.full(33, 0.95, np.float32))


def changed(places: dict[int, tuple[float, float]]) -> Landmarks:
    made = figure()
    for index, place in places.items():
        made.xyz[index, :2] = place
    return made


def test_every_joint_has_a_source_or_is_derived() -> None:
    body = to_body25(figure(), SIZE)
    assert (body.score > 0).all()
    assert np.allclose(body.xy[Body25.RIGHT_ELBOW], (270, 400))
    assert np.allclose(body.xy[Body25.LEFT_ELBOW], (2 * CENTRE - 270, 400))
    assert np.allclose(body.xy[Body25.MID_HIP], (CENTRE, 550))
    assert abs(body.xy[Body25.NECK, 0] - CENTRE) < 0.1 and 240 < body.xy[Body25.NECK, 1] <= 250
    assert len(SOURCES) == 21


def test_small_toes_lie_outside_the_big_ones() -> None:
    body = to_body25(figure(), SIZE)
    assert body.xy[Body25.RIGHT_SMALL_TOE, 0] < body.xy[Body25.RIGHT_BIG_TOE, 0]
    assert body.xy[Body25.LEFT_SMALL_TOE, 0] > body.xy[Body25.LEFT_BIG_TOE, 0]


def test_hidden_joints_keep_a_low_score_and_absent_ones_none() -> None:
    made = figure()
    made.visibility[16], made.presence[15] = 0.01, 0.02
    body = to_body25(made, SIZE)
    assert abs(body.score[Body25.RIGHT_WRIST] - MIN_SCORE) < 1e-6
    assert not body.seen(Body25.LEFT_WRIST)


def test_just_outside_is_moved_in_and_far_outside_dropped() -> None:
    body = to_body25(changed({16: (-6, 530), 15: (900, 530)}), SIZE)
    assert body.xy[Body25.RIGHT_WRIST].tolist() == [0, 530]
    assert body.xy[Body25.LEFT_WRIST].tolist() == [0, 0] and not body.seen(Body25.LEFT_WRIST)


def test_turned_head_hides_the_far_ear() -> None:
    body = to_body25(changed({0: (415, 150)}), SIZE)  # looking to the person's left
    assert not body.seen(Body25.LEFT_EAR) and body.seen(Body25.RIGHT_EAR)


def test_flags() -> None:
    assert flags(figure(), SIZE) == ()
    behind = Landmarks(figure().xyz[list(MIRROR_33)], figure().visibility, figure().presence)
    assert seen_from_behind(behind) and Flag.BACK_VIEW in flags(behind, SIZE)
    assert not to_body25(behind, SIZE).seen(Body25.NOSE)
    crossed = changed({14: (260, 400), 16: (500, 390), 13: (508, 400), 15: (268, 400)})
    assert Flag.ARMS_CROSSED in flags(crossed, SIZE)
    akimbo = changed({14: (180, 400), 16: (310, 520), 13: (588, 400), 15: (458, 520)})
    assert Flag.ARMS_CROSSED not in flags(akimbo, SIZE)
    side = changed({11: (410, 250), 12: (360, 250), 23: (400, 550), 24: (370, 550)})
    assert Flag.SIDE_VIEW in flags(side, SIZE)
    assert Flag.TORSO_CUT_OFF in flags(figure(), Size(520, 768))


def test_certainty_falls_with_disagreement() -> None:
    made = figure()
    twice = Landmarks(made.xyz, made.visibility, made.presence, 1.0)
    assert certainty(made) > 0.9 > 0.2 > certainty(twice)


def test_corrections_are_small_symmetric_and_scale_with_the_person() -> None:
    made = figure()
    fixed = correct(made)
    moved = fixed.xyz - made.xyz
    joints = [11, 12, 13, 14, 15, 16, 23, 24]
    assert np.linalg.norm(moved[joints], axis=1).max() <= LARGEST * 300 + 1e-3
    assert np.abs(moved[[i for i in range(33) if i not in joints]]).max() == 0
    assert (np.linalg.norm(moved[joints], axis=1) > 0).all()
    assert np.allclose(moved[11, :2] * (-1, 1), moved[12, :2], atol=1e-3)
    double = correct(made.moved(2.0, (5.0, 9.0)))
    assert np.allclose(double.xyz[:, :2], fixed.xyz[:, :2] * 2 + (5, 9), atol=1e-2)


def test_correction_ends_at_its_limit() -> None:
    strange = changed({14: (20, 100), 16: (700, 40), 26: (700, 300), 28: (0, 0)})
    moved = np.linalg.norm(correct(strange).xyz - strange.xyz, axis=1)
    assert moved.max() <= LARGEST * 300 + 1e-3


def test_body_frame() -> None:
    made = figure()
    middle = np.array([[CENTRE, 250.0], [CENTRE, 550.0]])
    assert np.allclose(to_body(made.xyz, middle, mirrored=False), [[0, 0], [0, 1]], atol=1e-5)
    right, left = features(made, mirrored=False), features(made, mirrored=True)
    assert right.shape == (49,) and np.allclose(right, left, atol=1e-5)


def test_boxes() -> None:
    assert whole_photo_box(Size(500, 500), SIZE) == (0.0, -83.0, 500.0, 584.0)
    low, high = person_extent(figure(), SIZE)
    assert low[1] < 100 and high[1] > 960
    left, top, right, bottom = person_box(figure(), Size(1024, 2000), SIZE)
    assert 0 <= left < 258 and right > 512 and abs((right - left) / (bottom - top) - 0.75) < 0.001
    narrow = person_box(figure(), Size(1024, 600), SIZE)
    assert narrow[0] < 0 and narrow[2] > 600  # padded, not squashed
