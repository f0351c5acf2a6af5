"""What the three networks are stored with."""

import json

import pytest

from pipelines.systems.multipose.config import (
    FAMILIES,
    GWC,
    SHS,
    TOG,
    ConditionsConfig,
    GWCConfig,
    SHSConfig,
    TOGConfig,
    config_from_json,
    config_to_json,
)

CHANGED = {
    SHS: SHSConfig(12, 2, 3, ConditionsConfig("colour", 3, 8, False)),
    GWC: GWCConfig(16, True, ConditionsConfig(heat_radius=6)),
    TOG: TOGConfig(8, 1, (1, 4), ConditionsConfig()),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_stored_values_give_the_config_again(family):
    stored = json.loads(json.dumps(config_to_json(CHANGED[family])))
    assert config_from_json(family, stored) == CHANGED[family]
    assert config_from_json(family, {}) == type(CHANGED[family])()


@pytest.mark.parametrize(
    ("family", "values"),
    [
        (SHS, {"width": 0}),
        (SHS, {"width": 2.5}),
        (SHS, {"dilations": [1]}),
        (SHS, {"conditions": {"bottom": "shoes"}}),
        (SHS, {"conditions": {"heat": 4}}),
        (SHS, {"conditions": {"garment_on_white": 1}}),
        (GWC, {"align_corners": "yes"}),
        (TOG, {"dilations": []}),
        (TOG, {"dilations": [1, 0]}),
        (TOG, {"dilations": [True, 1]}),
    ],
)
def test_values_that_cannot_be_built_are_refused(family, values):
    with pytest.raises(ValueError, match=r"wanted|known"):
        config_from_json(family, values)
