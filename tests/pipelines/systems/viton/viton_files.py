"""Files of tiny networks with random weights."""

import torch

from pipelines.systems.viton.config import (
    COARSE,
    COARSE_FAMILIES,
    FAMILIES,
    config_from_json,
    config_to_json,
)
from pipelines.systems.viton.weights import build_network
from pipelines.training.export import write_weights


def write_files(folder, families=FAMILIES, seed=0, **options):
    """Family -> file of a tiny network with random weights, whose mask has the garment anywhere."""
    torch.manual_seed(seed)
    folder.mkdir(exist_ok=True)
    files = {}
    for family in families:
        config = config_from_json({"width": 4, **options})
        network = build_network(family, config)
        if family == COARSE:
            with torch.no_grad():
                # what comes in is never negative
                network.decoder[-1][1].weight[:, 0].abs_().mul_(100)
        about = {
            "family": family, "tier": "research", "config": config_to_json(config), "figures": {},
        }  # fmt: skip
        files[family] = write_weights(folder / f"{family}.safetensors", network, about)
    return files


def write_coarse_files(folder, **options):
    """The same of the first network alone."""
    return write_files(folder, COARSE_FAMILIES, **options)
