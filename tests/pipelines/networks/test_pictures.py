"""Pictures on their way into networks, against torchvision and SciPy."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torchvision.transforms.functional import gaussian_blur

from pipelines.networks.pictures import blurred


@pytest.mark.parametrize(("side", "sigma"), [(1, 0.5), (5, 0.75), (13, 2.0), (15, 3.0)])
def test_a_blur_that_mirrors_at_the_border_is_torchvisions(side, sigma):
    maps = torch.randn(2, 3, 24, 20, generator=torch.Generator().manual_seed(0))
    wanted = gaussian_blur(maps, [side, side], [sigma, sigma])
    torch.testing.assert_close(blurred(maps, side, sigma, border="reflect"), wanted)


def test_a_blur_sees_zeros_beyond_the_border():
    values = np.random.default_rng(0).random((3, 30, 22)).astype(np.float32)
    # SciPy's window ends at truncate * sigma, here 6 pixels
    wanted = [gaussian_filter(v, 2.0, mode="constant", truncate=3.0) for v in values]
    found = blurred(torch.from_numpy(values)[None], 13, 2.0)[0]
    np.testing.assert_allclose(found, np.stack(wanted), atol=1e-6)
