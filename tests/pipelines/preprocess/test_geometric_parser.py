"""The geometric parser on drawn people whose regions are known, and on real photographs."""

import cv2
import numpy as np
import pytest

from pipelines.body import BODY25_SWAP
from pipelines.errors import ConfigError, ItemError
from pipelines.flags import Flag
from pipelines.labels import LIP20
from pipelines.layout import Artifact
from pipelines.preprocess.geometric_parser import parse_masked_person, parse_person
from pipelines.preprocess.parsing import PARSERS, ParseStage
from pipelines.types import Keypoints, ParseMap, Pose

SKIN, HAIR = (224, 172, 140), (70, 45, 30)
JOINTS = {
    0: (384, 205), 1: (384, 330), 2: (280, 335), 3: (235, 500), 4: (215, 650), 5: (488, 335),
    6: (533, 500), 7: (553, 650), 8: (384, 660), 9: (325, 660), 10: (325, 880), 12: (443, 660),
    13: (443, 880), 15: (352, 175), 16: (416, 175), 17: (315, 185), 18: (453, 185),
}  # fmt: skip
ASTRONAUT = {
    0: (223, 128), 1: (209, 248), 2: (113, 240), 3: (65, 414), 5: (306, 257), 15: (205, 103),
    16: (249, 112), 17: (190, 107), 18: (268, 123),
}  # fmt: skip
GRACE_HOPPER = {
    0: (270, 225), 1: (276, 426), 2: (96, 423), 5: (456, 428), 15: (230, 195), 16: (305, 190),
    17: (195, 217), 18: (339, 211),
}  # fmt: skip


def pose_of(joints):
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    for joint, place in joints.items():
        xy[joint], score[joint] = place, 0.9
    return Pose(Keypoints(xy, score))


def mirrored(pose, width):
    xy = pose.body.xy[list(BODY25_SWAP)].copy()
    score = pose.body.score[list(BODY25_SWAP)].copy()
    xy[:, 0] = np.where(score > 0, width - 1 - xy[:, 0], 0)
    return Pose(Keypoints(xy, score))


def draw_person(*, garment=(30, 70, 160), trousers=(60, 60, 65), sleeve=2.0, long_hair=False):
    """A person of flat, slightly noisy colours: photo, true labels, pose, alpha (1024x768).

    ``sleeve``: 0 = none, 1 = to the elbow, 2 = to the wrist.
    """
    photo = np.full((1024, 768, 3), 235, np.uint8)
    ids = np.zeros((1024, 768), np.uint8)

    def paint(label, colour, draw):
        area = np.zeros(ids.shape, np.uint8)
        draw(area)
        photo[area > 0], ids[area > 0] = colour, label

    def limb(label, colour, start, end, width):
        line = [tuple(int(v) for v in p) for p in (start, end)]
        paint(label, colour, lambda m: cv2.line(m, *line, 1, width))

    if long_hair:
        paint(LIP20.HAIR, HAIR, lambda m: cv2.rectangle(m, (290, 150), (478, 320), 1, -1))
    paint(LIP20.HAIR, HAIR, lambda m: cv2.ellipse(m, (384, 170), (92, 105), 0, 0, 360, 1, -1))
    paint(LIP20.NECK, SKIN, lambda m: cv2.rectangle(m, (348, 230), (420, 345), 1, -1))
    paint(LIP20.FACE, SKIN, lambda m: cv2.ellipse(m, (384, 193), (66, 82), 0, 0, 360, 1, -1))
    for x in (325, 443):
        limb(LIP20.PANTS, trousers, (x, 660), (x, 1023), 105)
    hem = np.array(
        [(285, 312), (345, 312), (384, 350), (423, 312), (483, 312), (478, 690), (290, 690)]
    )
    paint(LIP20.UPPER, garment, lambda m: cv2.fillPoly(m, [hem], 1))
    for label, root in ((LIP20.RIGHT_ARM, 2), (LIP20.LEFT_ARM, 5)):
        points = [np.array(JOINTS[root + k], float) for k in range(3)]
        points.append(points[2] + 0.45 * (points[2] - points[1]))
        for k in (0, 1, 2):
            limb(label, SKIN, points[k], points[k + 1], (62, 50, 44)[k])
        for k in range(int(np.ceil(sleeve))):
            end = points[k] + min(sleeve - k, 1) * (points[k + 1] - points[k])
            limb(LIP20.UPPER, garment, points[k], end, (72, 60)[k])
    noise = np.random.default_rng(0).normal(0, 4, photo.shape)
    photo = np.clip(photo + noise, 0, 255).astype(np.uint8)
    alpha = cv2.GaussianBlur((ids > 0).astype(np.float32), (0, 0), 4)
    return photo, ParseMap(ids, LIP20), pose_of(JOINTS), alpha


