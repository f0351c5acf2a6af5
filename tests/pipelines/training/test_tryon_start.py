"""Weights to go on from: what they may lack, and what is refused."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pipelines.errors import ConfigError, InputError
from pipelines.systems.acgpn.config import ACGPNConfig
from pipelines.systems.acgpn.train_layout import G1Task, G2Task
from pipelines.systems.acgpn.train_settings import USettings
from pipelines.systems.acgpn.train_warp import UTask
from pipelines.systems.cp_vton.config import CPVTONPlusConfig
from pipelines.systems.cp_vton.train_gmm import GMMTask as CPVTONGMMTask
from pipelines.systems.multipose.config import TOGConfig
from pipelines.systems.multipose.train_tog import TOGTask
from pipelines.systems.viton.config import VITONConfig
from pipelines.systems.viton.train_tasks import RefineTask
from pipelines.systems.viton_hd.config import ALIASConfig, GMMConfig, SegConfig
from pipelines.systems.viton_hd.train_alias import ALIASTask
from pipelines.systems.viton_hd.train_gmm import GMMTask
from pipelines.systems.viton_hd.train_seg import SegTask
from pipelines.training.tryon_forcing import Helpers
from pipelines.training.tryon_task import Start

PATH = Path("somewhere/weights.safetensors")
ALIAS = ALIASConfig(
    width=16, upsampling="more", feature_channels=16, hidden=16, adds_garment=True, light_width=16
)
ADDED = [
    (G1Task, ACGPNConfig(16, coarse_width=16), "coarse_width", {"coarse", "coarse_share"}),
    (G2Task, ACGPNConfig(16, coarse_width=16), "coarse_width", {"coarse", "coarse_share"}),
    (UTask, ACGPNConfig(16, refine_width=16), "refine_width", {"refiner"}),
    (SegTask, SegConfig(16, coarse_width=16), "coarse_width", {"coarse", "coarse_share"}),
    (GMMTask, GMMConfig(16, refine_width=16), "refine_width", {"refiner"}),
    (ALIASTask, ALIAS, "light_width", {"light"}),
]
FIXED = [
    (CPVTONGMMTask, CPVTONPlusConfig(16)),
    (TOGTask, TOGConfig(16)),
    (RefineTask, VITONConfig(16)),
]


def task_of(kind, config, state=None):
    start = None if state is None else Start(PATH, state, config)
    settings = USettings() if kind is UTask else None
    return kind(config, None, settings, None, None, Helpers(), start)


def new(kind, config):
    return task_of(kind, config).new_network()


@pytest.mark.parametrize(("kind", "config", "name", "parts"), ADDED)
def test_what_a_setting_adds_is_new(kind, config, name, parts):
    state = new(kind, replace(config, **{name: 0})).state_dict()
    network = new(kind, config)
    before = {n: tensor.clone() for n, tensor in network.state_dict().items()}
    started = task_of(kind, config, state).started(network).state_dict()
    assert {n.partition(".")[0] for n in started.keys() - state.keys()} == parts
    for n, tensor in started.items():
        assert torch.equal(tensor, state.get(n, before[n])), n


@pytest.mark.parametrize(
    ("kind", "config"), [*FIXED, *((kind, config) for kind, config, *_ in ADDED)]
)
def test_whatever_else_is_missing_is_named(kind, config):
    state = new(kind, config).state_dict()
    network = new(kind, config)
    before = {n: tensor.clone() for n, tensor in network.state_dict().items()}
    lost = [n for n in state if not n.startswith(task_of(kind, config).added)][1:3]
    task = task_of(kind, config, {n: t for n, t in state.items() if n not in lost})
    with pytest.raises(ConfigError) as refused:
        task.started(network)
    assert refused.value.code == "other_network"
    names = ", ".join(lost)
    assert refused.value.message == f"{PATH}: no start for {task.family}; missing: {names}"
    assert all(torch.equal(tensor, before[n]) for n, tensor in network.state_dict().items())


def test_a_part_of_another_width_is_named():
    wide = replace(ADDED[0][1], coarse_width=24)
    task = task_of(G1Task, wide, new(G1Task, ADDED[0][1]).state_dict())
    with pytest.raises(InputError, match=r"weights\.safetensors: .* of another shape: coarse\."):
        task.started(task.new_network())
