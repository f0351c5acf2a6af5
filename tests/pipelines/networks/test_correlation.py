"""Matching of garment and person: the published numbers, and cells counted one by one."""

import pytest
import torch
from golden_vectors import assert_golden
from golden_weights import filled, smooth, uniform

from pipelines.networks.correlation import (
    FeatureRegression,
    GeometricMatcher,
    correlation,
    normalised,
)
from pipelines.networks.tps_grid import CP_VTON, TpsGrid
from pipelines.types import Size


def test_cells_of_the_person_are_counted_column_by_column():
    person, garment = uniform("person", 2, 5, 4, 3), uniform("garment", 2, 5, 4, 3)
    volume = correlation(person, garment)
    assert volume.shape == (2, 12, 4, 3)
    for x in range(3):
        for y in range(4):
            likeness = (person[:, :, y, x, None, None] * garment).sum(1)
            torch.testing.assert_close(volume[:, x * 4 + y], likeness)


@pytest.mark.parametrize("epsilon", [0.0, 1e-6])
def test_features_get_unit_length(epsilon):
    features = uniform("features", 1, 6, 3, 2)
    features[:, :, 0, 0] = 0
    made = normalised(features, epsilon)
    assert made.isfinite().all() and not made[:, :, 0, 0].any()
    lengths = made.square().sum(1).sqrt()
    torch.testing.assert_close(lengths[:, 1:], torch.ones(1, 2, 2), atol=1e-5, rtol=0)


def test_the_matcher_of_cp_vton_gives_the_published_numbers():
    person = smooth("cpvton.agnostic", 1, 22, 256, 192)
    cloth = smooth("cpvton.cloth", 1, 3, 256, 192)
    theta = filled(lambda: GeometricMatcher(22, 3, epsilon=1e-6)).theta(person, cloth)
    assert_golden("cpvton_gmm", theta=theta, grid=TpsGrid(Size(256, 192), CP_VTON)(theta))


def test_garments_are_prepared_once():
    matcher = GeometricMatcher(7, 3, width=4).eval()
    person, cloth = uniform("a", 2, 7, 256, 192), uniform("b", 1, 3, 256, 192)
    features = matcher.garment_features(cloth)
    torch.testing.assert_close(
        matcher.matched(person, features.expand(2, -1, -1, -1)),
        matcher.theta(person, cloth.expand(2, -1, -1, -1)),
    )


def test_the_volume_has_one_channel_for_each_cell():
    assert FeatureRegression().conv[0].in_channels == 16 * 12


def test_other_sizes_are_refused():
    matcher = GeometricMatcher(7, 3, width=4)
    with pytest.raises(ValueError, match="256x192, got 512x384"):
        matcher.theta(torch.zeros(1, 7, 512, 384), torch.zeros(1, 3, 512, 384))


def test_the_warp_is_regressed_in_float32_from_rounded_features():
    matcher = GeometricMatcher(3, 2, width=4).eval()
    person, garment = torch.rand(2, 3, 256, 192), torch.rand(2, 2, 256, 192)
    with torch.no_grad():
        exact = matcher.theta(person, garment)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert matcher.garment_features(garment).dtype == torch.bfloat16
            theta = matcher.theta(person, garment)
    assert theta.dtype == torch.float32
    torch.testing.assert_close(theta, exact, atol=0.02, rtol=0.05)
