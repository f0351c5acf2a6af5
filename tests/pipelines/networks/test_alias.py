"""Normalisation by the layout: the published numbers, regions, and noise that can be repeated."""

import pytest
import torch
from golden_vectors import assert_golden, stored
from golden_weights import blob, divided, filled, regions, soft, uniform

from pipelines.networks.alias import ALIASNorm, ALIASResBlock, MaskNorm, given_noise, seeded_noise


def test_two_regions_are_normalised_as_published():
    x, mask = uniform("masknorm.x", 2, 8, 24, 18), blob("masknorm.mask", 2, 1, 24, 18)
    masks = {
        "binary": mask,
        "soft": soft("masknorm.soft", 2, 1, 24, 18),
        "empty": torch.zeros_like(mask),
        "full": torch.ones_like(mask),
    }
    assert_golden("masknorm", **{name: MaskNorm()(x, m) for name, m in masks.items()})


def test_each_region_has_mean_zero_and_deviation_one():
    x, mask = uniform("x", 1, 3, 40, 30) * 4 + 2, torch.zeros(1, 1, 40, 30)
    mask[..., :10] = 1
    x = x + 50 * mask
    for region in MaskNorm()(x, mask).split((10, 20), 3):
        torch.testing.assert_close(region.mean((2, 3)), torch.zeros(1, 3), atol=1e-4, rtol=0)
        torch.testing.assert_close(
            region.var((2, 3), correction=0), torch.ones(1, 3), atol=1e-3, rtol=0
        )


def masked_inputs():
    seg, misalign = divided(
        regions("aliasblock.seg", 2, 7, 64, 48), soft("aliasblock.misalign", 2, 1, 64, 48)
    )
    return uniform("aliasblock.x", 2, 48, 32, 24), seg, misalign


def masked_block():
    return ALIASResBlock(48, 32, 8, masked=True)


def test_a_masked_block_is_the_published_one():
    assert_golden("aliasblock_mask", out=filled(masked_block)(*masked_inputs()))


def test_a_masked_block_takes_noise_as_published():
    arrays = stored("aliasblock_mask")
    fields = [torch.from_numpy(arrays[f"noise_{number}"]) for number in range(3)]
    block = filled(masked_block, noise_scale=True)
    assert_golden("aliasblock_mask", out_with_noise=block(*masked_inputs(), given_noise(fields)))


def test_a_plain_block_is_the_published_one():
    x, seg = uniform("aliasblock.plain.x", 2, 32, 32, 24), regions("aliasblock.seg", 2, 7, 64, 48)
    block = filled(lambda: ALIASResBlock(32, 32, 7, masked=False))
    assert_golden("aliasblock_plain", out=block(x, seg))


def test_noise_is_repeated_by_its_seeds_and_does_not_depend_on_the_batch():
    block = filled(masked_block, noise_scale=True)
    x, seg, misalign = masked_inputs()

    def run(rows, seeds):
        noise = seeded_noise(*(torch.Generator().manual_seed(seed) for seed in seeds))
        return block(x[rows], seg[rows], misalign[rows], noise)

    both = run(slice(0, 2), (3, 4))
    assert torch.equal(both, run(slice(0, 2), (3, 4)))
    torch.testing.assert_close(both[1:], run(slice(1, 2), (4,)), atol=1e-5, rtol=0)
    assert (both - run(slice(0, 2), (5, 6))).abs().max() > 0.01


def test_without_given_noise_it_is_drawn_as_published():
    block = filled(masked_block, noise_scale=True)
    assert not torch.equal(block(*masked_inputs()), block(*masked_inputs()))


def test_noise_without_effect_is_not_drawn():
    def drawn(*shape):
        raise AssertionError("drawn")

    norm = ALIASNorm(4, 7, masked=False, hidden=8).eval()
    norm(uniform("x", 1, 4, 8, 8), regions("seg", 1, 7, 8, 8), noise=drawn)
    with pytest.raises(AssertionError, match="drawn"):
        norm.train()(uniform("x", 1, 4, 8, 8), regions("seg", 1, 7, 8, 8), noise=drawn)


def test_noise_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"wanted \(1, 4, 8, 1\)"):
        given_noise([torch.zeros(1, 8, 4, 1)])(1, 8, 4)


def test_scales_of_noise_are_learned():
    norm = ALIASNorm(4, 7, masked=True, hidden=8)
    made = norm(uniform("x", 1, 4, 8, 8), regions("seg", 1, 7, 8, 8), blob("m", 1, 1, 8, 8))
    (made**2).sum().backward()
    assert norm.noise_scale.grad.abs().sum() > 0


def test_half_precision_is_kept_between_convolutions():
    norm = ALIASNorm(6, 3, masked=False, hidden=8).eval()
    x, seg = torch.rand(2, 6, 12, 8), torch.rand(2, 3, 12, 8)
    with torch.no_grad():
        exact = norm(x, seg)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded = norm(x, seg)
    assert rounded.dtype == torch.bfloat16 and exact.dtype == torch.float32
    torch.testing.assert_close(rounded.float(), exact, atol=0.05, rtol=0.05)
