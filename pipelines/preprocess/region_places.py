"""One photo at working size: where its regions may be, and pixels that surely show them."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.body import Body25
from pipelines.preprocess.body_regions import Body, Floats, Region
from pipelines.preprocess.region_solver import Colours, GuidedFilter
from pipelines.types import Alpha, Array, Image, Mask, Pose, Size

R = Region
ARMS = ((R.LEFT_ARM, Body25.LEFT_SHOULDER), (R.RIGHT_ARM, Body25.RIGHT_SHOULDER))
LEGS = (
    (R.LEFT_LEG, R.LEFT_SHOE, Body25.LEFT_HIP),
    (R.RIGHT_LEG, R.RIGHT_SHOE, Body25.RIGHT_HIP),
)
SKIN = (R.FACE, R.NECK, R.LEFT_ARM, R.RIGHT_ARM, R.LEFT_LEG, R.RIGHT_LEG)


def ramp(x: Array, low: float, high: float, cost: float) -> Floats:
    """A cost that rises from 0 at ``low`` to ``cost`` at ``high``, and stays there."""
    made: Floats = (np.clip((x - low) / (high - low), 0, 1) * cost).astype(np.float32)
    return made


class Scene:
    """A photo at working size with its body, colours and body coordinates."""

    def __init__(self, image: Image, pose: Pose, alpha: Alpha, height: int) -> None:
        scale = height / image.shape[0]
        size = Size(height, max(16, round(image.shape[1] * scale)))
        mode = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        shape = (size.width, size.height)
        self.image: Image = np.asarray(cv2.resize(image, shape, interpolation=mode), np.uint8)
        self.alpha: Floats = np.asarray(cv2.resize(alpha, shape, interpolation=mode), np.float32)
        self.body = Body(pose, scale, size)
        self.colours = Colours(self.image)
        self.smooth = GuidedFilter(self.image, 3, 5e-4)
        self.arms = {region: self.body.arm(root) for region, root in ARMS}
        self.legs = {region: self.body.leg(root) for region, _, root in LEGS}
        self.head_x, self.head_y = self.body.head_coordinates()
        self.torso_x, self.torso_y = self.body.torso_coordinates()
        self.face_rho: Floats = np.hypot(self.head_x / 0.84, (self.head_y - 0.14) / 0.93)
        self.arm_across = np.minimum.reduce([arm.across for arm in self.arms.values()])
        self.leg_across = np.minimum.reduce([leg.across for leg in self.legs.values()])

    def off_arms(self) -> Mask:
        """Where no arm can be in front of the body (shoulders count as torso)."""
        near = [(arm.across < 1) & (arm.along > 0.35) for arm in self.arms.values()]
        made: Mask = ~np.logical_or.reduce(near)
        return made


def seeds(s: Scene) -> dict[int, Floats]:
    """Weights of pixels that surely show one kind of surface (the face stands for all skin)."""
    inside, across = s.alpha > 0.8, np.abs(s.torso_x)
    off_head = (s.head_y > 1.6) | (np.abs(s.head_x) > 1.3)
    off_arms = s.off_arms()
    torso = (s.torso_y > 0.25) & (s.torso_y < 0.85) & (across < 0.42)
    thighs = (s.torso_y > 1.1) & (s.leg_across < 0.8)
    thighs &= np.minimum.reduce([leg.along for leg in s.legs.values()]) < 0.9
    found = {
        R.FACE: (s.face_rho < 0.75) & (s.head_y > 0.1) & inside,
        R.HAIR: (s.face_rho > 1.0) & (s.face_rho < 1.5) & (s.head_y < 0.0) & inside,
        R.UPPER: torso & off_arms & off_head & inside,
        R.LOWER: thighs & off_arms & inside,
        R.BACKGROUND: s.alpha < 0.05,
    }
    return {int(region): mask.astype(np.float32) for region, mask in found.items()}


def without_skin(s: Scene, weights: dict[int, Floats], likely_skin: Floats) -> dict[int, Floats]:
    """The clothes' seeds without bare chest and legs, unless the clothes are skin-coloured."""
    face = weights[R.FACE] > 0
    if not face.any():
        return weights
    skin = likely_skin > float(np.percentile(likely_skin[face], 5)) - 1.0
    made = dict(weights)
    for region, may_be_bare in ((R.UPPER, s.torso_y > 0), (R.LOWER, s.torso_y > 1.0)):
        cloth = weights[region] * ~(skin & may_be_bare)
        if cloth.sum() > 0.3 * weights[region].sum():
            made[region] = cloth.astype(np.float32)
    return made


