"""The three networks one after another."""

import pytest
import torch
from multipose_files import write_files

from pipelines.systems.multipose.chain import TryOnChain
from pipelines.systems.multipose.weights import read_networks
from pipelines.types import Size


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    return read_networks(write_files(tmp_path_factory.mktemp("weights")))


def test_bf16_is_near_and_leaves_the_warp_alone(networks, draw_person, draw_garment):
    shown, worn = draw_person(1), draw_garment((200, 60, 50))
    made = {}
    for precision in ("fp32", "bf16"):
        chain = TryOnChain(networks, precision=precision)
        person, garment = chain.prepare_person(shown), chain.prepare_garment(worn)
        pose = chain.prepare_pose(shown.pose, Size(*shown.image.shape[:2]))
        # a segmentation that both have, else it is another garment that is bent
        torch.manual_seed(0)
        segmentation = torch.rand(1, 20, 256, 192).softmax(1)
        made[precision] = chain.warp(segmentation, garment, pose), chain(person, garment, pose)
    exact, rough = made["fp32"], made["bf16"]
    torch.testing.assert_close(exact[0].grid, rough[0].grid)
    assert rough[1].picture.dtype == torch.float32
    assert 0 < (exact[1].picture - rough[1].picture).abs().mean() < 0.1
