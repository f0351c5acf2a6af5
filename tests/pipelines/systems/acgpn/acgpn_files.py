"""Files of tiny networks with random weights."""

import torch

from pipelines.systems.acgpn.config import FAMILIES, ACGPNConfig, config_to_json
from pipelines.systems.acgpn.weights import build_network
from pipelines.training.export import write_weights


def write_files(folder, config=None, seed=0):
    """Family -> file of a tiny network with random weights."""
    config = config or ACGPNConfig(width=4, spline_width=4, neck="skin")
    torch.manual_seed(seed)
    folder.mkdir(exist_ok=True)
    files = {}
    for family in FAMILIES:
        about = {
            "family": family, "tier": "research", "config": config_to_json(config), "figures": {},
        }  # fmt: skip
        path = folder / f"{family}.safetensors"
        files[family] = write_weights(path, build_network(family, config), about)
    return files
