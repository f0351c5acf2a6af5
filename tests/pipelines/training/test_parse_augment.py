"""Changed examples: photo, labels and joints go together; checked with OpenCV's warp."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from pipelines.body import BODY25_SWAP, Body25
from pipelines.labels import LIP20
from pipelines.training.parse_augment import NONE, Augmentation, augmented
from pipelines.types import Size

HEIGHT, WIDTH = WHOLE = Size(120, 96)
MARKS = {
    Body25.NECK: (LIP20.NECK, (230, 30, 30), (40, 34)),
    Body25.LEFT_WRIST: (LIP20.LEFT_ARM, (30, 230, 30), (66, 58)),
    Body25.RIGHT_ANKLE: (LIP20.RIGHT_SHOE, (30, 30, 230), (36, 82)),
}
"""Joint: its label, the colour of its dot, and where it is."""

MOVED = replace(NONE, scale=(0.8, 1.25), rotation_deg=25.0, shift=0.08)


def example(poses: int = 2) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A gray photo with a dot at each joint, the dots as labels, and the joints."""
    photo, ids = np.full((HEIGHT, WIDTH, 3), 120, np.uint8), np.zeros((HEIGHT, WIDTH), np.uint8)
    joints = np.zeros((poses, 25, 3), np.float32)
    for joint, (label, colour, place) in MARKS.items():
        cv2.circle(photo, place, 5, colour, -1)
        cv2.circle(ids, place, 5, int(label), -1)
        joints[:, joint] = (*place, 0.7)
    return tuple(torch.from_numpy(a)[None] for a in (photo, ids, joints))


def changed(options: Augmentation, seed: int = 0, size: Size = WHOLE, copies: int = 1):
    batch = (part.repeat(copies, *[1] * (part.ndim - 1)) for part in example())
    return augmented(*batch, size, options, torch.Generator().manual_seed(seed))


def centre(mask: torch.Tensor) -> np.ndarray:
    """Middle (x, y) of the pixels of a mask."""
    return torch.nonzero(mask).float().mean(0).flip(0).numpy()


def dot(photo: torch.Tensor, colour) -> torch.Tensor:
    """Where a photo ``[3, H, W]`` in 0..1 has this colour rather than the ground's."""
    seen = photo.permute(1, 2, 0) * 255
    away = [
        (seen - torch.tensor(c, dtype=torch.float32)).norm(dim=-1) for c in (colour, (120,) * 3)
    ]
    return away[0] < away[1]


def test_without_changes_the_example_comes_back():
    image, ids, joints = example()
    made, found, points = changed(NONE)
    assert made.dtype == points.dtype == torch.float32 and found.dtype == torch.int64
    torch.testing.assert_close(made[0] * 255, image[0].permute(2, 0, 1).float(), atol=0.01, rtol=0)
    assert torch.equal(found[0], ids[0].long())
    torch.testing.assert_close(points[0], joints[0, 0], atol=1e-4, rtol=0)


@pytest.mark.parametrize("flip", [0.0, 1.0])
@pytest.mark.parametrize("seed", range(6))
def test_dot_label_and_joint_stay_together(seed, flip):
    made, found, points = changed(replace(MOVED, flip=flip), seed)
    swap = BODY25_SWAP if flip else range(25)
    other = {"LEFT_ARM": LIP20.RIGHT_ARM, "RIGHT_SHOE": LIP20.LEFT_SHOE, "NECK": LIP20.NECK}
    for joint, (label, colour, _) in MARKS.items():
        place = points[0, swap[joint], :2].numpy()
        assert points[0, swap[joint], 2] == pytest.approx(0.7)
        wanted = other[label.name] if flip else label
        np.testing.assert_allclose(centre(found[0] == wanted), place, atol=0.6)
        np.testing.assert_allclose(centre(dot(made[0], colour)), place, atol=0.6)
    unseen = [j for j in range(25) if j not in {swap[joint] for joint in MARKS}]
    assert not points[0, unseen].any()
    assert not (found == LIP20.LEFT_ARM).any() or not flip


