"""Drawn tops with a waist on bodies with theirs elsewhere."""

import cv2
import numpy as np
import pytest

from pipelines.garments.prepare import PreparedGarment, prepare_garment
from pipelines.stage import GarmentInputs
from pipelines.systems.geometric.body_target import BodyTarget, SideTarget
from pipelines.systems.geometric.trunk import CHEST, TrunkFit, fit_trunk

CENTRE, TOP = 192.0, 84.0


def garment(waist: float) -> PreparedGarment:
    """A sleeveless top, narrow at this share of the way from armpit (170) to hem (420)."""
    y = np.linspace(170, 420, 40)
    flank = np.stack([CENTRE - width((y - 170) / 250, waist), y], axis=1)
    half = np.vstack([[[152, TOP], [124, 92], [130, 130]], flank])
    outline = np.vstack([[[CENTRE, 96]], half, half[::-1] * (-1, 1) + (2 * CENTRE, 0)])
    mask = np.zeros((512, 384), np.uint8)
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 1)
    image = np.full((512, 384, 3), 255, np.uint8)
    image[mask > 0] = (30, 40, 160)
    return prepare_garment(GarmentInputs(image, mask > 0))


def width(share: np.ndarray, waist: float) -> np.ndarray:
    return 88 - 30 * np.exp(-(((share - waist) / 0.16) ** 2))


def body(top: PreparedGarment, waist: float, lean: float = 0.0) -> BodyTarget:
    """The body the top was cut for, but for its waist; turned about the neck by some degrees."""
    marks = top.landmarks
    start = (marks.left.shoulder + marks.right.shoulder) / 2
    c, s = np.cos(np.deg2rad(lean)), np.sin(np.deg2rad(lean))
    turn = np.array([[c, s], [-s, c]])

    def move(point: np.ndarray) -> np.ndarray:
        return (point - start) @ turn + (150, 60)

    armpit = (marks.left.armpit[1] + marks.right.armpit[1]) / 2 - start[1]
    hem = (marks.left.hem[1] + marks.right.hem[1] + marks.hem_centre[1]) / 3 - start[1]
    levels = np.linspace(0, 400, 81)
    at = width((levels - armpit) / (hem - armpit), waist)
    left, right = (
        SideTarget(
            neck=move(m.collar), shoulder=move(m.shoulder), joint=move(m.shoulder),
            armpit=move(m.armpit), elbow=move(m.shoulder + (0, 90)),
            wrist=move(m.shoulder + (0, 180)), arm_half_widths=(20, 20, 20),
            elbow_seen=True, wrist_seen=True,
        )
        for m in (marks.left, marks.right)
    )  # fmt: skip
    chest = float(marks.left.armpit[0] - marks.right.armpit[0])
    return BodyTarget(
        left=left, right=right, back_view=False, unit=chest / CHEST, origin=move(start),
        down=np.array([0.0, 1.0]) @ turn, torso=250.0, levels=levels, left_width=at,
        right_width=at, hem_level=hem,
    )  # fmt: skip


def depth(fit: TrunkFit, target: BodyTarget, y: float, x: float = CENTRE) -> float:
    """How far down the body a point of the garment photo comes to lie."""
    return float((fit.spline(np.array([[x, y]]))[0] - target.origin) @ target.down)


@pytest.mark.parametrize("waist", [0.35, 0.5, 0.65])
def test_on_its_own_outline_the_trunk_stays(waist):
    top = garment(waist)
    target = body(top, waist)
    fit = fit_trunk(top, target)
    marks = top.landmarks
    points = np.vstack([marks.left.flank, marks.right.flank])
    shift = target.origin - (marks.left.shoulder + marks.right.shoulder) / 2
    assert np.abs(fit.spline(points) - points - shift).max() < 6
    assert fit.scale == pytest.approx(1)


def test_the_garments_waist_follows_the_bodys():
    top = garment(0.5)
    at = []
    for waist in (0.4, 0.5, 0.6):
        target = body(top, waist)
        at.append(depth(fit_trunk(top, target), target, 295))
    assert at[1] - at[0] > 0.6
    assert at[2] - at[1] > 0.6
    assert at[2] - at[0] < 0.2 * 250, "tempered by equal steps"


@pytest.mark.parametrize("lean", [-15.0, 20.0])
def test_a_leaning_body_is_dressed_as_an_upright_one(lean):
    top = garment(0.45)
    upright, leaning = body(top, 0.6), body(top, 0.6, lean)
    one, other = fit_trunk(top, upright), fit_trunk(top, leaning)
    for y in (200.0, 300.0, 400.0):
        assert depth(other, leaning, y) == pytest.approx(depth(one, upright, y), abs=0.5)


@pytest.mark.parametrize(("cut", "worn"), [(0.3, 0.8), (0.8, 0.3), (0.5, 3.0)])
def test_order_is_kept_and_stripes_stay_level_however_the_waists_disagree(cut, worn):
    top = garment(cut)
    target = body(top, worn)
    fit = fit_trunk(top, target)
    down = [depth(fit, target, y) for y in np.arange(180.0, 420, 8)]
    steps = np.diff(down)
    assert steps.min() > 0.35 * 8
    assert steps.max() < 2 * 8
    for y in (230.0, 300.0, 370.0):
        left, right = (depth(fit, target, y, x) for x in (CENTRE + 50, CENTRE - 50))
        assert left == pytest.approx(right, abs=1.5)
