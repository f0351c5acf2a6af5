"""Inference with VITON's networks, step by step, and what the three systems make of it."""

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates
from viton_files import write_coarse_files, write_files

from pipelines import registry
from pipelines.errors import ItemError
from pipelines.labels import LIP20, LIP20_TOPS
from pipelines.systems.viton.chain import TryOnChain, bent, edge_to_edge
from pipelines.systems.viton.conditions import GarmentConditions
from pipelines.systems.viton.config import COARSE, FAMILIES
from pipelines.systems.viton.networks import Coarse
from pipelines.systems.viton.weights import read_networks

SYSTEMS = ("viton", "viton-encoder-decoder", "viton-warped")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_files(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def networks(files):
    return read_networks(files, FAMILIES)


@pytest.fixture(scope="module")
def chain(networks):
    return TryOnChain(networks)


@pytest.fixture(scope="module")
def person(draw_person):
    return draw_person(1)


@pytest.fixture(scope="module")
def garment(draw_garment):
    return draw_garment((200, 60, 50))


def worn_mask(person):
    """What a right first stage would say: almost 1 where the garment is worn."""
    worn = torch.from_numpy(np.isin(person.parse.ids, LIP20_TOPS)).float()[None, None]
    return worn * 1.9 - 0.95


def test_the_first_stage_sees_garment_then_person(chain, networks, person, garment):
    known, shown = chain.prepare_person(person), chain.prepare_garment(garment)
    made = chain.coarse(known, shown)
    with torch.no_grad():
        wanted = networks.coarse(torch.cat((shown.image, known), 1))
    assert torch.equal(made.raw, wanted.raw)
    assert made.mask.shape == (1, 1, 256, 192) and made.picture.shape == (1, 3, 256, 192)


def test_pictures_are_sampled_as_published():
    """Aligned corners; beyond the photo its edge goes on and the mask ends."""
    rng = np.random.default_rng(3)
    image, mask = rng.normal(size=(3, 20, 16)), rng.uniform(size=(1, 20, 16))
    places = rng.uniform(-1.3, 1.3, (9, 7, 2))
    garment = GarmentConditions(*(torch.from_numpy(v)[None] for v in (image, mask)))
    found = bent(garment, torch.from_numpy(places)[None])
    x = (places[..., 0] + 1) / 2 * 15
    y = (places[..., 1] + 1) / 2 * 19
    for channel in range(3):
        wanted = map_coordinates(image[channel], [y, x], order=1, mode="nearest")
        np.testing.assert_allclose(found.garment[0, channel].numpy(), wanted, atol=1e-9)
    inside = (abs(places) <= 1).all(-1)
    beyond = (x < -1) | (x > 16) | (y < -1) | (y > 20)
    wanted = map_coordinates(mask[0], [y, x], order=1)
    assert inside.any() and beyond.any()
    np.testing.assert_allclose(found.mask[0, 0].numpy()[inside], wanted[inside], atol=1e-9)
    assert not found.mask[0, 0].numpy()[beyond].any()


def test_the_garment_is_bent_to_the_mask(chain, draw_person, garment):
    mask = worn_mask(draw_person(1, long_sleeves=False))
    warp = chain.warp(chain.prepare_garment(garment), mask)
    worn = (mask > 0.5).numpy()
    found = (warp.mask > 0.5).numpy()
    assert (worn & found).sum() / (worn | found).sum() > 0.8
    # the outermost pixels' centres, then the photo's edges
    torch.testing.assert_close(
        edge_to_edge(torch.ones(1, 1, 1, 2))[0, 0, 0], torch.tensor([191 / 192, 255 / 256])
    )


def test_without_a_mask_there_is_no_place(chain, garment):
    with pytest.raises(ItemError) as error:
        chain.warp(chain.prepare_garment(garment), torch.full((1, 1, 256, 192), 0.4))
    assert error.value.code == "no_place"


def test_nothing_is_taken_outside_of_the_mask(chain, networks, person, garment):
    shown = chain.prepare_garment(garment)
    picture = torch.linspace(-1, 1, 256)[:, None].expand(1, 3, 256, 192)
    mask = worn_mask(person)
    coarse = Coarse(torch.cat((mask, picture), 1))
    warp = chain.warp(shown, mask)
    made = chain.refined(coarse, warp)
    with torch.no_grad():
        share = networks.refine(warp.garment, picture)
    share = share * mask.clamp(min=0)
    torch.testing.assert_close(made.share, share)
    torch.testing.assert_close(made.picture, share * warp.garment + (1 - share) * picture)
    outside = (mask < 0).expand(-1, 3, -1, -1)
    assert torch.equal(made.picture[outside], picture[outside])
    assert not torch.equal(made.picture, picture)


@pytest.fixture(scope="module")
def results(files, draw_person, draw_garment):
    """Each system's result of one pair, where the first stage is right."""
    person = draw_person(2)
    made = {}
    for name in SYSTEMS:
        families = registry.SYSTEMS[name][0].weights
        system = registry.tryon_system(name, {"weights": {f: files[f] for f in families}})
        prepared = system.prepare_person(person)
        worn = torch.from_numpy(np.isin(prepared.scene.ids, LIP20_TOPS)).float()[None, None]
        mask = worn * 1.9 - 0.95
        photo = torch.from_numpy(prepared.scene.small / 127.5 - 1).permute(2, 0, 1)[None]
        # a picture in which the garment is violet
        violet = torch.tensor([0.2, -0.8, 0.6])[None, :, None, None]
        coarse = Coarse(torch.cat((mask, torch.where(mask > 0, violet, photo)), 1))
        system.chain.coarse = lambda *_, coarse=coarse: coarse
        garment = system.prepare_garment(draw_garment((200, 60, 50)))
        made[name] = system.dress(prepared, garment, seed=0, save_stages=True)
    return person, made


def colours(person, result):
    """The median colour of the middle of the trunk."""
    inside = np.zeros(person.parse.ids.shape, bool)
    inside[200:300, 160:224] = True
    return np.median(result.image[inside & (person.parse.ids == LIP20.UPPER)], axis=0)


def test_the_encoder_decoder_takes_nothing_from_the_garments_photo(results):
    person, made = results
    wanted = (np.array([0.2, -0.8, 0.6]) + 1) * 127.5
    np.testing.assert_allclose(colours(person, made["viton-encoder-decoder"]), wanted, atol=4)
    assert "warped_garment" not in made["viton-encoder-decoder"].stages


def test_the_warped_garment_alone_has_its_own_colours(results):
    person, made = results
    found = made["viton-warped"]
    np.testing.assert_allclose(colours(person, found), (200, 60, 50), atol=4)
    # what it does not hide is the photo's, the old garment with it
    np.testing.assert_array_equal(
        found.image[found.stages["garment_alpha"] == 0],
        person.image[found.stages["garment_alpha"] == 0],
    )
    old = np.isin(person.parse.ids, LIP20_TOPS)
    left = (found.edited[old] == 0).mean()
    assert 0.01 < left < 0.5
    assert found.measures["leftover"] == pytest.approx(left, abs=0.05)
    assert made["viton"].measures["leftover"] == 0


def test_the_refined_picture_lies_between_both(results):
    person, made = results
    coarse, warped = (colours(person, made[f"viton-{n}"]) for n in ("encoder-decoder", "warped"))
    share = (colours(person, made["viton"]) - coarse) / (warped - coarse)
    assert (share > 0.02).all() and (share < 0.98).all()
    assert {"coarse", "coarse_mask", "warped_garment", "generated"} <= set(made["viton"].stages)


def test_files_of_another_family_are_refused(files, tmp_path):
    from pipelines.errors import InputError

    for name in SYSTEMS[1:]:
        with pytest.raises(InputError) as error:
            registry.tryon_system(name, {"weights": {COARSE: files["viton.refine"]}})
        assert error.value.code == "wrong_weights"
    assert set(write_coarse_files(tmp_path)) == {COARSE}