@pytest.mark.parametrize("seed", range(4))
def test_the_whole_picture_moves_as_its_joints_do(seed):
    """The affine map of the three joints, applied by OpenCV, gives the same photo and labels."""
    image, ids, joints = example()
    made, found, points = changed(MOVED, seed)
    index = [int(joint) for joint in MARKS]
    affine = cv2.getAffineTransform(joints[0, 0, index, :2].numpy(), points[0, index, :2].numpy())
    scale = np.sqrt(np.linalg.det(affine[:, :2]))
    assert 0.8 <= scale <= 1.25
    warped = cv2.warpAffine(image[0].numpy(), affine, (WIDTH, HEIGHT), borderValue=(120, 120, 120))
    away = np.abs(warped - made[0].permute(1, 2, 0).numpy() * 255)
    assert away.mean() < 0.5 and np.percentile(away, 99) < 12
    labels = cv2.warpAffine(
        ids[0].numpy(), affine, (WIDTH, HEIGHT), flags=cv2.INTER_NEAREST, borderValue=255
    )
    assert (labels == found[0].numpy()).mean() > 0.985
    assert (found == 255).any() and set(found.unique().tolist()) <= {0, 10, 14, 19, 255}


def test_a_smaller_window_lies_in_the_example_and_not_always_at_one_place():
    size = Size(64, 48)
    made, found, points = changed(NONE, size=size, copies=24)
    assert made.shape == (24, 3, 64, 48) and found.shape == (24, 64, 48)
    assert not (found == 255).any()
    places = points[:, Body25.NECK, :2]
    shift = places - torch.tensor(MARKS[Body25.NECK][2])
    assert (shift <= 1e-3).all() and (shift >= -torch.tensor([48.0, 56.0]) - 1e-3).all()
    assert (shift.std(0) > 5).all()
    assert torch.isin(shift.round().long().abs(), torch.arange(57)).all()


def test_a_larger_window_holds_the_whole_example_in_its_middle():
    made, found, points = changed(NONE, size=Size(HEIGHT + 40, WIDTH + 20))
    assert (found[0, :20] == 255).all() and (found[0, -20:] == 255).all()
    assert (found[0, :, :10] == 255).all() and not (found[0, 20:-20, 10:-10] == 255).any()
    want = torch.tensor(MARKS[Body25.NECK][2]) + torch.tensor([10.0, 20.0])
    torch.testing.assert_close(points[0, Body25.NECK, :2], want, atol=1e-3, rtol=0)
    # the photo goes on beyond its edges, as photos do
    torch.testing.assert_close(made[0, :, 0, 50], made[0, :, 20, 50], atol=1e-4, rtol=0)


def test_pixels_left_out_stay_left_out():
    image, ids, joints = example()
    ids[0, :30] = 255
    for flip in (0.0, 1.0):
        options, generator = replace(NONE, flip=flip), torch.Generator().manual_seed(0)
        _, found, _ = augmented(image, ids, joints, WHOLE, options, generator)
        assert (found[0, :30] == 255).all() and not (found[0, 30:] == 255).any()


def test_equal_seeds_give_equal_examples_and_others_do_not():
    options = Augmentation()
    first, again, other = (changed(options, seed, copies=3) for seed in (4, 4, 5))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0]) and not torch.equal(first[2], other[2])
    # each example of a batch is changed in its own way
    assert not torch.equal(first[0][0], first[0][1])


@pytest.mark.parametrize(
    "options",
    [
        replace(NONE, light=0.4),
        replace(NONE, tint=0.2),
        replace(NONE, gray=1.0),
        replace(NONE, blur=1.0),
        replace(NONE, noise=0.1),
    ],
)
def test_colours_change_and_nothing_else(options):
    plain, ids, joints = changed(NONE, copies=4)
    made, found, points = changed(options, copies=4)
    assert torch.equal(found, ids) and torch.equal(points, joints)
    assert not torch.allclose(made, plain, atol=1e-3)
    assert made.min() >= 0 and made.max() <= 1


