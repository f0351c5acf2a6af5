"""The system ``acgpn`` from files of weights to pictures."""

import numpy as np
import pytest
import torch

from pipelines import registry
from pipelines.checkpoint_files import sha256_of_file
from pipelines.errors import InputError, ItemError
from pipelines.labels import ACGPN14
from pipelines.stage import GarmentInputs, LayoutPredictor
from pipelines.stage_pictures import stage_picture
from pipelines.systems.acgpn.config import (
    FAMILIES,
    G1,
    ACGPNConfig,
    G,
    U,
    config_from_json,
    config_to_json,
)
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


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_files(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def system(files):
    hashes = {family: sha256_of_file(path) for family, path in files.items()}
    return registry.tryon_system("acgpn", {"weights": files, "weights_sha256": hashes})


@pytest.fixture(scope="module")
def person(draw_person):
    return draw_person(2.0)


@pytest.fixture(scope="module")
def pair(system, person, draw_garment):
    return system.prepare_person(person), system.prepare_garment(draw_garment())


def test_the_picture_has_the_photos_size_and_keeps_the_rest(system, pair, person):
    found = system.dress(*pair, seed=3, save_stages=True)
    assert found.image.shape == person.image.shape and found.image.dtype == np.uint8
    kept = found.edited == 0
    assert kept.any() and not kept.all()
    np.testing.assert_array_equal(found.image[kept], person.image[kept])
    assert 0 <= found.score <= 1
    assert {"strain", "misaligned", "uncovered"} <= set(found.measures)
    for picture in found.stages.values():
        assert stage_picture(picture).shape[2] == 3


def test_the_same_seed_gives_the_same_picture(system, pair):
    first, again = (system.dress(*pair, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.image, again.image)
    assert first.stages == {}


def test_it_tells_its_layout(system, pair, person):
    assert isinstance(system, LayoutPredictor)
    layout = system.predict_layout(*pair)
    assert layout.labels is ACGPN14
    assert layout.ids.shape == person.image.shape[:2]


def test_an_empty_mask_is_refused(system, draw_garment):
    whole = draw_garment()
    with pytest.raises(ItemError) as error:
        system.prepare_garment(GarmentInputs(whole.image, np.zeros_like(whole.mask)))
    assert error.value.code == "no_garment"


def test_changed_and_other_weights_are_refused(files, tmp_path):
    hashes = dict.fromkeys(FAMILIES, "0" * 64)
    with pytest.raises(InputError, match="sha256"):
        registry.tryon_system("acgpn", {"weights": files, "weights_sha256": hashes})
    with pytest.raises(InputError) as error:
        registry.tryon_system("acgpn", {"weights": {**files, G1: files[U]}})
    assert error.value.code == "wrong_weights" and error.value.exit_code == 66
    mixed = {**files, G: write_files(tmp_path, ACGPNConfig(width=4, spline_width=4))[G]}
    with pytest.raises(InputError, match="neck = garment"):
        registry.tryon_system("acgpn", {"weights": mixed})


def test_configs_come_back_and_others_are_refused():
    config = ACGPNConfig(width=20, spline_width=6, neck="skin")
    assert config_from_json(config_to_json(config)) == config
    assert config_from_json({}) == ACGPNConfig(64, 8, "garment")
    for values, said in (
        ({"depth": 3}, "depth"), ({"width": 0}, "width"), ({"width": True}, "width"),
        ({"spline_width": "8"}, "spline_width"), ({"neck": "long"}, "long"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            config_from_json(values)
