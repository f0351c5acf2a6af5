"""The chain as a whole: what is fast equals what is published, and can be made again."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from golden_weights import filled

from pipelines.body import mirror_pose
from pipelines.labels import VITONHD7, VITONHD13, mirror_table
from pipelines.relabel import mirror
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.viton_hd import chain_steps as steps
from pipelines.systems.viton_hd.chain import TryOnChain
from pipelines.systems.viton_hd.config import ConditionsConfig
from pipelines.systems.viton_hd.networks import GMM, ALIASGenerator, SegGenerator
from pipelines.systems.viton_hd.weights import Networks
from pipelines.types import Size

CONDITIONS = ConditionsConfig(size_hw=(256, 192))


def networks(conditions=CONDITIONS, upsampling="more"):
    return Networks(
        seg=filled(lambda: SegGenerator(width=4)),
        gmm=filled(lambda: GMM(size=Size(*conditions.size_hw), width=4)),
        alias=filled(
            lambda: ALIASGenerator(width=4, upsampling=upsampling, hidden=16), noise_scale=True
        ),
        conditions=conditions,
    )


@pytest.fixture(scope="module")
def inputs(draw_person, draw_garment):
    return draw_person(1.0), draw_garment()


def prepared(chain, inputs):
    person, garment = inputs
    return chain.prepare_person(person), chain.prepare_garment(garment)


def test_each_step_is_that_of_the_published_chain(inputs):
    published, ours = TryOnChain(networks(), parity=True), TryOnChain(networks())
    noise = torch.zeros(1, 1, 256, 192)
    person, garment = prepared(published, inputs)
    mine, worn = prepared(ours, inputs)
    mine = replace(mine, mirrored=None)
    layout = published.layout(person, garment, noise=noise)
    found = ours.layout(mine, worn, noise=noise)
    # the published blur is meant for pictures four times as wide; ours keeps more detail
    assert found.maps.shape == layout.maps.shape
    parse = steps.seven_maps(layout.ids)
    warp, other = published.warp(person, garment, parse), ours.warp(mine, worn, parse)
    torch.testing.assert_close(other.theta, warp.theta, atol=1e-5, rtol=0)
    torch.testing.assert_close(other.garment, warp.garment, atol=1e-3, rtol=0)
    misalign, divided = steps.misalignment(parse, warp.mask)
    picture = published.picture(person, warp, parse, divided, misalign, seed=5)
    again = ours.picture(mine, warp, parse, divided, misalign, seed=5)
    torch.testing.assert_close(again, picture, atol=1e-3, rtol=0)


def test_a_pair_can_be_made_again(inputs):
    chain = TryOnChain(networks())
    person, garment = prepared(chain, inputs)
    first = chain(person, garment, seed=1)
    torch.testing.assert_close(chain(person, garment, seed=1).picture, first.picture)
    assert not torch.equal(chain(person, garment, seed=2).picture, first.picture)
    assert first.picture.shape == (1, 3, 256, 192) and bool(first.picture.isfinite().all())
    assert first.misalign.min() >= 0 and first.misalign.max() <= 1


def test_sizes_that_the_generator_cannot_take_are_continued(inputs):
    """192 is no multiple of 128."""
    conditions = replace(CONDITIONS, size_hw=(320, 192))
    chain = TryOnChain(networks(conditions, "most"))
    made = chain(*prepared(chain, inputs))
    assert made.picture.shape == (1, 3, 320, 192)
    assert made.layout.ids.shape == (320, 192) and made.warp.grid.shape == (1, 320, 192, 2)


def test_the_mirror_image_of_a_pair_is_dressed_as_its_mirror_image(inputs):
    """Random networks see a picture and its mirror image differently; the mean of both does not."""
    person, garment = inputs
    turned = (
        PersonInputs(
            np.ascontiguousarray(person.image[:, ::-1]),
            mirror_pose(person.pose, person.image.shape[1]),
            mirror(person.parse),
        ),
        GarmentInputs(
            np.ascontiguousarray(garment.image[:, ::-1]),
            np.ascontiguousarray(garment.mask[:, ::-1]),
        ),
    )
    made = networks()
    gmm = filled(lambda: GMM(size=Size(256, 192), width=4, refine_width=8))
    gmm.load_state_dict({**gmm.state_dict(), **made.gmm.state_dict()})
    chain, noise = TryOnChain(replace(made, gmm=gmm)), torch.zeros(1, 1, 256, 192)
    layouts, warps, single = [], [], []
    for pair in (inputs, turned):
        one, worn = prepared(chain, pair)
        layouts.append(chain.layout(one, worn, noise=noise))
        single.append(chain.layout(replace(one, mirrored=None), worn, noise=noise))
    parse = steps.seven_maps(layouts[0].ids)
    sides = [mirror_table(VITONHD7)[label] for label in range(7)]
    for pair, shown in ((inputs, parse), (turned, parse[:, sides].flip(-1))):
        warps.append(chain.warp(*prepared(chain, pair), shown))
    groups = [mirror_table(VITONHD13)[label] for label in range(13)]
    flipped = layouts[1].maps[:, groups].flip(-1)
    torch.testing.assert_close(flipped, layouts[0].maps, atol=1e-4, rtol=0)
    apart = (single[1].maps[:, groups].flip(-1) - single[0].maps).abs().max()
    assert float(apart) > 0.01, "one look is not symmetric"
    mirrored = warps[1].grid.flip(2) * torch.tensor([-1.0, 1.0])
    torch.testing.assert_close(mirrored, warps[0].grid, atol=1e-4, rtol=0)


def test_a_refiner_corrects_the_warp(inputs):
    def with_refiner(scale):
        made = networks()
        gmm = filled(lambda: GMM(size=Size(256, 192), width=4, refine_width=8))
        gmm.load_state_dict({**gmm.state_dict(), **made.gmm.state_dict()})
        for head in gmm.refiner.heads:
            head.weight.data.zero_()
            head.bias.data.fill_(scale)
        chain = TryOnChain(replace(made, gmm=gmm))
        person, garment = prepared(chain, inputs)
        return chain.warp(replace(person, mirrored=None), garment, parse)

    parse = steps.seven_maps(torch.full((256, 192), 3, dtype=torch.int64))
    spline, moved = with_refiner(0.0), with_refiner(0.5)
    # four levels, each of which adds half of a tenth
    torch.testing.assert_close(moved.grid, spline.grid + 0.2)
    assert not torch.equal(moved.garment, spline.garment)
    assert torch.equal(moved.theta, spline.theta)


def test_bfloat16_leaves_the_warp_alone(inputs):
    exact, rough = TryOnChain(networks()), TryOnChain(networks(), precision="bf16")
    parse = steps.seven_maps(torch.zeros(256, 192, dtype=torch.int64))
    thetas = [chain.warp(*prepared(chain, inputs), parse).theta for chain in (exact, rough)]
    torch.testing.assert_close(*thetas)
    made = rough(*prepared(rough, inputs))
    assert made.picture.dtype == torch.float32 and bool(made.picture.isfinite().all())


@pytest.mark.parametrize("adds_garment", [False, True])
def test_garments_lose_their_background_where_the_picture_is_made_on_them(inputs, adds_garment):
    made = networks()
    alias = ALIASGenerator(width=4, upsampling="more", hidden=16, adds_garment=adds_garment)
    chain = TryOnChain(replace(made, alias=alias.eval()))
    person, garment = prepared(chain, inputs)
    found = chain(person, garment).warp
    bent = steps.warped(garment.conditions.image, found.grid)
    wanted = bent
    if adds_garment:
        coloured = steps.own_colours(garment.conditions)
        wanted = steps.in_own_colours(coloured, found.grid, bent, found.mask)
        assert not torch.equal(wanted, bent)
    torch.testing.assert_close(found.garment, wanted)