def test_gray_and_blur_do_what_they_say():
    plain, *_ = changed(NONE)
    gray, *_ = changed(replace(NONE, gray=1.0))
    want = cv2.cvtColor(plain[0].permute(1, 2, 0).numpy(), cv2.COLOR_RGB2GRAY)
    for channel in gray[0]:
        np.testing.assert_allclose(channel.numpy(), want, atol=2e-3)
    soft, *_ = changed(replace(NONE, blur=1.0))
    edges = [float(p.diff(dim=-1).abs().max()) for p in (plain, soft)]
    assert edges[1] < 0.8 * edges[0]
    torch.testing.assert_close(soft.mean((2, 3)), plain.mean((2, 3)), atol=2e-3, rtol=0)


def test_joints_are_shaken_by_torso_lengths_and_lost_at_random():
    image, ids, joints = (part.repeat(200, *[1] * (part.ndim - 1)) for part in example())
    joints[:, :, Body25.MID_HIP] = torch.tensor([40.0, 84.0, 0.9])
    torso = 50.0
    options, generator = replace(NONE, joint_noise=0.04, joint_loss=0.25), torch.Generator()
    image, ids, size = image[:, :8, :8], ids[:, :8, :8], Size(8, 8)
    _, _, points = augmented(image, ids, joints, size, NONE, generator)
    _, _, shaken = augmented(image, ids, joints, size, options, generator)
    kept = shaken[:, Body25.NECK, 2] > 0
    assert 0.6 < float(kept.float().mean()) < 0.88
    assert not shaken[~kept][:, Body25.NECK].any()
    away = (shaken - points)[kept][:, Body25.NECK, :2]
    assert float(away.std()) == pytest.approx(0.04 * torso, rel=0.2)
    assert abs(float(away.mean())) < 0.5


def test_one_of_the_poses_is_taken():
    image, ids, joints = (part.repeat(40, *[1] * (part.ndim - 1)) for part in example())
    joints[:, 1, :, 2] *= 0.5
    _, _, points = augmented(image, ids, joints, WHOLE, NONE, torch.Generator().manual_seed(1))
    scores = points[:, Body25.NECK, 2]
    assert 10 < int((scores > 0.5).sum()) < 30
    assert scores.unique().numel() == 2


def test_augmentation_at_part_of_its_strength():
    full = Augmentation()
    assert full.scaled(1.0) == full
    half = full.scaled(0.5)
    assert half.rotation_deg == full.rotation_deg / 2 and half.joint_loss == full.joint_loss / 2
    assert half.flip == full.flip
    # enlargements are factors: half as far is their root
    assert half.scale == pytest.approx([np.sqrt(v) for v in full.scale])
    assert replace(full.scaled(0.0), flip=0.0) == NONE


def test_a_wall_takes_the_place_of_the_background_only():
    images = torch.randint(0, 120, (6, 40, 30, 3), dtype=torch.uint8)
    ids = torch.zeros(6, 40, 30, dtype=torch.uint8)
    ids[:, 10:30, 8:22], ids[:, :, 26:] = 5, 255
    joints = torch.zeros(6, 2, 25, 3)
    options = replace(NONE, studio=1.0)
    random = torch.Generator().manual_seed(0)
    photo, found, _ = augmented(images, ids, joints, Size(40, 30), options, random)
    before = images.permute(0, 3, 1, 2).float() / 255
    kept = (found != 0)[:, None].expand_as(photo)
    inner = torch.zeros_like(kept)
    inner[:, :, 11:29, 9:21] = inner[:, :, :, 27:] = True
    torch.testing.assert_close(photo[kept & inner], before[kept & inner], atol=1e-5, rtol=0)
    wall = photo[:, :, :8, :24]
    assert wall.min() > 0.55 and wall.std((2, 3)).max() < 0.06
    # walls differ from photo to photo
    assert wall.mean((1, 2, 3)).std() > 0.02
    half = replace(options, studio=0.5)
    photo, _, _ = augmented(images, ids, joints, Size(40, 30), half, random)
    changed = (photo[:, :, :8, :8] - before[:, :, :8, :8]).abs().amax((1, 2, 3)) > 0.1
    assert 0 < changed.sum() < 6
