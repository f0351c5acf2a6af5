"""The system ``viton-hd`` from files of weights to pictures."""

from dataclasses import replace

import numpy as np
import pytest
from viton_hd_files import CONDITIONS, tiny_configs, write_files

from pipelines import registry
from pipelines.checkpoint_files import sha256_of_file
from pipelines.errors import InputError, ItemError
from pipelines.flags import Flag
from pipelines.labels import VITONHD13
from pipelines.stage import GarmentInputs, LayoutPredictor
from pipelines.stage_pictures import stage_picture
from pipelines.systems.viton_hd.config import ALIAS, FAMILIES, GMM, SEG


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_files(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def system(files):
    hashes = {family: sha256_of_file(path) for family, path in files.items()}
    return registry.tryon_system("viton-hd", {"weights": files, "weights_sha256": hashes})


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
    assert layout.labels is VITONHD13
    assert layout.ids.shape == person.image.shape[:2]


def test_an_empty_mask_is_refused_and_a_cut_garment_flagged(system, draw_garment):
    whole = draw_garment()
    with pytest.raises(ItemError) as error:
        system.prepare_garment(GarmentInputs(whole.image, np.zeros_like(whole.mask)))
    assert error.value.code == "no_garment"
    cut = GarmentInputs(whole.image[:150], whole.mask[:150])
    assert Flag.GARMENT_CUT_OFF in system.prepare_garment(cut).evidence.flags


def test_changed_weights_are_refused(files):
    hashes = dict.fromkeys(FAMILIES, "0" * 64)
    with pytest.raises(InputError, match="sha256"):
        registry.tryon_system("viton-hd", {"weights": files, "weights_sha256": hashes})


def test_files_of_another_network_are_refused(files):
    for wrong in ({SEG: files[GMM]}, {ALIAS: files[SEG]}):
        with pytest.raises(InputError) as error:
            registry.tryon_system("viton-hd", {"weights": {**files, **wrong}})
        assert error.value.code == "wrong_weights" and error.value.exit_code == 66


def test_files_whose_inputs_differ_are_refused(files, tmp_path):
    other = tiny_configs(replace(CONDITIONS, agnostic="v3.2"))
    mixed = {**files, GMM: write_files(tmp_path, other)[GMM]}
    with pytest.raises(InputError, match="v3.2"):
        registry.tryon_system("viton-hd", {"weights": mixed})
