"""Maps of a pose against plain loops, and what must hold however a person stands or is scaled."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from pipelines.body import Body25
from pipelines.networks import pose_maps as P

B = Body25
HEIGHT, WIDTH = 96, 64
FEET = (B.LEFT_SMALL_TOE, B.LEFT_HEEL, B.RIGHT_SMALL_TOE, B.RIGHT_HEEL)
SEGMENTS = [
    *(((j,), (j,)) for j in B if j not in FEET),
    *(((a,), (b,)) for a, b in (
        (B.NECK, B.NOSE), (B.NECK, B.MID_HIP), (B.RIGHT_SHOULDER, B.RIGHT_ELBOW),
        (B.RIGHT_ELBOW, B.RIGHT_WRIST), (B.LEFT_SHOULDER, B.LEFT_ELBOW),
        (B.LEFT_ELBOW, B.LEFT_WRIST), (B.RIGHT_HIP, B.RIGHT_KNEE), (B.RIGHT_KNEE, B.RIGHT_ANKLE),
        (B.LEFT_HIP, B.LEFT_KNEE), (B.LEFT_KNEE, B.LEFT_ANKLE),
    )),
]  # fmt: skip
"""What a map is of, in order; two maps of hands and two of the place follow."""


@pytest.fixture
def joints() -> torch.Tensor:
    """Two persons somewhere, with scores; ``float32 [2, 25, 3]``."""
    generator = torch.Generator().manual_seed(3)
    xy = torch.rand(2, 25, 2, generator=generator) * torch.tensor([WIDTH, HEIGHT]) * 0.8 + 6
    xy[:, B.NECK], xy[:, B.MID_HIP] = torch.tensor([30.0, 25.0]), torch.tensor([33.0, 61.0])
    score = torch.rand(2, 25, 1, generator=generator) * 0.8 + 0.2
    return torch.cat([xy, score], -1)


def distance(point: np.ndarray, start: np.ndarray, end: np.ndarray) -> float:
    """To the nearest point of a segment, found by searching along it."""
    if np.allclose(start, end):
        return float(np.hypot(*(point - start)))

    def away(t: float) -> float:
        return float(np.hypot(*(point - start - t * (end - start))))

    found = minimize_scalar(away, bounds=(0, 1), method="bounded", options={"xatol": 1e-7})
    return min(float(found.fun), away(0.0), away(1.0))


def parts(xy: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    found = [(xy[a[0]], xy[b[0]]) for a, b in SEGMENTS]
    for elbow, wrist in ((B.RIGHT_ELBOW, B.RIGHT_WRIST), (B.LEFT_ELBOW, B.LEFT_WRIST)):
        found.append((xy[wrist], xy[wrist] + 0.45 * (xy[wrist] - xy[elbow])))
    return found


def test_each_map_is_the_distance_to_its_joint_or_bone(joints):
    stride = 8
    maps = P.pose_maps(joints, HEIGHT, WIDTH, stride).numpy()
    assert maps.dtype == np.float32
    assert maps.shape == (2, P.CHANNELS, HEIGHT // stride, WIDTH // stride)
    assert P.CHANNELS == len(SEGMENTS) + 2 + 2 == 35
    xy = joints[1, :, :2].numpy().astype(float)
    trunk = np.hypot(*(xy[B.NECK] - xy[B.MID_HIP]))
    wide = 1.5 * np.hypot(*(xy[B.LEFT_SHOULDER] - xy[B.RIGHT_SHOULDER]))
    torso = max(trunk, 0.6 * wide)
    for row, column in ((0, 0), (3, 5), (7, 2), (11, 7)):
        # the middle of a cell, where the centre of the first pixel is (0, 0)
        place = np.array([(column + 0.5) * stride - 0.5, (row + 0.5) * stride - 0.5])
        want = [1 / (1 + (distance(place, a, b) / (0.12 * torso)) ** 2) for a, b in parts(xy)]
        np.testing.assert_allclose(maps[1, :-2, row, column], want, atol=2e-5)
        np.testing.assert_allclose(
            maps[1, -2:, row, column], np.clip((place - xy[B.NECK]) / torso / 4, -1, 1), atol=1e-5
        )


def test_values_stay_in_range(joints):
    far = joints.clone()
    far[0, :, :2] -= 5000
    maps = P.pose_maps(far, HEIGHT, WIDTH)
    assert torch.isfinite(maps).all()
    assert maps.min() >= -1 and maps.max() <= 1
    assert maps[0, :-2].max() < 0.01 and (maps[0, -2:] == 1).all()


@pytest.mark.parametrize("gone", [B.RIGHT_ELBOW, B.LEFT_WRIST, B.NOSE, B.RIGHT_KNEE, B.LEFT_EAR])
def test_what_was_not_seen_is_zero_everywhere(joints, gone):
    joints[:, gone] = 0
    maps = P.pose_maps(joints, HEIGHT, WIDTH)
    without = [k for k, (a, b) in enumerate(SEGMENTS) if gone in (*a, *b)]
    for hand, (elbow, wrist) in enumerate(P.HANDS):
        if gone in (elbow, wrist):
            without.append(len(SEGMENTS) + hand)
    empty = [k for k in range(P.CHANNELS - 2) if not maps[:, k].any()]
    assert empty == sorted(without)


def test_place_starts_at_the_middle_of_the_joints_where_the_neck_is_missing(joints):
    joints[:, B.NECK] = 0
    seen = joints[0, joints[0, :, 2] > 0, :2].mean(0)
    torso = float(P.torso_lengths(joints)[0])
    maps = P.pose_maps(joints, HEIGHT, WIDTH)
    want = (torch.tensor([1.5, 1.5]) - seen) / torso / 4
    torch.testing.assert_close(maps[0, -2:, 0, 0], want.clamp(-1, 1))


def test_nobody_at_all_gives_empty_maps():
    maps = P.pose_maps(torch.zeros(1, 25, 3), HEIGHT, WIDTH)
    assert not maps[:, :-2].any() and torch.isfinite(maps).all()


def test_mirrored_person_gives_mirrored_maps_with_sides_exchanged(joints):
    joints[0, [B.LEFT_WRIST, B.RIGHT_EYE]] = 0
    mirrored = P.pose_maps(P.mirrored_joints(joints, WIDTH), HEIGHT, WIDTH)
    flipped = P.pose_maps(joints, HEIGHT, WIDTH).flip(-1)
    side = {n: n.replace("LEFT", "?").replace("RIGHT", "LEFT").replace("?", "RIGHT")
            for n in B.__members__}  # fmt: skip
    names = [tuple(sorted({B(a[0]).name, B(b[0]).name})) for a, b in SEGMENTS]
    other = [names.index(tuple(sorted(side[n] for n in name))) for name in names]
    hands = len(names)
    other += [hands + 1, hands]
    torch.testing.assert_close(mirrored[:, :-2], flipped[:, other], atol=1e-5, rtol=0)
    torch.testing.assert_close(mirrored[:, -2], -flipped[:, -2], atol=1e-5, rtol=0)
    torch.testing.assert_close(mirrored[:, -1], flipped[:, -1], atol=1e-5, rtol=0)


def test_unseen_joints_stay_at_the_origin_when_mirrored(joints):
    joints[0, B.LEFT_WRIST] = 0
    mirrored = P.mirrored_joints(joints, WIDTH)
    assert mirrored[0, B.RIGHT_WRIST].tolist() == [0, 0, 0]
    assert mirrored[0, B.NECK, 0] == WIDTH - 1 - joints[0, B.NECK, 0]
    torch.testing.assert_close(P.mirrored_joints(mirrored, WIDTH), joints)


def test_maps_do_not_change_with_the_size_of_the_photo(joints):
    twice = joints.clone()
    twice[..., :2] = (joints[..., :2] + 0.5) * 2 - 0.5
    torch.testing.assert_close(
        P.pose_maps(twice, 2 * HEIGHT, 2 * WIDTH, stride=8),
        P.pose_maps(joints, HEIGHT, WIDTH, stride=4),
        atol=1e-5,
        rtol=0,
    )


def one(**places: tuple[float, float]) -> torch.Tensor:
    joints = torch.zeros(1, 25, 3)
    for name, place in places.items():
        joints[0, B[name]] = torch.tensor([*place, 0.9])
    return joints


@pytest.mark.parametrize(
    ("places", "length"),
    [
        ({"NECK": (40, 10), "MID_HIP": (40, 90)}, 80),
        ({"RIGHT_SHOULDER": (20, 10), "LEFT_SHOULDER": (60, 10)}, 60),
        ({"RIGHT_SHOULDER": (20, 10), "LEFT_SHOULDER": (60, 10), "NECK": (40, 10)}, 60),
        # from the side the shoulders are close together
        ({"NECK": (40, 10), "MID_HIP": (40, 90), "RIGHT_SHOULDER": (38, 10),
          "LEFT_SHOULDER": (42, 10)}, 80),
        # bent towards the camera the trunk is short
        ({"NECK": (40, 10), "MID_HIP": (40, 20), "RIGHT_SHOULDER": (20, 10),
          "LEFT_SHOULDER": (60, 10)}, 36),
        ({"NOSE": (100, 100), "LEFT_ANKLE": (400, 500)}, 50),
        ({"NOSE": (100, 100)}, 8),
        ({}, 8),
        ({"NECK": (40, 10), "MID_HIP": (40, 12)}, 8),
    ],
)  # fmt: skip
def test_length_of_the_torso_from_what_is_seen(places, length):
    assert P.torso_lengths(one(**places)).item() == pytest.approx(length)
