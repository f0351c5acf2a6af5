"""The fast ALIAS generator is the same function as the published one."""

import pytest
import torch
from golden_vectors import assert_golden
from golden_weights import alias_inputs, blob, divided, filled, regions, soft, uniform

from pipelines.networks.alias import ALIASNorm, seeded_noise
from pipelines.systems.viton_hd.chain_alias import FastALIAS
from pipelines.systems.viton_hd.chain_layout_map import LayoutMap, LookupModulation
from pipelines.systems.viton_hd.networks import ALIASGenerator


def fast(network, inputs, seed=0, dtype=torch.float32):
    runner = FastALIAS(network, dtype)
    noise = seeded_noise(torch.Generator().manual_seed(seed))
    x = inputs["x"]
    with torch.inference_mode():
        entering = runner.prepare(x[:, :6])
        maps = (inputs[name] for name in ("seg", "seg_div", "misalign"))
        return runner(entering, x[:, 6:], *maps, noise)


def test_the_picture_is_the_published_one():
    inputs = alias_inputs(256, 256, blob)
    assert_golden("vitonhd_alias_256x256", out=fast(filled(ALIASGenerator), inputs))


@pytest.mark.parametrize(
    ("upsampling", "size", "mask"),
    [("most", (256, 128), soft), ("more", (128, 192), soft), ("normal", (64, 96), blob)],
)
def test_it_equals_the_network_with_its_noise(upsampling, size, mask):
    make = lambda: ALIASGenerator(width=8, upsampling=upsampling, hidden=24)  # noqa: E731 - one expression
    network = filled(make, noise_scale=True)
    inputs = alias_inputs(*size, mask)
    noise = seeded_noise(torch.Generator().manual_seed(3))
    wanted = network(**inputs, noise=noise)
    torch.testing.assert_close(fast(network, inputs, 3), wanted, atol=2e-4, rtol=0)
    other = fast(network, inputs, 4)
    assert float((other - wanted).abs().max()) > 0.01


def test_it_equals_a_network_that_adds_the_garment():
    network = filled(
        lambda: ALIASGenerator(width=8, upsampling="more", hidden=24, adds_garment=True)
    )
    inputs = alias_inputs(128, 64, soft)
    torch.testing.assert_close(fast(network, inputs), network(**inputs), atol=2e-4, rtol=0)


def test_it_equals_a_network_with_a_light_of_its_own():
    torch.manual_seed(0)
    network = ALIASGenerator(
        width=8, upsampling="more", hidden=24, adds_garment=True, light_width=8
    ).eval()
    for head in network.light.heads:
        torch.nn.init.normal_(head.weight)
    network.light.share.data.fill_(0.3)
    inputs = alias_inputs(128, 64, soft)
    found = fast(network, inputs)
    torch.testing.assert_close(found, network(**inputs), atol=2e-4, rtol=0)
    network.light.share.data.zero_()
    assert not torch.allclose(found, network(**inputs), atol=1e-2)


def test_bfloat16_is_near():
    network = filled(lambda: ALIASGenerator(width=8, upsampling="more", hidden=24))
    inputs = alias_inputs(128, 64, soft)
    gap = (fast(network, inputs, dtype=torch.bfloat16) - network(**inputs)).abs()
    assert float(gap.mean()) < 0.05


@pytest.mark.parametrize("layout", ["outlines", "one label", "all mixed", "soft"])
def test_looked_up_scale_and_shift_are_the_computed_ones(layout):
    norm = filled(lambda: ALIASNorm(16, 8, masked=True, hidden=24))
    seg = regions("lookup.seg", 1, 7, 40, 32)
    if layout == "one label":
        seg = torch.zeros(1, 7, 40, 32)
        seg[:, 4] = 1
    elif layout == "all mixed":
        seg = torch.eye(7)[torch.arange(40 * 32) % 7].T.reshape(1, 7, 40, 32)
    misalign = soft("lookup.misalign", 1, 1, 40, 32) * (layout == "soft")
    seg_div, _ = divided(seg, misalign)
    x = uniform("lookup.x", 1, 16, 40, 32)
    pixels = x.permute(0, 2, 3, 1).reshape(-1, 16)
    maps = LayoutMap.of(seg_div)
    scale, shift = torch.full((1, 16), 1.5), torch.full((1, 16), -0.25)
    found = LookupModulation(norm, torch.float32).modulate(pixels, maps, scale, shift)
    hidden = norm.conv_shared(seg_div)
    wanted = (x * 1.5 - 0.25) * (1 + norm.conv_gamma(hidden)) + norm.conv_beta(hidden)
    torch.testing.assert_close(
        found.view(1, 40, 32, 16).permute(0, 3, 1, 2), wanted, atol=1e-4, rtol=1e-5
    )
    if layout == "one label":
        rim = 40 * 32 - 36 * 28
        assert len(maps.mixed.unique()) == rim


def test_few_lengths_occur_whatever_the_layouts():
    """What matrix products prepare for each size must not grow with every pair of a run."""
    lengths = set()
    for k in range(40):
        seg = regions(f"lengths.{k}", 1, 7, 64, 48)
        maps = LayoutMap.of(divided(seg, torch.zeros(1, 1, 64, 48))[0])
        lengths |= {len(maps.mixed), len(maps.patches)}
    assert len(lengths) <= 12
