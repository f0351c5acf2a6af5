"""Files of tiny networks with random weights."""

import torch

from pipelines.systems.cp_vton.config import (
    FAMILIES,
    PLUS_FAMILIES,
    config_from_json,
    config_to_json,
)
from pipelines.systems.cp_vton.weights import build_network
from pipelines.training.export import write_weights


def write_files(folder, families=FAMILIES, seed=0, **options):
    """Family -> file of a tiny network with random weights."""
    torch.manual_seed(seed)
    folder.mkdir(exist_ok=True)
    files = {}
    for family in families:
        config = config_from_json(family, {"width": 4, **options})
        about = {
            "family": family, "tier": "research", "config": config_to_json(config), "figures": {},
        }  # fmt: skip
        path = folder / f"{family}.safetensors"
        files[family] = write_weights(path, build_network(family, config), about)
    return files


def write_plus_files(folder, **options):
    """The same of CP-VTON+."""
    return write_files(folder, PLUS_FAMILIES, **options)
