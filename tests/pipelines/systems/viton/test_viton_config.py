"""Configs of VITON's networks, and files that belong together."""

import pytest
from viton_files import write_files

from pipelines import registry
from pipelines.errors import InputError
from pipelines.registry import SYSTEMS
from pipelines.system_choice import choose_system
from pipelines.systems.viton.config import (
    COARSE,
    FAMILIES,
    REFINE,
    VITONConfig,
    config_from_json,
    config_to_json,
)
from pipelines.systems.viton.weights import read_network


def test_files_whose_inputs_differ_are_refused(tmp_path):
    files = write_files(tmp_path / "ours")
    other = write_files(tmp_path / "theirs", neck="kept")
    with pytest.raises(InputError, match="neck = kept"):
        registry.tryon_system("viton", {"weights": {**files, REFINE: other[REFINE]}})


def test_a_file_tells_its_network(tmp_path):
    files = write_files(tmp_path, decay=0.99)
    for family in FAMILIES:
        network, config = read_network(files[family], family)
        assert config == VITONConfig(4, 0.99)
        assert not network.training and not any(p.requires_grad for p in network.parameters())
    network, _ = read_network(files[COARSE], COARSE)
    assert network.encoder[1][2].momentum == pytest.approx(0.01)


def test_configs_come_back_and_others_are_refused():
    assert config_from_json({}) == VITONConfig(64, 0.999, "background")
    config = VITONConfig(width=20, decay=0.9, neck="kept")
    assert config_from_json(config_to_json(config)) == config
    for values, said in (
        ({"depth": 3}, "depth"), ({"width": 0}, "width"), ({"width": True}, "width"),
        ({"decay": 1.0}, "decay"), ({"decay": "0.9"}, "decay"), ({"neck": "long"}, "long"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            config_from_json(values)


def test_the_compared_approaches_need_the_first_network_alone(shelf):
    shelf.add("coarse", family=COARSE)
    for name in ("viton-encoder-decoder", "viton-warped"):
        assert SYSTEMS[name][0].weights == (COARSE,)
        assert choose_system(name).weights[COARSE].name == "coarse"
    shelf.add("refine", family=REFINE)
    # the whole system is the better one
    assert choose_system().name == "viton"
    assert choose_system(weights=["coarse"]).name == "viton"