def overlap(made, true, *labels):
    a, b = made.mask(*labels), true.mask(*labels)
    return (a & b).sum() / (a | b).sum()


@pytest.mark.parametrize("sleeve", [0.0, 0.5, 1.0, 1.6])
@pytest.mark.parametrize("long_hair", [False, True])
def test_drawn_people_are_taken_apart(sleeve, long_hair):
    photo, true, pose, alpha = draw_person(sleeve=sleeve, long_hair=long_hair)
    made = parse_masked_person(photo, pose, alpha)
    for label in (LIP20.UPPER, LIP20.PANTS):
        assert overlap(made.parse, true, label) > 0.93, label.name
    for label in (LIP20.LEFT_ARM, LIP20.RIGHT_ARM, LIP20.HAIR, LIP20.FACE):
        assert overlap(made.parse, true, label) > 0.8, label.name
    assert overlap(made.parse, true, LIP20.FACE, LIP20.NECK) > 0.9
    assert overlap(made.parse, true, LIP20.BACKGROUND) > 0.98
    assert not made.flags


def test_full_sleeves_leave_only_hands_bare():
    photo, true, pose, alpha = draw_person(sleeve=2.0)
    made = parse_masked_person(photo, pose, alpha).parse
    assert overlap(made, true, LIP20.UPPER) > 0.93
    for label, wrist in ((LIP20.RIGHT_ARM, 4), (LIP20.LEFT_ARM, 7)):
        rows, _ = np.nonzero(made.mask(label))
        assert (rows < JOINTS[wrist][1] - 30).mean() < 0.03
        assert len(rows) > 0.5 * true.mask(label).sum()


def test_an_arm_in_front_of_the_garment_is_seen():
    photo, true, pose, alpha = draw_person(sleeve=0.5)
    joints = {**JOINTS, 4: (430, 560)}
    elbow, wrist = JOINTS[3], joints[4]
    moved = (true.mask(LIP20.RIGHT_ARM)) & (np.mgrid[:1024, :768][0] > elbow[1] + 25)
    photo[moved] = 235
    ids, alpha = true.ids.copy(), alpha.copy()
    ids[moved] = 0
    forearm = cv2.line(np.zeros(ids.shape, np.uint8), elbow, wrist, 1, 50) > 0
    photo[forearm], ids[forearm] = SKIN, LIP20.RIGHT_ARM
    alpha = cv2.GaussianBlur((ids > 0).astype(np.float32), (0, 0), 4)
    made = parse_masked_person(photo, pose_of(joints), alpha).parse
    inside = forearm & true.mask(LIP20.UPPER)
    assert made.mask(LIP20.RIGHT_ARM)[inside].mean() > 0.9
    assert overlap(made, ParseMap(ids, LIP20), LIP20.UPPER) > 0.9


def test_the_mirror_image_has_mirrored_labels():
    photo, _, pose, alpha = draw_person(sleeve=0.5, garment=(150, 40, 60))
    straight = parse_masked_person(photo, pose, alpha).parse
    flipped = parse_masked_person(
        np.ascontiguousarray(photo[:, ::-1]),
        mirrored(pose, photo.shape[1]),
        np.ascontiguousarray(alpha[:, ::-1]),
    ).parse.ids[:, ::-1]
    swap = np.arange(256, dtype=np.uint8)
    for a, b in ((14, 15), (16, 17), (18, 19)):
        swap[[a, b]] = b, a
    assert (swap[flipped] != straight.ids).mean() < 0.01


def test_equal_inputs_give_equal_bytes_and_stay_unchanged():
    photo, _, pose, alpha = draw_person()
    before = photo.copy(), alpha.copy(), pose.body.xy.copy()
    first, second = (parse_masked_person(photo, pose, alpha) for _ in range(2))
    np.testing.assert_array_equal(first.parse.ids, second.parse.ids)
    assert first.score == second.score
    for was, now in zip(before, (photo, alpha, pose.body.xy), strict=True):
        np.testing.assert_array_equal(was, now)


@pytest.mark.parametrize(
    "missing", [(3, 4), (4,), (7,), (8, 9, 12), (10, 13), (0, 15, 16), (1,), (15, 16, 17, 18)]
)
def test_missing_joints_do_little_harm(missing):
    photo, true, _, alpha = draw_person(sleeve=1.0)
    pose = pose_of({k: v for k, v in JOINTS.items() if k not in missing})
    made = parse_masked_person(photo, pose, alpha).parse
    assert overlap(made, true, LIP20.UPPER) > 0.8
    assert overlap(made, true, LIP20.BACKGROUND) > 0.97
    assert made.mask(LIP20.FACE, LIP20.HAIR)[170:210, 360:410].all()


