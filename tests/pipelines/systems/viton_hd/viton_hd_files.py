"""Files of tiny networks with random weights."""

import torch

from pipelines.systems.viton_hd.config import (
    ALIAS,
    GMM,
    SEG,
    ALIASConfig,
    ConditionsConfig,
    GMMConfig,
    SegConfig,
    config_to_json,
)
from pipelines.systems.viton_hd.weights import build_network
from pipelines.training.export import write_weights

CONDITIONS = ConditionsConfig(size_hw=(256, 192), pose_points="body")


def tiny_configs(conditions=CONDITIONS):
    return {
        SEG: SegConfig(width=4, conditions=conditions),
        GMM: GMMConfig(width=4, conditions=conditions),
        ALIAS: ALIASConfig(width=4, upsampling="more", hidden=16, conditions=conditions),
    }


def write_files(folder, configs=None, tier="research", seed=0):
    """Family -> file."""
    torch.manual_seed(seed)
    folder.mkdir(exist_ok=True)
    files = {}
    for family, config in (configs or tiny_configs()).items():
        about = {"family": family, "tier": tier, "config": config_to_json(config), "figures": {}}
        path = folder / f"{family}.safetensors"
        files[family] = write_weights(path, build_network(config), about)
    return files
