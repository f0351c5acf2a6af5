"""Files of tiny networks with random weights."""

import torch

from pipelines.systems.multipose.config import (
    FAMILIES,
    GWC,
    SHS,
    TOG,
    config_from_json,
    config_to_json,
)
from pipelines.systems.multipose.weights import build_network
from pipelines.training.export import write_weights

TINY = {
    SHS: {"width": 4, "downs": 2, "blocks": 1},
    GWC: {"width": 4},
    TOG: {"width": 4, "downs": 2, "dilations": [1, 2]},
}


def tiny_config(family, **conditions):
    return config_from_json(family, {**TINY[family], "conditions": conditions})


def write_files(folder, seed=0, **conditions):
    """Family -> file of a tiny network with random weights."""
    torch.manual_seed(seed)
    folder.mkdir(exist_ok=True)
    files = {}
    for family in FAMILIES:
        config = tiny_config(family, **conditions)
        about = {
            "family": family, "tier": "research", "config": config_to_json(config), "figures": {},
        }  # fmt: skip
        network = build_network(config)
        if family == SHS:
            # else hardly any of a picture would be background
            torch.nn.init.constant_(network.model[-1].bias[:1], 1.0)
        path = folder / f"{family}.safetensors"
        files[family] = write_weights(path, network, about)
    return files
