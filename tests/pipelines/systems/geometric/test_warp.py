"""Drawn tops on bodies made for them, on moved bodies, and on bodies with every arm pose."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from pipelines.body import Body25, mirror
from pipelines.errors import ItemError
from pipelines.garments.prepare import PreparedGarment, SleeveKind, prepare_garment
from pipelines.labels import LIP20
from pipelines.stage import GarmentInputs
from pipelines.systems.geometric.body_target import BodyTarget, SideTarget, body_target
from pipelines.systems.geometric.trunk import CHEST
from pipelines.systems.geometric.warp import warp_garment
from pipelines.types import Keypoints, ParseMap, Pose, Size

SIZE = Size(512, 384)
HALVES = {
    "tank": [(152, 84), (124, 92), (132, 132), (108, 184), (104, 420)],
    "tee": [(152, 84), (116, 98), (48, 190), (84, 208), (112, 172), (108, 420)],
    "strap": [(112, 60), (100, 60), (112, 130), (96, 160), (104, 420)],
    "wide": [(152, 84), (116, 98), (30, 190), (84, 240), (112, 220), (108, 420)],
    "long": [(152, 84), (116, 98), (30, 412), (62, 420), (112, 180), (108, 384)],
}
STRIPE = 16
ARM = 1.63
"""Length of an arm in shoulder distances."""


def draw(kind: str) -> GarmentInputs:
    """A top with horizontal stripes on white."""
    half = np.array(HALVES[kind], float)
    outline = np.array([(192, 96), *half, *(half[::-1] * (-1, 1) + (384, 0))])
    mask = np.zeros(SIZE, np.uint8)
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 1)
    image = np.full((*SIZE, 3), 255, np.uint8)
    rows = np.arange(SIZE.height)[:, None] // STRIPE % 2 == 0
    image[mask > 0] = (30, 40, 160)
    image[(mask > 0) & rows] = (200, 60, 40)
    return GarmentInputs(image, mask > 0)


@pytest.fixture(scope="module")
def garments() -> dict[str, PreparedGarment]:
    return {kind: prepare_garment(draw(kind)) for kind in HALVES}


def own_target(garment: PreparedGarment, matrix: np.ndarray, shift: np.ndarray) -> BodyTarget:
    """The body on which the garment lies as in its photo, moved by an affine map."""

    def move(point: np.ndarray) -> np.ndarray:
        return point @ matrix.T + shift

    marks = garment.landmarks
    chest = float(marks.left.armpit[0] - marks.right.armpit[0])
    middle = np.array([(marks.left.armpit[0] + marks.right.armpit[0]) / 2, 0])
    top = (marks.left.shoulder + marks.right.shoulder) / 2
    hem = (marks.left.hem[1] + marks.right.hem[1] + marks.hem_centre[1]) / 3
    stretch = float(matrix[0, 0])
    sides = {}
    for name in ("left", "right"):
        side, axis = getattr(marks, name), getattr(garment, f"{name}_sleeve")
        joint, end = side.shoulder, side.shoulder + (0, 150)
        if axis:
            joint = axis.origin + axis.outward * np.polyval(axis.bow, 0.5)
            reaches_wrist = garment.sleeve_kind is SleeveKind.LONG
            length = axis.length if reaches_wrist else ARM * chest / CHEST
            end = joint + axis.along * length
        half = axis.half_width(np.array([0.5]))[0] / 1.1 * stretch if axis else 20
        sides[name] = SideTarget(
            neck=move(side.collar), shoulder=move(side.shoulder), joint=move(joint),
            armpit=move(side.armpit), elbow=move(joint + 0.515 * (end - joint)), wrist=move(end),
            arm_half_widths=(half, half, half), elbow_seen=True, wrist_seen=True,
        )  # fmt: skip
    levels = np.linspace(0, 400, 41) * stretch
    widths = [
        np.interp(levels / stretch + top[1], s.flank[:, 1], np.abs(s.flank[:, 0] - middle[0]))
        for s in (marks.left, marks.right)
    ]
    return BodyTarget(
        left=sides["left"], right=sides["right"], back_view=False,
        unit=chest * stretch / CHEST, origin=move(np.array([middle[0], top[1]])),
        down=np.array([0.0, 1.0]), torso=250 * stretch, levels=levels,
        left_width=widths[0] * stretch, right_width=widths[1] * stretch,
        hem_level=(hem - top[1]) * stretch,
    )  # fmt: skip


def pose(raised: float, bend: float, factor: float = 2.0) -> Pose:
    """Both arms raised by an angle from hanging, bent by another at the elbow (degrees)."""
    joints = {
        Body25.NECK: (96, 78), Body25.RIGHT_SHOULDER: (68, 80), Body25.LEFT_SHOULDER: (124, 80),
        Body25.RIGHT_HIP: (78, 164), Body25.LEFT_HIP: (114, 164), Body25.MID_HIP: (96, 164),
    }  # fmt: skip
    arms = (
        (-1, Body25.RIGHT_SHOULDER, Body25.RIGHT_ELBOW, Body25.RIGHT_WRIST),
        (1, Body25.LEFT_SHOULDER, Body25.LEFT_ELBOW, Body25.LEFT_WRIST),
    )
    for sign, shoulder, elbow, wrist in arms:
        joints[elbow] = joints[shoulder] + 46 * _direction(sign, raised)
        joints[wrist] = joints[elbow] + 44 * _direction(sign, raised + bend)
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    for joint, point in joints.items():
        xy[joint], score[joint] = np.array(point) * factor, 1
    return Pose(Keypoints(xy, score))


def _direction(sign: int, angle: float) -> np.ndarray:
    radians = np.deg2rad(angle)
    return np.array([sign * np.sin(radians), np.cos(radians)])


def blank() -> ParseMap:
    return ParseMap(np.zeros(SIZE, np.uint8), LIP20)


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return (a & b).sum() / (a | b).sum()


@pytest.mark.parametrize("kind", ["tank", "tee", "long"])
def test_on_its_own_outline_a_garment_stays_as_it_is(garments, kind):
    garment = garments[kind]
    warped = warp_garment(garment, own_target(garment, np.eye(2), np.zeros(2)), SIZE)
    assert iou(warped.alpha > 0.5, garment.alpha > 0.5) > 0.93
    both = (warped.alpha > 0.99) & (garment.alpha > 0.99) & (garment.parts == 1)
    difference = np.abs(warped.image.astype(int) - garment.image)[both].max(axis=1)
    assert (difference > 60).mean() < 0.12
    assert warped.measures["fold_share"] == 0


def test_stripes_stay_straight_on_a_moved_and_scaled_body(garments):
    garment = garments["tank"]
    target = own_target(garment, np.diag([0.7, 0.7]), np.array([50.0, 90.0]))
    warped = warp_garment(garment, target, SIZE)
    red = warped.image[..., 0].astype(int) > warped.image[..., 2]
    solid = warped.alpha > 0.99
    ys, xs = np.nonzero(solid)
    middle, reach = int(np.median(xs)), int(0.22 * np.ptp(xs))
    columns = np.arange(middle - reach, middle + reach)
    rows = slice(int(ys.min() + 0.35 * np.ptp(ys)), int(ys.min() + 0.9 * np.ptp(ys)))
    changes = [np.flatnonzero(np.diff(red[rows, x].astype(int))) for x in columns]
    assert len({len(c) for c in changes}) == 1
    edges = np.array(changes)
    assert edges.shape[1] >= 6
    assert np.ptp(edges, axis=0).max() <= 2
    steps = np.diff(edges.mean(axis=0))
    np.testing.assert_allclose(steps, 0.7 * STRIPE, atol=1.5)


@pytest.mark.parametrize("kind", ["tee", "long"])
@pytest.mark.parametrize(
    ("raised", "bend", "folded"),
    [(5, 0, 0.001), (30, 0, 0.001), (60, 0, 0.001), (90, 0, 0.001), (5, 60, 0.004),
     (60, -60, 0.004), (30, 120, 0.01), (90, 120, 0.01), (130, 0, 0.025), (165, 60, 0.03)],
)  # fmt: skip
def test_nothing_folds_over_whatever_the_arms_do(garments, kind, raised, bend, folded):
    warped = warp_garment(garments[kind], body_target(pose(raised, bend), blank()), SIZE)
    assert warped.measures["fold_share"] <= folded


def test_sleeves_lie_on_the_arms_and_meet_the_trunk(garments):
    target = body_target(pose(25, 20), blank())
    warped = warp_garment(garments["long"], target, SIZE)
    for side, sleeve in ((target.left, warped.left_sleeve), (target.right, warped.right_sleeve)):
        for share in (0.4, 0.7, 0.95):
            for a, b in ((side.joint, side.elbow), (side.elbow, side.wrist)):
                x, y = np.round(a + share * 0.95 * (b - a)).astype(int)
                assert sleeve[y, x] > 0.9
    count, _ = cv2.connectedComponents((warped.alpha > 0.5).astype(np.uint8))
    assert count == 2
    total = warped.torso + warped.left_sleeve + warped.right_sleeve
    np.testing.assert_allclose(total, warped.alpha, atol=1e-5)


@pytest.mark.parametrize(
    "missing",
    [(4, 7), (3, 4, 6, 7), (8, 9, 12), (9,), (2,), (1,), (3, 4, 6, 7, 8, 9, 12)],
)
def test_unseen_joints_are_made_up_for(garments, missing):
    seen = pose(20, 0)
    xy, score = seen.body.xy.copy(), seen.body.score.copy()
    xy[list(missing)], score[list(missing)] = 0, 0
    whole = warp_garment(garments["long"], body_target(seen, blank()), SIZE)
    target = body_target(Pose(Keypoints(xy, score)), blank())
    part = warp_garment(garments["long"], target, SIZE)
    assert np.isfinite(list(part.measures.values())).all()
    assert iou(part.torso > 0.5, whole.torso > 0.5) > 0.6


@pytest.mark.parametrize("seen", [(), (2,), (8, 9, 12)])
def test_without_shoulders_a_body_is_refused(seen):
    body = pose(20, 0).body
    score = np.zeros(25, np.float32)
    score[list(seen)] = 1
    with pytest.raises(ItemError) as refused:
        body_target(Pose(Keypoints(body.xy * (score[:, None] > 0), score)), blank())
    assert refused.value.code == "uncertain_pose"


def test_left_and_right_are_the_persons(garments):
    one_sided = replace(garments["long"], right_sleeve=None)
    target = body_target(pose(60, 0), blank())
    warped = warp_garment(one_sided, target, SIZE)
    assert np.nonzero(warped.left_sleeve > 0.5)[1].mean() > SIZE.width / 2
    assert not warped.right_sleeve.any()
    back = Pose(mirror(pose(60, 0).body, SIZE.width))
    swapped = Keypoints(back.body.xy[_SWAP], back.body.score[_SWAP])
    seen_from_behind = body_target(Pose(swapped), blank())
    assert seen_from_behind.back_view
    warped = warp_garment(one_sided, seen_from_behind, SIZE)
    assert np.nonzero(warped.right_sleeve > 0.5)[1].mean() > SIZE.width / 2
    assert not warped.left_sleeve.any()


_SWAP = [0, 1, 5, 6, 7, 2, 3, 4, 8, 12, 13, 14, 9, *range(11, 23)]


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_every_size_shows_the_same(garments, factor):
    size = Size(round(SIZE.height * factor), round(SIZE.width * factor))
    ids = ParseMap(np.zeros(size, np.uint8), LIP20)
    target = body_target(pose(20, 0, 2.0 * factor), ids)
    warped = warp_garment(garments["tee"], target, size)
    usual = warp_garment(garments["tee"], body_target(pose(20, 0), blank()), SIZE)
    small = cv2.resize(warped.alpha, SIZE[::-1], interpolation=cv2.INTER_AREA)
    assert warped.image.shape == (*size, 3)
    assert iou(small > 0.5, usual.alpha > 0.5) > 0.96


@pytest.mark.parametrize(
    ("kind", "sleeves"),
    [("tank", SleeveKind.NONE), ("tee", SleeveKind.SHORT), ("long", SleeveKind.LONG)],
)
def test_sleeve_kinds(garments, kind, sleeves):
    assert garments[kind].sleeve_kind is sleeves
    assert garments[kind].is_top


def test_trousers_are_no_top():
    mask = np.zeros(SIZE, np.uint8)
    cv2.fillPoly(mask, [np.array([(120, 40), (264, 40), (300, 480), (220, 480), (192, 150),
                                  (164, 480), (84, 480)])], 1)  # fmt: skip
    image = np.where(mask[..., None] > 0, 60, 255).astype(np.uint8).repeat(3, axis=2)
    assert not prepare_garment(GarmentInputs(image, mask > 0)).is_top


def test_an_empty_garment_mask_is_refused():
    image = np.full((*SIZE, 3), 255, np.uint8)
    with pytest.raises(ItemError) as refused:
        prepare_garment(GarmentInputs(image, np.zeros(SIZE, bool)))
    assert refused.value.code == "no_garment"


@pytest.mark.parametrize(("raised", "bend"), [(8, 0), (30, -20), (55, 40)])
def test_wide_short_sleeves_hang_along_the_arm(garments, raised, bend):
    target = body_target(pose(raised, bend), blank())
    warped = warp_garment(garments["wide"], target, SIZE)
    for side, sleeve in ((target.left, warped.left_sleeve), (target.right, warped.right_sleeve)):
        along = (side.elbow - side.joint) / np.hypot(*(side.elbow - side.joint))
        ys, xs = np.nonzero(sleeve > 0.5)
        offset = np.stack([xs, ys], axis=1) - side.joint
        normal = np.array([along[1], -along[0]])
        normal *= np.sign(normal @ (side.shoulder - side.armpit))
        reach, outer = offset @ along, offset @ normal
        half = np.mean(side.arm_half_widths[:2])
        tail = reach > 0.6 * reach.max()
        assert outer.max() < 1.4 * half
        assert outer[tail].max() > 1.0 * half
        places = np.linspace(-0.2, 0.9, 4) * half
        cuff = [reach[np.abs(outer - place) < 3].max() for place in places]
        assert np.ptp(cuff) < 0.15 * half


def test_straps_lie_between_neck_and_shoulder_and_the_edge_on_the_body(garments):
    target = body_target(pose(12, 0), blank())
    warped = warp_garment(garments["strap"], target, SIZE)
    for side, width in ((target.left, target.left_width), (target.right, target.right_width)):
        out = side.shoulder - target.origin
        top = target.origin[1] + 0.04 * target.unit
        columns = np.flatnonzero(warped.alpha[round(top)] > 0.5)
        reach = np.abs(columns[np.sign(columns - target.origin[0]) == np.sign(out[0])]
                       - target.origin[0])  # fmt: skip
        assert reach.size
        assert abs(side.neck[0] - target.origin[0]) < reach.min()
        assert reach.max() < 0.85 * abs(out[0])
        under = round(side.armpit[1] + 0.05 * target.unit)
        columns = np.flatnonzero(warped.alpha[under] > 0.5)
        edge = np.interp(under - target.origin[1], target.levels, width)
        assert np.abs(columns - target.origin[0]).max() < edge + 0.05 * target.unit
