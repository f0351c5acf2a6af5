"""ACGPN's inference, against its steps written out with OpenCV and NumPy."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from golden_weights import golden_state
from PIL import Image

from pipelines.body import BODY25_TO_COCO18
from pipelines.device import mix_seed
from pipelines.labels import ACGPN14, ACGPN14_TO_VITONHD7, LIP20
from pipelines.mirror_image import mirrored, mirrored_grid
from pipelines.networks.noise import binary_noise
from pipelines.networks.pictures import label_maps
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.acgpn.chain import TryOnChain
from pipelines.systems.acgpn.chain_steps import dilated, kept_of_photo, skin_colour, warp_body
from pipelines.systems.acgpn.conditions import (
    GarmentConditions,
    PersonConditions,
    garment_conditions,
    lip_labels,
    person_conditions,
    person_labels,
    resized,
)
from pipelines.systems.acgpn.config import ACGPNConfig
from pipelines.systems.acgpn.networks import (
    PUBLISHED_SIZE,
    BodyPartGenerator,
    ClothesWarping,
    ClothMaskGenerator,
    ContentFusion,
)
from pipelines.systems.acgpn.weights import Networks


@pytest.fixture(scope="module")
def networks():
    made = []
    for kind in (BodyPartGenerator, ClothMaskGenerator, ClothesWarping, ContentFusion):
        network = kind(width=4)
        shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
        network.load_state_dict(golden_state(shapes))
        made.append(network.eval().requires_grad_(False))
    return Networks(*made, ACGPNConfig())


@pytest.fixture(scope="module")
def person(draw_person):
    return draw_person(1)


@pytest.fixture(scope="module")
def garment(draw_garment):
    return draw_garment()


def test_photos_take_the_published_way_to_their_size():
    picture = np.random.default_rng(1).integers(0, 255, (341, 256, 3), np.uint8)
    wanted = Image.fromarray(picture).resize((512, 682), Image.Resampling.BICUBIC)
    wanted = wanted.resize((192, 256), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(resized(picture), np.asarray(wanted))
    small = picture[:256, :192]
    assert resized(small) is small
    ids = np.random.default_rng(2).integers(0, 14, (512, 384), np.uint8)
    assert set(np.unique(resized(ids, nearest=True))) <= set(np.unique(ids))


def test_necks_are_garment_as_published_or_skin():
    ids = np.full((256, 192), LIP20.NECK, np.uint8)
    assert (lip_labels(ids, ACGPNConfig()) == ACGPN14.NOISE).all()
    assert (lip_labels(ids, ACGPNConfig(neck="skin")) == ACGPN14.FACE).all()


def test_the_joints_are_squares_of_about_eleven_pixels(person):
    pose = person_conditions(person, ACGPNConfig()).pose[0]
    assert pose.shape == (18, 256, 192)
    seen = [j for j in range(18) if person.pose.body.score[BODY25_TO_COCO18[j]] > 0]
    assert seen
    for joint in seen:
        x, y = person.pose.body.xy[BODY25_TO_COCO18[joint]]
        rows, columns = np.nonzero(pose[joint].numpy() > 0)
        if len(rows):
            assert abs(rows.mean() - y) < 3 and abs(columns.mean() - x) < 3
            assert 9 <= rows.max() - rows.min() + 1 <= 12


def published(networks, person, garment, noise):
    """The published script in the order of its steps, arrays ``[H, W]`` and ``[C, H, W]``."""
    image, label, pose = person.image[0].numpy(), person.labels[0].numpy(), person.pose[0].numpy()
    pre_mask = (garment.mask[0, 0].numpy() > 0.5).astype(np.float32)
    cloth = garment.image[0].numpy() * pre_mask
    worn, fore = (label == 4).astype(np.float32), (label > 0).astype(np.float32)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))

    def one_hot(ids):
        return (ids[None] == np.arange(14)[:, None, None]).astype(np.float32)

    def run(network, *parts):
        x = np.concatenate([p if p.ndim == 3 else p[None] for p in parts]).astype(np.float32)
        return network(torch.from_numpy(x)[None])[0].numpy()

    everything = label.copy()
    everything[np.isin(label, (7, 11, 13))] = 4
    body = run(networks.g1, pre_mask, cloth, one_hot(everything), pose, noise[0]).argmax(0)
    certain = 1 / (1 + np.exp(-run(networks.g2, pre_mask, cloth, one_hot(body), pose, noise[1])[0]))
    new = cv2.dilate((certain > 0.5).astype(np.float32), kernel)
    new = new * (body != 11) * (body != 13) * fore
    arms, wider = {}, []
    for arm in (11, 13):
        occluded = worn * (body == arm)
        wider.append(cv2.dilate(occluded, kernel, iterations=10))
        arms[arm] = occluded + (1 - worn) * (label == arm)
    final = body * (1 - (body == 11)) * (1 - (body == 13))
    for arm, full in arms.items():
        final = final * (1 - full) + full * arm
    final = final * (1 - new)
    warp = networks.u(
        torch.from_numpy(cloth)[None],
        torch.from_numpy(new.astype(np.float32))[None, None],
        torch.from_numpy(pre_mask)[None, None],
    )
    share = torch.sigmoid(warp.raw[:, 3:])[0].numpy() * new
    dressed = np.tanh(warp.raw[0, :3].numpy()) * (1 - share) + warp.garment[0].numpy() * share
    skin = image[:, np.isin(label, (11, 13))].mean(1)[:, None, None] * np.ones_like(image)
    covered = np.isin(label, (4, 11, 13)).astype(np.float32)
    occlude = (1 - wider[0] * covered) * (1 - wider[1] * covered)
    kept = image * fore * (1 - worn) * occlude * (1 - new)
    made = run(networks.g, kept, one_hot(final), dressed, skin, noise[2])
    return {"body": body, "new": new, "labels": final, "kept": kept, "out": np.tanh(made)}


def test_with_parity_the_steps_are_the_published_ones(networks, person, garment):
    seen = person_conditions(person, ACGPNConfig())
    shown = garment_conditions(garment)
    assert (seen.labels == 11).sum() > 10 and (seen.labels == 4).any()
    noise = [binary_noise(mix_seed(5, k), PUBLISHED_SIZE)[0, 0].numpy() for k in range(3)]
    wanted = published(networks, seen, shown, noise)
    found = TryOnChain(networks, parity=True)(seen, shown, seed=5)
    np.testing.assert_array_equal(found.layout.body[0].numpy(), wanted["body"])
    np.testing.assert_array_equal(found.layout.garment[0, 0].numpy(), wanted["new"])
    assert 0 < wanted["new"].mean() < 1
    np.testing.assert_array_equal(found.layout.labels[0].argmax(0).numpy(), wanted["labels"])
    np.testing.assert_allclose(found.kept[0].numpy(), wanted["kept"], atol=1e-6)
    np.testing.assert_allclose(found.picture[0].numpy(), wanted["out"], atol=1e-4)


def test_by_default_the_garment_may_leave_the_old_outline(networks, person, garment):
    seen = person_conditions(person, ACGPNConfig())
    shown = garment_conditions(garment)
    chain = TryOnChain(networks)
    # what runs merged elsewhere is equal but for rounding, which moves a mask's edge
    chain.networks = networks
    ours = chain(seen, shown, seed=5).layout.garment[0, 0]
    theirs = TryOnChain(networks, parity=True)(seen, shown, seed=5).layout.garment[0, 0]
    outside = seen.labels[0] == 0
    assert not theirs[outside].any() and ours[outside].any()
    assert torch.equal(ours[~outside], theirs[~outside])


def test_the_same_seed_makes_the_same_picture(networks, person, garment):
    seen, shown = person_conditions(person, ACGPNConfig()), garment_conditions(garment)
    chain = TryOnChain(networks)
    first, again, other = (chain(seen, shown, seed=seed).picture for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert first.shape == (1, 3, 256, 192) and first.abs().max() <= 1


@pytest.mark.parametrize("times", [1, 10])
def test_dilation_is_opencvs(times):
    mask = (np.random.default_rng(3).random((60, 40)) > 0.99).astype(np.float32)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    wanted = cv2.dilate(mask, kernel, iterations=times)
    found = dilated(torch.from_numpy(mask)[None, None], times)[0, 0].numpy()
    np.testing.assert_array_equal(found, wanted)


def test_few_pixels_of_arms_give_no_colour():
    labels = torch.zeros(2, 256, 192, dtype=torch.long)
    labels[:, 0, :9] = ACGPN14.LEFT_ARM
    labels[1, 0, 9:12] = ACGPN14.RIGHT_ARM
    image, pose = torch.rand(2, 3, 256, 192), torch.zeros(2, 18, 256, 192)
    found = skin_colour(PersonConditions(image, labels, labels, pose))
    assert found.shape == (2, 3, 1, 1) and not found[0].any()
    torch.testing.assert_close(found[1, :, 0, 0], image[1, :, 0, :12].mean(-1))


@pytest.mark.parametrize("neck", ["garment", "skin"])
def test_arms_and_neck_are_hidden_in_the_clothes(neck):
    ids = torch.arange(20)[None, None]
    labels, hidden = person_labels(ids, ACGPNConfig(neck=neck))
    np.testing.assert_array_equal(
        labels.numpy(), lip_labels(ids.numpy().astype(np.uint8), ACGPNConfig(neck=neck))
    )
    fused = {LIP20.GLOVE, LIP20.SOCKS, LIP20.SCARF, LIP20.NECK, LIP20.LEFT_ARM, LIP20.RIGHT_ARM}
    wanted = [ACGPN14.UPPER if n in fused else int(labels[0, 0, n]) for n in range(20)]
    assert hidden[0, 0].tolist() == wanted


def test_an_empty_garment_does_no_harm(networks, person):
    seen = person_conditions(person, ACGPNConfig())
    nothing = GarmentInputs(np.full((256, 192, 3), 255, np.uint8), np.zeros((256, 192), bool))
    made = TryOnChain(networks)(seen, garment_conditions(nothing))
    assert torch.isfinite(made.picture).all()


def test_a_person_of_any_size(networks, draw_person, garment):
    large = draw_person(2)
    assert isinstance(large, PersonInputs) and large.image.shape[:2] != (256, 192)
    made = TryOnChain(networks)(
        person_conditions(large, ACGPNConfig()), garment_conditions(garment)
    )
    assert made.picture.shape == (1, 3, 256, 192)


def test_bf16_is_near_and_leaves_the_warp_alone(networks, person, garment):
    known = person_conditions(person, networks.config), garment_conditions(garment)
    exact, rough = TryOnChain(networks), TryOnChain(networks, precision="bf16")
    layout = exact.layout(*known)
    warps = [chain.warp(*known, layout) for chain in (exact, rough)]
    torch.testing.assert_close(warps[0].points, warps[1].points)
    torch.testing.assert_close(warps[0].garment, warps[1].garment)
    worn, kept = warps[0].composed(layout.garment), kept_of_photo(known[0], layout)
    pictures = [chain.picture(known[0], layout, worn, kept) for chain in (exact, rough)]
    assert pictures[1].dtype == torch.float32
    assert 0 < (pictures[0] - pictures[1]).abs().mean() < 0.05


def test_the_warp_sees_the_layout_in_the_groups_of_alias(person):
    seen = person_conditions(person, ACGPNConfig())
    worn = seen.labels == ACGPN14.UPPER
    layout = label_maps(torch.where(worn, 0, seen.labels), 14)
    made = warp_body(seen, layout, worn.float()[:, None])
    wanted = np.vectorize(ACGPN14_TO_VITONHD7.get)(seen.labels[0].numpy())
    assert len(np.unique(wanted)) >= 5
    assert made.shape == (1, 25, 256, 192)
    np.testing.assert_array_equal(made[0, :7].argmax(0), wanted)
    assert (made[0, :7].sum(0) == 1).all()
    torch.testing.assert_close(made[:, 7:], seen.pose)


def test_a_garment_covers_what_a_layout_has_there(person):
    seen = person_conditions(person, ACGPNConfig())
    garment = torch.zeros(1, 1, 256, 192)
    garment[..., 100:200, 60:130] = 1
    made = warp_body(seen, label_maps(torch.zeros_like(seen.labels), 14), garment)
    torch.testing.assert_close(made[:, 2:3], garment)
    torch.testing.assert_close(made[:, :1], 1 - garment)


@pytest.fixture(scope="module")
def correcting(networks):
    """The same networks, with one that corrects the grid."""
    torch.manual_seed(0)
    u = ClothesWarping(width=4, refine_width=8)
    u.load_state_dict({**u.state_dict(), **networks.u.state_dict()})
    torch.nn.init.normal_(u.refiner.heads[-1].weight, std=1.0)
    return replace(networks, u=u.eval().requires_grad_(False))


class WithoutNoise(TryOnChain):
    """Noise apart, mirrored inputs must give mirrored results."""

    def _noise(self, seed, number, person):
        return torch.zeros_like(super()._noise(seed, number, person))


def test_two_looks_see_the_same_in_a_mirror(correcting, person, garment):
    chain = WithoutNoise(correcting)
    own, other = (person_conditions(p, ACGPNConfig()) for p in (person, mirrored(person)))
    shown = garment_conditions(garment)
    turned = GarmentConditions(shown.image.flip(-1), shown.mask.flip(-1))
    made, back = chain(own.beside(other), shown), chain(other.beside(own), turned)
    assert made.picture.shape == (1, 3, 256, 192)
    torch.testing.assert_close(back.layout.garment[:1], made.layout.garment[:1].flip(-1))
    grid = mirrored_grid(back.warp.bent.grid[:1])
    torch.testing.assert_close(grid, made.warp.bent.grid[:1], atol=1e-5, rtol=0)
    torch.testing.assert_close(back.picture.flip(-1), made.picture, atol=1e-4, rtol=0)
    once = chain(own, shown).picture, chain(other, turned).picture.flip(-1)
    assert (once[0] - once[1]).abs().mean() > 0.01
    first, second = (x.bent.grid[:1] for x in (chain(own, shown).warp, made.warp))
    assert (first - second).abs().max() > 0.01


def test_two_looks_are_taken_where_the_warp_is_corrected(networks, correcting, person, garment):
    assert TryOnChain(correcting).looks_twice
    assert not TryOnChain(correcting, parity=True).looks_twice
    assert not TryOnChain(networks).looks_twice
