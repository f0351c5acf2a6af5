"""Published networks are told apart by the names and shapes in their checkpoints."""

import pytest
from golden_vectors import published_shapes

from pipelines.checkpoint_families import known_networks, recognise

FAMILIES = {
    "vitonhd_seg": "viton-hd.seg",
    "vitonhd_gmm": "viton-hd.gmm",
    "vitonhd_alias": "viton-hd.alias",
    "acgpn_G1": "acgpn.g1",
    "acgpn_G2": "acgpn.g2",
    "acgpn_U": "acgpn.u",
    "acgpn_G": "acgpn.g",
    "acgpn_D1": "acgpn.d1",
    "acgpn_D2": "acgpn.d2",
    "acgpn_D": "acgpn.d",
    "acgpn_D3": "acgpn.d3",
    "cpvton_gmm": "cp-vton.gmm",
    "cpvton_tom": "cp-vton.tom",
    "cpvtonplus_gmm": "cp-vton-plus.gmm",
    "cpvtonplus_tom": "cp-vton-plus.tom",
}


IMPORTABLE = {"viton-hd.seg", "viton-hd.gmm", "viton-hd.alias"}
IMPORTABLE |= {"acgpn.g1", "acgpn.g2", "acgpn.u", "acgpn.g"}
IMPORTABLE |= {"cp-vton.gmm", "cp-vton.tom", "cp-vton-plus.gmm", "cp-vton-plus.tom"}


@pytest.mark.parametrize(("network", "family"), FAMILIES.items())
def test_each_published_network_is_known(network, family):
    found = recognise(published_shapes(network))
    assert found.family == family
    assert found.importable == (family in IMPORTABLE)


def test_others_are_not():
    assert recognise({}) is None
    assert recognise({"conv1.weight": (64, 3, 7, 7), "fc.weight": (1000, 512)}) is None
    shapes = published_shapes("vitonhd_seg")
    assert recognise({**shapes, "conv1.0.weight": (64, 22, 3, 3)}) is None
    assert recognise({**shapes, "conv1.0.weight": (64,)}) is None


def test_what_can_be_imported_is_named():
    named = " ".join(known_networks())
    assert len(known_networks()) == len(IMPORTABLE)
    assert named.count("VITON-HD's") == 3 and named.count("ACGPN's") == 4
    assert named.count("CP-VTON's") == 2 and named.count("CP-VTON+'s") == 2
