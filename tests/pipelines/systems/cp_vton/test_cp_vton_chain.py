"""Inference with CP-VTON's networks, against the published two stages written out with files."""

import numpy as np
import pytest
import torch
from golden_weights import golden_state
from PIL import Image
from scipy.interpolate import RBFInterpolator
from torch.nn import functional as F

from pipelines.networks.pictures import quantised
from pipelines.stage import GarmentInputs
from pipelines.systems.cp_vton.chain import TryOnChain
from pipelines.systems.cp_vton.config import CPVTONConfig, CPVTONPlusConfig
from pipelines.systems.cp_vton.networks import GMM, TOM
from pipelines.systems.cp_vton.weights import Networks

CONFIGS = {"cp-vton": CPVTONConfig(width=4), "cp-vton-plus": CPVTONPlusConfig(width=4)}


def networks_of(config):
    made = []
    for kind in (GMM, TOM):
        network = kind(plus=config.plus, width=config.width)
        shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
        network.load_state_dict(golden_state(shapes))
        made.append(network.eval().requires_grad_(False))
    return Networks(*made, config)


@pytest.fixture(scope="module", params=CONFIGS)
def networks(request):
    return networks_of(CONFIGS[request.param])


@pytest.fixture(scope="module")
def person(draw_person):
    return draw_person(1)


@pytest.fixture(scope="module")
def garment(draw_garment):
    return draw_garment((200, 60, 50))


def spline(theta):
    """The published spline by SciPy: 25 points of a lattice, x slow, moved by theta."""
    line = np.linspace(-1, 1, 5)
    points = np.array([(x, y) for x in line for y in line])
    moved = points + theta.reshape(2, 25).T
    x, y = np.meshgrid(np.linspace(-1, 1, 192), np.linspace(-1, 1, 256))
    found = RBFInterpolator(points, moved, kernel="thin_plate_spline")(
        np.stack((x.ravel(), y.ravel()), 1)
    )
    return torch.from_numpy(found.reshape(1, 256, 192, 2)).float()


def normalised(picture):
    """``ToTensor`` and ``Normalize`` of the published loaders."""
    return torch.from_numpy(np.asarray(picture, np.float32)).permute(2, 0, 1)[None] / 127.5 - 1


def written(tensor, path):
    """The published way of saving a tensor ``[C, H, W]`` in -1..1."""
    array = ((tensor + 1) * 0.5 * 255).clamp(0, 255).numpy().astype("uint8")
    Image.fromarray(array.squeeze(0) if len(array) == 1 else array.transpose(1, 2, 0)).save(path)


def published(networks, person, garment, folder, used):
    """Two stages with their files in between; person and garment are 256x192.

    ``used`` is the grid that the garment is bent by: where roundings of a grid differ, so do whole
    blocks of a JPEG file.
    """
    plus, ids = networks.config.plus, person.parse.ids
    body = ids > 0 if plus else (ids > 0) & (ids != 10)
    blurred = Image.fromarray((body * 255).astype(np.uint8)).resize((12, 16), Image.BILINEAR)
    blurred = np.asarray(blurred.resize((192, 256), Image.BILINEAR))
    shape = normalised(np.stack([blurred] * 3, -1))[:, :1]
    pose = np.full((1, 18, 256, 192), -1, np.float32)
    for number in range(18):
        joint = number if number < 8 else number + 1
        x, y = person.pose.body.xy[joint]
        if person.pose.body.score[joint] > 0 and x > 1 and y > 1:
            # places of drawn persons are whole pixels
            rows, columns = slice(int(y) - 5, int(y) + 6), slice(int(x) - 5, int(x) + 6)
            pose[0, number, rows, columns] = 1
    image = normalised(person.image)

    def agnostic(kept):
        head = torch.from_numpy(np.isin(ids, kept).astype(np.float32))
        return torch.cat((shape, image * head - (1 - head), torch.from_numpy(pose)), 1)

    # stage GMM
    cloth = normalised(garment.image)
    mask = torch.from_numpy(garment.mask.astype(np.float32))[None, None]
    seen = agnostic((1, 4, 13) if plus else (1, 2, 4, 13))
    grid = spline(networks.gmm.theta(seen, mask if plus else cloth).double().numpy()[0])
    # torch 0.4 knew aligned corners only
    bent = F.grid_sample(cloth, used, padding_mode="border", align_corners=True)
    bent_mask = F.grid_sample(mask, used, padding_mode="zeros", align_corners=True)
    written(bent[0], folder / "cloth.jpg")
    written(bent_mask[0] * 2 - 1, folder / "mask.jpg")
    # stage TOM
    cloth = normalised(Image.open(folder / "cloth.jpg"))
    mask = np.asarray(Image.open(folder / "mask.jpg")) >= 128
    mask = torch.from_numpy(mask.astype(np.float32))[None, None]
    seen = agnostic((1, 2, 4, 9, 12, 13, 16, 17) if plus else (1, 2, 4, 13))
    x = torch.cat((seen, cloth, mask) if plus else (seen, cloth), 1)
    rendered, share = networks.tom.model(x).split(3, 1)
    rendered, share = torch.tanh(rendered), torch.sigmoid(share)
    return {
        "grid": grid, "cloth": cloth, "mask": mask, "share": share,
        "picture": cloth * share + rendered * (1 - share),
    }  # fmt: skip


