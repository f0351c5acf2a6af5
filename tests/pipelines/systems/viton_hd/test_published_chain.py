"""The published chain on real pairs, stage by stage, each fed with the published result before it.

Weights are made from their names. With such weights rounding alone flips a few pixels of the
layout, and two flipped pixels change the picture; so no stage takes what ours before it gave.
"""

import json

import numpy as np
import pytest
import torch
from golden_weights import filled
from PIL import Image

from pipelines.codecs import decode
from pipelines.labels import LIP20
from pipelines.layout import Encoding
from pipelines.networks.pictures import quantised
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.viton_hd import chain_steps as steps
from pipelines.systems.viton_hd.chain import TryOnChain
from pipelines.systems.viton_hd.config import ConditionsConfig
from pipelines.systems.viton_hd.networks import GMM, ALIASGenerator, SegGenerator
from pipelines.systems.viton_hd.weights import Networks

PAIRS = (("00891_00", "06802_00"), ("03615_00", "08348_00"))


@pytest.fixture(scope="module")
def networks():
    return Networks(
        seg=filled(SegGenerator),
        gmm=filled(GMM),
        alias=filled(ALIASGenerator),
        conditions=ConditionsConfig(),
    )


class Published:
    """What the published code made of a pair."""

    def __init__(self, folder, person, garment):
        self.stem = folder / f"e2e_{person}_{garment}"
        with np.load(f"{self.stem}.npz", allow_pickle=False) as file:
            self.arrays = {name: file[name] for name in file.files}
        self.limits = json.loads((folder / "tolerances.json").read_text())[self.stem.name]

    def check(self, **found):
        for name, tensor in found.items():
            values = tensor.detach().numpy()
            assert values.shape == tuple(self.arrays[f"{name}.shape"]), name
            there = values.ravel()[self.arrays[f"{name}.index"]].astype(np.float64)
            off = np.abs(there - self.arrays[f"{name}.value"])
            assert off.max() <= self.limits[name]["max"], (name, off.max())
            assert np.quantile(off, 0.999) <= self.limits[name]["q999"], name

    def picture(self, name):
        return np.asarray(Image.open(f"{self.stem}.{name}.png"))

    @property
    def theta(self):
        return torch.from_numpy(self.arrays["theta.value"].reshape(1, 50))


def read_pair(root, person, garment):
    """Person, garment and the published picture of the pose."""

    def read(folder, name, encoding, **options):
        path = root / folder / name
        return decode(path.read_bytes(), encoding, name=str(path), **options)

    about = PersonInputs(
        image=read("image", f"{person}.jpg", Encoding.RGB_JPEG),
        pose=read("openpose-json", f"{person}_keypoints.json", Encoding.POSE_BODY25_JSON),
        parse=read("image-parse", f"{person}.png", Encoding.LABELS_PALETTE_PNG, labels=LIP20),
    )
    mask = read("cloth-mask", f"{garment}.jpg", Encoding.MASK_JPEG)
    worn = GarmentInputs(read("cloth", f"{garment}.jpg", Encoding.RGB_JPEG), mask)
    drawn = read("openpose-img", f"{person}_rendered.png", Encoding.RGB_PNG)
    return about, worn, drawn


@pytest.mark.parametrize(("person_id", "garment_id"), PAIRS)
def test_each_stage_is_the_published_one(shared_data, networks, person_id, garment_id):
    golden = shared_data.parent / "golden"
    if not golden.is_dir():
        pytest.skip("the published results on real pairs are not on this machine")
    published = Published(golden, person_id, garment_id)
    about, worn, drawn = read_pair(shared_data / "viton-hd-sample/test", person_id, garment_id)
    chain = TryOnChain(networks, parity=True)
    person = chain.prepare_person(about, pose_picture=drawn)
    garment = chain.prepare_garment(worn)

    no_noise = torch.zeros(1, 1, 256, 192)
    x = steps.seg_input(person.conditions, garment.conditions, no_noise)
    published.check(seg_input=x, seg_output=networks.seg(x))
    layout = chain.layout(person, garment, noise=no_noise)
    published.check(blurred=layout.maps)
    other = layout.ids.numpy() != published.picture("parse13")
    assert other.mean() <= 1e-4
    groups = torch.from_numpy(published.picture("parse13").copy())
    np.testing.assert_array_equal(steps.seven_of_thirteen(groups), published.picture("parse7"))

    parse = steps.seven_maps(groups)
    a = steps.gmm_input(person.conditions, parse)
    warp = chain.warp(person, garment, parse)
    published.check(gmm_a=a, gmm_b=garment.conditions.image_nearest)
    published.check(theta=warp.theta, grid=warp.grid)

    warp = chain.warp_by(published.theta, garment)
    misalign, divided = steps.misalignment(parse, warp.mask)
    published.check(
        warped_cloth=warp.garment, warped_mask=warp.mask, misalign=misalign, parse_div=divided
    )
    published.check(alias_x=steps.alias_input(person.conditions, warp.garment))
    made = chain.picture(person, warp, parse, divided, misalign)
    published.check(out=made)
    found = quantised(made, parity=True).astype(int)
    off = np.abs(found - published.picture("result"))
    assert off.max() <= 1
    assert (off > 0).mean() <= 0.01