def test_a_bare_legged_one_piece_is_a_dress_and_trousers_are_trousers():
    photo, true, _, _ = draw_person(sleeve=0.5, trousers=SKIN)
    skirt = np.array([(290, 680), (478, 680), (500, 800), (268, 800)])
    ids = true.ids.copy()
    area = cv2.fillPoly(np.zeros(ids.shape, np.uint8), [skirt], 1) > 0
    photo[area], ids[area] = (30, 70, 160), LIP20.UPPER
    alpha = cv2.GaussianBlur((ids > 0).astype(np.float32), (0, 0), 4)
    made = parse_masked_person(photo, pose_of({**JOINTS, 11: (325, 1010), 14: (443, 1010)}), alpha)
    worn = ids == LIP20.UPPER
    assert made.parse.mask(LIP20.DRESS)[worn].mean() > 0.85
    assert made.parse.mask(LIP20.LEFT_LEG)[880:980, 430:456].mean() > 0.9
    assert made.parse.mask(LIP20.RIGHT_LEG)[880:980, 312:338].mean() > 0.9


def test_a_garment_of_the_colour_of_skin_is_flagged():
    plain = parse_masked_person(*_without_truth(draw_person()))
    nude = parse_masked_person(*_without_truth(draw_person(garment=SKIN, trousers=SKIN)))
    assert Flag.UNCERTAIN_PARSE in nude.flags
    assert not plain.flags
    assert nude.score < plain.score


def _without_truth(drawn):
    photo, _, pose, alpha = drawn
    return photo, pose, alpha


def test_any_size_is_parsed_at_its_own_size():
    photo, true, pose, alpha = draw_person(sleeve=1.0)
    small = cv2.resize(photo, (192, 256), interpolation=cv2.INTER_AREA)
    thin = cv2.resize(alpha, (192, 256), interpolation=cv2.INTER_AREA)
    made = parse_masked_person(small, Pose(Keypoints(pose.body.xy / 4, pose.body.score)), thin)
    assert made.parse.ids.shape == (256, 192)
    expected = ParseMap(np.ascontiguousarray(true.ids[::4, ::4]), LIP20)
    assert overlap(made.parse, expected, LIP20.UPPER) > 0.9


def test_people_without_shoulders_are_refused():
    photo, _, pose, alpha = draw_person()
    score = pose.body.score.copy()
    score[[2, 5]] = 0
    with pytest.raises(ItemError) as raised:
        parse_masked_person(photo, Pose(Keypoints(pose.body.xy, score)), alpha)
    assert raised.value.code == "uncertain_pose"


def test_astronaut(astronaut):
    ids = parse_person(astronaut, pose_of(ASTRONAUT)).parse.ids
    assert ids[128, 223] == LIP20.FACE
    assert ids[50, 225] == LIP20.HAIR
    assert ids[400, 180] == LIP20.UPPER
    assert ids[350, 100] == LIP20.UPPER
    assert ids[20, 400] == LIP20.BACKGROUND
    assert ids[200, 480] == LIP20.BACKGROUND


def test_grace_hopper(grace_hopper):
    parsed = parse_person(grace_hopper, pose_of(GRACE_HOPPER))
    ids = parsed.parse.ids
    assert ids[225, 270] == LIP20.FACE
    assert ids[500, 100] == LIP20.UPPER
    assert ids[500, 420] == LIP20.UPPER
    assert ids[20, 20] == LIP20.BACKGROUND
    assert ids[150, 480] == LIP20.BACKGROUND
    assert ids[330, 290] in (LIP20.NECK, LIP20.FACE)


def test_stage_keeps_order_and_reports_failures(astronaut):
    pose = pose_of(ASTRONAUT)
    good = {Artifact.IMAGE: astronaut, Artifact.POSE: pose}
    bad = {**good, Artifact.POSE: Pose(Keypoints(pose.body.xy, np.zeros(25, np.float32)))}
    first, second = ParseStage(parser="geometric")([bad, good])
    assert isinstance(first, ItemError)
    direct = parse_person(astronaut, pose)
    np.testing.assert_array_equal(second.values[Artifact.PARSE].ids, direct.parse.ids)
    assert second.score == direct.score and second.flags == direct.flags


def test_unknown_parsers_are_refused():
    with pytest.raises(ConfigError, match="learned"):
        ParseStage(parser="learned")
    assert "geometric" in PARSERS
