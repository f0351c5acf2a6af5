"""Configs of ACGPN's networks, and files that belong together."""

import pytest
from acgpn_files import write_files

from pipelines import registry
from pipelines.errors import InputError
from pipelines.systems.acgpn.config import ACGPNConfig, G, config_from_json, config_to_json


def test_files_whose_inputs_differ_are_refused(tmp_path):
    files = write_files(tmp_path / "ours")
    other = write_files(tmp_path / "theirs", ACGPNConfig(width=4, spline_width=4))
    with pytest.raises(InputError, match="neck = garment"):
        registry.tryon_system("acgpn", {"weights": {**files, G: other[G]}})


def test_configs_come_back_and_others_are_refused():
    config = ACGPNConfig(20, spline_width=6, coarse_width=16, refine_width=8, adds_garment=True)
    assert config_from_json(config_to_json(config)) == config
    assert config_from_json({}) == ACGPNConfig(64, 8, 0, 0, False, "garment")
    assert config_from_json({"width": 0, "coarse_width": 8}).width == 0
    for values, said in (
        ({"depth": 3}, "depth"), ({"width": 0}, "width"), ({"width": True}, "width"),
        ({"spline_width": "8"}, "spline_width"), ({"neck": "long"}, "long"),
        ({"coarse_width": 12}, "multiple of 8"), ({"refine_width": -8}, "multiple of 8"),
        ({"adds_garment": 1}, "true or false"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            config_from_json(values)
