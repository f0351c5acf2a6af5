"""The three networks: what they take and give, by the equations of their paper."""

import pytest
import torch
from golden_vectors import assert_golden, published_shapes
from golden_weights import blob, filled, smooth
from multipose_files import tiny_config
from torch import nn

from pipelines.errors import InputError
from pipelines.networks.correlation import GeometricMatcher
from pipelines.networks.spline_matcher import SplineMatcher
from pipelines.systems.multipose.config import FAMILIES, config_from_json
from pipelines.systems.multipose.networks import GWC, SHS, TOG
from pipelines.systems.multipose.weights import build_network, read_networks

SIZE = (256, 192)


def test_three_compact_networks_stay_below_40_megabytes():
    """In half precision, as weights are stored."""
    with torch.device("meta"):
        networks = [build_network(config_from_json(family, {})) for family in FAMILIES]
    numbers = sum(t.numel() for network in networks for t in network.state_dict().values())
    assert 2 * numbers < 40e6


@pytest.mark.parametrize(("bottom", "channels"), [("mask", 27), ("colour", 29), ("none", 24)])
def test_shs_sees_what_the_text_lists(bottom, channels):
    """Face, hair, shape, two legs, lower clothes, garment 3 and 18 joints."""
    network = SHS(bottom=bottom, width=4, downs=2, blocks=1).eval()
    assert network.model[0][0].in_channels == channels
    parts = torch.zeros(2, channels - 21, 32, 24), torch.zeros(2, 3, 32, 24)
    with torch.no_grad():
        assert network(*parts, torch.zeros(2, 18, 32, 24)).shape == (2, 20, 32, 24)


def test_tog_sees_segmentation_pose_garment_and_source():
    network = TOG(width=4).eval()
    assert network.model[0][0].in_channels == 20 + 18 + 3 + 3
    torch.manual_seed(3)
    parts = [torch.rand(1, n, 32, 24) for n in (20, 18, 3, 3)]
    with torch.no_grad():
        made = network(*parts)
    mask, coarse = made.raw[:, 3:].sigmoid(), made.raw[:, :3].tanh()
    # equation 8
    torch.testing.assert_close(made.picture, mask * parts[2] + (1 - mask) * coarse)
    assert made.share.shape == (1, 1, 32, 24)
    for n, part in enumerate(parts):
        with torch.no_grad():
            other = network(*parts[:n], part + 1, *parts[n + 1 :])
        assert not torch.equal(other.raw, made.raw), n


def test_the_innermost_layers_of_tog_are_dilated_and_no_others():
    network = TOG(width=4, downs=2, dilations=(1, 2, 4))
    found = [m.dilation[0] for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert found == [1, 1, 1, *(1, 1, 2, 2, 4, 4), 1, 1, 1]
    widths = [m.out_channels for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert widths == [4, 8, 16, *[16] * 6, 8, 4, 4]


def reach(dilations):
    """Columns to each side from which a network of one step down is influenced."""
    torch.manual_seed(0)
    network = TOG(width=2, downs=1, dilations=dilations).double().eval()
    # normalisation looks at the whole picture; here the layers alone are asked
    for module in network.modules():
        if isinstance(module, nn.InstanceNorm2d):
            module.forward = lambda x: x
        elif isinstance(module, nn.ReLU):
            module.forward = lambda x: x
    parts = [torch.zeros(1, n, 8, 192, dtype=torch.float64) for n in (20, 18, 3, 3)]
    with torch.no_grad():
        before = network(*parts).raw
        parts[3][..., 96] = 1
        changed = (network(*parts).raw - before).abs().sum((0, 1, 2)).nonzero().flatten()
    return int(changed.max()) - 96


def test_dilation_widens_what_a_network_sees():
    plain, wide = reach((1, 1)), reach((1, 8))
    # each of the two convolutions of the second block reaches 7 cells of two pixels further
    assert wide - plain == 2 * 7 * 2


def test_another_size_is_refused():
    network = SHS(width=2, downs=3, blocks=1)
    parts = (torch.zeros(1, n, 36, 24) for n in (6, 3, 18))
    with pytest.raises(ValueError, match="multiples of 8"):
        network(*parts)


def test_gwc_is_the_published_module_on_other_inputs():
    """With CP-VTON+'s channels and width the shared base has its names, shapes and numbers."""
    with torch.device("meta"):
        network = SplineMatcher(22, 1, width=64)
        assert {k: tuple(t.shape) for k, t in network.state_dict().items()} == published_shapes(
            "cpvtonplus_gmm"
        )
    network = filled(lambda: SplineMatcher(22, 1, width=64))
    theta, grid = network(
        smooth("cpvtonplus.agnostic", 1, 22, *SIZE), blob("cpvtonplus.cloth_mask", 1, 1, *SIZE)
    )
    assert_golden("cpvtonplus_gmm", theta=theta, grid=grid)
    ours = GWC(width=4)
    assert isinstance(ours, GeometricMatcher)
    first = [ours.extractionA.model[0].in_channels, ours.extractionB.model[0].in_channels]
    assert first == [18 + 1, 1]


def test_files_that_were_not_trained_together_are_refused(tmp_path):
    from multipose_files import write_files

    one, other = write_files(tmp_path / "a"), write_files(tmp_path / "b", heat_radius=6)
    assert read_networks(one).conditions.heat_radius == 4
    with pytest.raises(InputError, match="trained with inputs other than") as error:
        read_networks({**one, FAMILIES[2]: other[FAMILIES[2]]})
    assert error.value.code == "wrong_weights"
    assert tiny_config(FAMILIES[0], bottom="colour").conditions.bottom == "colour"
