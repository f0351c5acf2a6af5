"""The small U-Net that answers coarse to fine."""

import pytest
import torch

from pipelines.networks.pyramid import Pyramid


def test_a_new_one_answers_0_at_half_the_size():
    answer = Pyramid(3, 5, width=16)(torch.randn(2, 3, 128, 96))
    assert answer.shape == (2, 5, 64, 48) and answer.dtype == torch.float32
    assert not answer.any()


def test_every_level_has_a_say():
    """What the heads add, enlarged one level at a time."""
    torch.manual_seed(0)
    network = Pyramid(3, 2, width=8).eval()
    x = torch.randn(1, 3, 64, 64)
    for k, head in enumerate(network.heads):
        head.bias.data.fill_(10.0**k)
    torch.testing.assert_close(network(x), torch.full((1, 2, 32, 32), 1111.0))


def test_sizes_that_halve_unevenly_are_taken():
    assert Pyramid(1, 1, width=8)(torch.zeros(1, 1, 70, 54)).shape == (1, 1, 35, 27)


def test_a_place_is_learnt():
    """Where the input has its spot, a sixteenth of the picture."""
    torch.manual_seed(0)
    network = Pyramid(1, 1, width=16)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(100):
        x = torch.zeros(8, 1, 32, 32)
        for one in x:
            row, column = torch.randint(4, 28, (2,))
            one[0, row - 4 : row + 4, column - 4 : column + 4] = 1
        wanted = torch.nn.functional.avg_pool2d(x, 2)
        loss = (network(x) - wanted).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.02, "0.059 for the best constant"


def test_widths_that_cannot_be_normalised_are_refused():
    with pytest.raises(ValueError, match="wanted a multiple of 8"):
        Pyramid(3, 2, width=20)