def dressed(chain, person, garment):
    return chain(chain.prepare_person(person), chain.prepare_garment(garment))


def test_with_parity_the_steps_are_the_published_ones(networks, person, garment, tmp_path):
    found = dressed(TryOnChain(networks, parity=True), person, garment)
    wanted = published(networks, person, garment, tmp_path, found.warp.grid)
    torch.testing.assert_close(found.warp.grid, wanted["grid"], atol=2e-5, rtol=0)
    torch.testing.assert_close(found.warp.garment, wanted["cloth"], atol=1e-6, rtol=0)
    assert torch.equal(found.warp.mask, wanted["mask"])
    assert 0 < wanted["mask"].mean() < 1 and set(wanted["mask"].unique().tolist()) == {0, 1}
    torch.testing.assert_close(found.composed.share, wanted["share"], atol=1e-5, rtol=0)
    torch.testing.assert_close(found.picture, wanted["picture"], atol=1e-5, rtol=0)
    assert wanted["picture"].std() > 0.1
    written(found.picture[0], tmp_path / "result.png")
    saved = np.asarray(Image.open(tmp_path / "result.png"))
    np.testing.assert_array_equal(quantised(found.picture, parity=True), saved)


def test_by_default_no_file_stands_between(networks, person, garment):
    ours, theirs = (dressed(TryOnChain(networks, parity=p), person, garment) for p in (0, 1))
    assert torch.equal(ours.warp.grid, theirs.warp.grid)
    assert 0 < (ours.warp.garment - theirs.warp.garment).abs().mean() < 0.05
    # the mask keeps its soft edge
    soft = ours.warp.mask
    assert ((soft > 0.1) & (soft < 0.9)).any()
    sure = (soft < 0.4) | (soft > 0.6)
    assert torch.equal((soft >= 0.5).float()[sure], theirs.warp.mask[sure])
    assert not torch.equal(ours.picture, theirs.picture)


def test_nothing_is_random_and_parts_are_made_once(networks, person, garment, draw_garment):
    chain = TryOnChain(networks)
    one, two = chain.prepare_garment(garment), chain.prepare_garment(draw_garment(sleeves=False))
    prepared = chain.prepare_person(person)
    first, other, again = (chain(prepared, each).picture for each in (one, two, one))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(first, dressed(chain, person, garment).picture)
    assert first.shape == (1, 3, 256, 192) and first.abs().max() <= 1


def test_the_garments_photo_or_its_mask_decides_the_warp(networks, person, garment):
    chain = TryOnChain(networks)
    prepared = chain.prepare_person(person)
    recoloured = GarmentInputs(255 - garment.image, garment.mask)
    grids = [
        chain.warp(prepared, chain.prepare_garment(each)).grid for each in (garment, recoloured)
    ]
    assert torch.equal(*grids) == networks.config.plus


def test_grids_for_rendering_count_from_edge_to_edge(networks, person, garment):
    chain = TryOnChain(networks)
    warp = dressed(chain, person, garment).warp
    image = chain.prepare_garment(garment).conditions.image
    found = F.grid_sample(image, chain.grid(warp), padding_mode="border", align_corners=False)
    torch.testing.assert_close(found, warp.garment, atol=1e-3, rtol=0)


def test_bf16_is_near_and_leaves_the_warp_alone(networks, person, garment):
    exact, rough = (
        dressed(TryOnChain(networks, precision=p), person, garment) for p in ("fp32", "bf16")
    )
    assert rough.warp.grid.dtype == rough.picture.dtype == torch.float32
    torch.testing.assert_close(exact.warp.grid, rough.warp.grid)
    assert 0 < (exact.picture - rough.picture).abs().mean() < 0.05


def test_an_empty_garment_does_no_harm(networks, person):
    nothing = GarmentInputs(np.full((256, 192, 3), 255, np.uint8), np.zeros((256, 192), bool))
    made = dressed(TryOnChain(networks), person, nothing)
    assert torch.isfinite(made.picture).all() and not made.warp.mask.any()


def test_a_person_of_any_size(networks, draw_person, garment):
    large = draw_person(2)
    assert large.image.shape[:2] != (256, 192)
    assert dressed(TryOnChain(networks), large, garment).picture.shape == (1, 3, 256, 192)
