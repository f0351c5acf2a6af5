"""Configs of CP-VTON's networks, and files that belong together."""

import pytest
from cp_vton_files import write_files, write_plus_files

from pipelines import registry
from pipelines.errors import InputError
from pipelines.systems.cp_vton.config import (
    FAMILIES,
    PLUS_FAMILIES,
    PLUS_GMM,
    PLUS_TOM,
    TOM,
    CPVTONConfig,
    CPVTONPlusConfig,
    config_from_json,
    config_to_json,
)
from pipelines.systems.cp_vton.weights import read_network


def test_files_whose_inputs_differ_are_refused(tmp_path):
    files = write_files(tmp_path / "ours")
    other = write_files(tmp_path / "theirs", neck="kept")
    with pytest.raises(InputError, match="neck = kept"):
        registry.tryon_system("cp-vton", {"weights": {**files, TOM: other[TOM]}})


def test_files_of_the_other_generation_are_refused(tmp_path):
    files, plus = write_files(tmp_path / "a"), write_plus_files(tmp_path / "b")
    mixed = {PLUS_GMM: plus[PLUS_GMM], PLUS_TOM: files[TOM]}
    with pytest.raises(InputError, match=r"no weights of cp-vton-plus\.tom"):
        registry.tryon_system("cp-vton-plus", {"weights": mixed})


def test_a_file_tells_how_its_network_samples(tmp_path):
    for aligned in (True, False):
        path = write_plus_files(tmp_path, align_corners=aligned)[PLUS_GMM]
        network, config = read_network(path, PLUS_GMM)
        assert network.align_corners == config.align_corners == aligned
        assert not network.training and not any(p.requires_grad for p in network.parameters())


def test_configs_come_back_and_others_are_refused():
    config = CPVTONConfig(width=20, align_corners=False, neck="kept")
    for families, published in (
        (FAMILIES, CPVTONConfig(64, True, "background")),
        (PLUS_FAMILIES, CPVTONPlusConfig(64, True, "body")),
    ):
        for family in families:
            assert config_from_json(family, {}) == published
            again = config_from_json(family, config_to_json(config))
            assert (again.width, again.align_corners, again.neck) == (20, False, "kept")
            assert again.plus == (families is PLUS_FAMILIES)
    for values, said in (
        ({"depth": 3}, "depth"), ({"width": 0}, "width"), ({"width": True}, "width"),
        ({"align_corners": 1}, "align_corners"), ({"neck": "long"}, "long"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            config_from_json(TOM, values)
