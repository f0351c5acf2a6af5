"""Configs as they are stored with weights."""

import json
from dataclasses import replace

import pytest
from viton_hd_files import CONDITIONS, tiny_configs, write_files

from pipelines import registry
from pipelines.errors import InputError
from pipelines.systems.viton_hd.config import (
    ALIAS,
    FAMILIES,
    GMM,
    SEG,
    ALIASConfig,
    ConditionsConfig,
    GMMConfig,
    SegConfig,
    config_from_json,
    config_to_json,
)

CONFIGS = (
    SegConfig(width=24, conditions=ConditionsConfig((256, 192), "v3.2", "body")),
    SegConfig(width=24, coarse_width=8),
    GMMConfig(width=16),
    GMMConfig(width=16, refine_width=8),
    ALIASConfig(width=20, upsampling="more", feature_channels=8, hidden=48, adds_garment=True),
    ALIASConfig(width=16, adds_garment=True, light_width=8),
)


@pytest.mark.parametrize("config", CONFIGS)
def test_a_config_survives_its_file(config):
    stored = json.loads(json.dumps(config_to_json(config)))
    assert config_from_json(config.family, stored) == config


def test_what_is_not_stored_is_as_published():
    for family, kind in zip(FAMILIES, (SegConfig, GMMConfig, ALIASConfig), strict=True):
        assert config_from_json(family, {}) == kind()
    assert SegConfig().conditions.size_hw == (1024, 768)
    assert ALIASConfig().multiple == 128


@pytest.mark.parametrize(
    ("family", "values", "said"),
    [
        (SEG, {"depth": 3}, "depth"),
        (GMM, {"width": 0}, "width"),
        (GMM, {"width": "64"}, "width"),
        (ALIAS, {"width": True}, "width"),
        (ALIAS, {"adds_garment": 1}, "true or false"),
        (ALIAS, {"upsampling": "huge"}, "huge"),
        (SEG, {"conditions": {"size_hw": [250, 192]}}, "multiples of 64"),
        (SEG, {"conditions": {"agnostic": "v9"}}, "v9"),
        (SEG, {"conditions": {"pose_points": "few"}}, "few"),
        (SEG, {"conditions": {"colour": 1}}, "colour"),
    ],
)
def test_what_cannot_be_built_is_refused(family, values, said):
    with pytest.raises(ValueError, match=said):
        config_from_json(family, values)


def test_files_whose_inputs_differ_are_refused(tmp_path):
    files = write_files(tmp_path / "ours")
    other = tiny_configs(replace(CONDITIONS, agnostic="v3.2"))
    mixed = {**files, GMM: write_files(tmp_path / "theirs", other)[GMM]}
    with pytest.raises(InputError, match="v3.2"):
        registry.tryon_system("viton-hd", {"weights": mixed})
