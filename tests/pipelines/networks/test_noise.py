"""The noise channel: binary, so dense as the published one, and the same for a seed."""

import pytest
import torch

from pipelines.networks.noise import NOISE_SHARE, binary_noise, drawn_noise
from pipelines.types import Size

SIZE = Size(256, 192)


def test_noise_is_binary_and_follows_from_the_seed():
    noise = binary_noise(7, SIZE)
    assert noise.shape == (1, 1, 256, 192) and noise.dtype == torch.float32
    assert set(noise.unique().tolist()) == {0.0, 1.0}
    # a normal number of deviation 255 saturates at 255 with this probability
    saturated = 1 - torch.special.ndtr(torch.tensor(1.0)).item()
    assert pytest.approx(saturated, abs=1e-3) == NOISE_SHARE
    assert float(noise.mean()) == pytest.approx(saturated, abs=0.006)
    assert torch.equal(noise, binary_noise(7, SIZE))
    assert not torch.equal(noise, binary_noise(8, SIZE))


def test_noise_of_a_generator():
    noise = drawn_noise(3, SIZE, torch.Generator().manual_seed(1))
    assert noise.shape == (3, 1, 256, 192)
    assert set(noise.unique().tolist()) == {0.0, 1.0}
    assert float(noise.mean()) == pytest.approx(NOISE_SHARE, abs=0.004)
    assert torch.equal(noise, drawn_noise(3, SIZE, torch.Generator().manual_seed(1)))
    assert not torch.equal(noise[0], noise[1])
