"""What all systems hold to that predict small and render large, with tiny random networks."""

import numpy as np
import pytest
from acgpn_files import write_files as write_acgpn
from cp_vton_files import write_files as write_cp_vton
from cp_vton_files import write_plus_files as write_cp_vton_plus
from multipose_files import write_files as write_multipose
from viton_files import write_coarse_files as write_viton_coarse
from viton_files import write_files as write_viton
from viton_hd_files import write_files as write_viton_hd

from pipelines import registry
from pipelines.body import shifted
from pipelines.checkpoint_files import sha256_of_file
from pipelines.errors import InputError, ItemError
from pipelines.flags import Flag
from pipelines.labels import ACGPN14, LIP20, VITONHD13
from pipelines.relabel import relabel
from pipelines.stage import GarmentInputs, LayoutPredictor, PersonInputs
from pipelines.stage_pictures import stage_picture
from pipelines.types import ParseMap

WRITERS = {
    "viton-warped": write_viton_coarse,
    "viton-encoder-decoder": write_viton_coarse,
    "viton": write_viton,
    "cp-vton": write_cp_vton,
    "cp-vton-plus": write_cp_vton_plus,
    "acgpn": write_acgpn,
    "viton-hd": write_viton_hd,
    "multipose": write_multipose,
}
LABELS = {"acgpn": ACGPN14, "viton-hd": VITONHD13, "multipose": LIP20}


@pytest.fixture(scope="module", params=list(WRITERS))
def name(request):
    return request.param


@pytest.fixture(scope="module")
def files(name, tmp_path_factory):
    return WRITERS[name](tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def system(name, files):
    hashes = {family: sha256_of_file(path) for family, path in files.items()}
    return registry.tryon_system(name, {"weights": files, "weights_sha256": hashes})


@pytest.fixture(scope="module")
def person(draw_person):
    return draw_person(2.0)


@pytest.fixture(scope="module")
def portrait(draw_person):
    """The upper part of a larger photo: not as networks know persons."""
    whole = draw_person(3.0)
    rows, columns = slice(40, 400), slice(100, 500)
    return PersonInputs(
        np.ascontiguousarray(whole.image[rows, columns]),
        shifted(whole.pose, -columns.start, -rows.start),
        ParseMap(np.ascontiguousarray(whole.parse.ids[rows, columns]), whole.parse.labels),
    )


@pytest.fixture(scope="module")
def garment(system, draw_garment):
    return system.prepare_garment(draw_garment())


@pytest.fixture(scope="module", params=["person", "portrait"])
def shown(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def prepared(system, shown):
    return system.prepare_person(shown)


def test_the_picture_has_the_photos_size_and_keeps_the_rest(system, prepared, garment, shown):
    found = system.dress(prepared, garment, seed=3, save_stages=True)
    assert found.image.shape == shown.image.shape and found.image.dtype == np.uint8
    kept = found.edited == 0
    assert kept.any() and not kept.all()
    np.testing.assert_array_equal(found.image[kept], shown.image[kept])
    assert 0 <= found.score <= 1
    assert {"strain", "misaligned", "uncovered"} <= set(found.measures)
    for picture in found.stages.values():
        assert stage_picture(picture).shape[2] == 3
    for name in ("edited", "garment_alpha"):
        assert found.stages[name].shape == shown.image.shape[:2]


def test_a_portrait_is_shown_on_a_canvas_of_its_own(system, portrait, person):
    assert system.prepare_person(person).canvas.whole
    assert not system.prepare_person(portrait).canvas.whole


def test_the_same_seed_gives_the_same_picture(system, prepared, garment):
    first, again = (system.dress(prepared, garment, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.image, again.image)
    assert first.stages == {}


def test_it_tells_its_layout_if_it_predicts_one(system, name, prepared, garment, shown):
    assert isinstance(system, LayoutPredictor) == (name in LABELS)
    if name not in LABELS:
        return
    layout = system.predict_layout(prepared, garment)
    assert layout.labels is LABELS[name]
    assert layout.ids.shape == shown.image.shape[:2]


def test_beyond_the_canvas_photo_and_layout_are_the_photos(system, name, portrait, garment):
    """Of a photo far wider than what networks are shown."""
    sides = ((0, 0), (400, 300))
    wide = PersonInputs(
        np.pad(portrait.image, (*sides, (0, 0)), mode="edge"),
        shifted(portrait.pose, 400, 0),
        ParseMap(np.pad(portrait.parse.ids, sides, mode="edge"), portrait.parse.labels),
    )
    prepared = system.prepare_person(wide)
    canvas = prepared.canvas
    assert 0 < canvas.x and canvas.x + canvas.size.width < canvas.photo.width
    beyond = np.ones(canvas.photo, bool)
    beyond[:, canvas.x : canvas.x + canvas.size.width] = False
    found = system.dress(prepared, garment, seed=0)
    np.testing.assert_array_equal(found.image[beyond], wide.image[beyond])
    if name not in LABELS:
        return
    layout = system.predict_layout(prepared, garment)
    wanted = relabel(wide.parse, LABELS[name]).ids
    outside = beyond & (wide.parse.ids != LIP20.NECK)
    np.testing.assert_array_equal(layout.ids[outside], wanted[outside])


def test_an_empty_mask_is_refused_and_a_cut_garment_flagged(system, draw_garment):
    whole = draw_garment()
    with pytest.raises(ItemError) as error:
        system.prepare_garment(GarmentInputs(whole.image, np.zeros_like(whole.mask)))
    assert error.value.code == "no_garment"
    cut = GarmentInputs(whole.image[:150], whole.mask[:150])
    assert Flag.GARMENT_CUT_OFF in system.prepare_garment(cut).evidence.flags


def test_changed_weights_are_refused(name, files):
    hashes = dict.fromkeys(files, "0" * 64)
    with pytest.raises(InputError, match="sha256"):
        registry.tryon_system(name, {"weights": files, "weights_sha256": hashes})


def test_files_of_another_network_are_refused(name, files):
    families = list(files)
    if len(families) == 1:
        pytest.skip("one network")
    for one, other in zip(families, [*families[1:], families[0]], strict=True):
        with pytest.raises(InputError) as error:
            registry.tryon_system(name, {"weights": {**files, one: files[other]}})
        assert error.value.code == "wrong_weights" and error.value.exit_code == 66