def short_hair_costs(s: Scene, likely: dict[int, Floats]) -> Floats:
    """Cost ``float32 [H, W]`` of hair below the chin, on each side where none is by the neck.

    Hair on a shoulder has come down beside the neck; a dark garment that looks like it has not.
    """
    hair = likely[R.HAIR] > np.maximum(likely[R.FACE], likely[R.BACKGROUND])
    hair &= s.alpha > 0.5
    beside = (np.abs(s.head_x) > 0.5) & (np.abs(s.head_x) < 1.0)
    beside &= (s.head_y > 0.6) & (s.head_y < 1.0) & (s.torso_y < -0.05)
    cost = np.zeros(s.alpha.shape, np.float32)
    for side in (s.head_x > 0, s.head_x <= 0):
        zone = beside & side
        share = float(hair[zone].mean()) if zone.any() else 1.0
        missing = np.clip((0.5 - share) / 0.35, 0, 1)
        cost[side] = missing * ramp(s.head_y[side], 0.9, 1.3, 6)
    return cost


def place_costs(s: Scene) -> Floats:
    """Cost ``float32 [K, H, W]`` of each region at each place, in nats."""
    cost = np.zeros((len(Region), *s.alpha.shape), np.float32)
    person = np.clip(s.alpha, 0.004, 0.996)
    cost[R.BACKGROUND] = -np.log(1 - person)
    cost[1:] = -np.log(person)
    _head_costs(s, cost)
    _clothes_costs(s, cost)
    _limb_costs(s, cost)
    return cost


def _head_costs(s: Scene, cost: Floats) -> None:
    across, down = np.abs(s.head_x), s.head_y
    cost[R.FACE] += ramp(s.face_rho, 0.95, 1.5, 10)
    core = ramp(-s.face_rho, -0.9, -0.5, 4)
    for region in (R.HAIR, R.NECK, R.UPPER, R.BACKGROUND):
        cost[region] += core
    cost[R.HAIR] += ramp(down, 0.9, 5.0, 6) + ramp(across, 1.2, 2.8, 8)
    cost[R.HAIR] += ramp(s.torso_y, 0.02, 0.12, 1) * ramp(-across, -0.9, -0.4, 2.0)
    cost[R.NECK] += ramp(-down, -1.1, -0.7, 8) + ramp(across, 0.7, 2.0, 6)
    cost[R.NECK] += ramp(s.torso_y, 0.1, 0.5, 4) + ramp(np.abs(s.torso_x), 0.3, 0.6, 6)


def _clothes_costs(s: Scene, cost: Floats) -> None:
    across, down = np.abs(s.torso_x), s.torso_y
    beside = np.minimum(ramp(across, 0.6, 1.6, 14), ramp(s.arm_across, 1.2, 3.5, 14))
    cost[R.UPPER] += beside + ramp(-down, -0.08, 0.2, 6)
    cost[R.LOWER] += ramp(-down, -1.0, -0.6, 8) + ramp(s.leg_across, 1.3, 4.0, 14)


def _limb_costs(s: Scene, cost: Floats) -> None:
    hands = np.zeros(s.alpha.shape, np.float32)
    for region, arm in s.arms.items():
        limb, hand = ramp(arm.across, 0.9, 2.5, 14), ramp(arm.across, 1.6, 3.2, 14)
        cost[region] += np.where(arm.along > 1.9, hand, limb) + ramp(arm.along, 2.5, 2.9, 4)
        reach = ramp(-arm.across, -2.4, -1.6, 4) * (arm.along > 1.7)
        hands = np.maximum(hands, np.where(arm.seen > 0.4, reach, 0))
    for (region, shoe, _), leg in zip(LEGS, s.legs.values(), strict=True):
        cost[region] += ramp(leg.across, 1.0, 2.5, 14) + ramp(-s.torso_y, -1.05, -0.8, 9) + hands
        cost[shoe] += ramp(-leg.along, -2.0, -1.8, 9) + ramp(leg.across, 2.0, 4.0, 12)
        if leg.seen < 1:
            cost[shoe] += 4
        else:
            foot = ramp(leg.along, 1.95, 2.1, 3)
            cost[region] += foot
            cost[R.LOWER] += np.where(leg.across < 2.5, foot, 0)
