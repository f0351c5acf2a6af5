"""Which try-on system is chosen."""

from importlib import import_module

import pytest

from pipelines.errors import ConfigError, InputError, WeightsMissing
from pipelines.registry import SYSTEMS
from pipelines.system_choice import choose_system, usable_systems

FAMILIES = SYSTEMS["viton-hd"][0].weights


def fill(shelf, **options):
    return {family: shelf.add(family.replace(".", "-"), family=family, **options)
            for family in FAMILIES}  # fmt: skip


def test_auto_is_the_system_without_weights_where_there_are_none(shelf):
    choice = choose_system()
    assert (choice.name, dict(choice.weights)) == ("geometric", {})
    assert "no weights of viton-hd" in choice.reason


def test_auto_takes_the_system_whose_weights_are_all_there(shelf):
    files = fill(shelf)
    choice = choose_system()
    assert (choice.name, choice.reason) == ("viton-hd", "")
    assert {family: found.path for family, found in choice.weights.items()} == files
    assert tuple(choice.weights) == FAMILIES
    files[FAMILIES[1]].unlink()
    assert choose_system().name == "geometric"


def test_commercial_use_needs_open_weights(shelf):
    fill(shelf, tier="research")
    choice = choose_system(commercial=True)
    assert choice.name == "geometric" and "commercial" in choice.reason
    with pytest.raises(WeightsMissing) as error:
        choose_system("viton-hd", commercial=True)
    assert error.value.exit_code == 69 and "--system geometric" in error.value.hint
    assert choose_system("viton-hd").name == "viton-hd"


def test_a_named_system_without_weights_is_an_error(shelf):
    with pytest.raises(WeightsMissing) as error:
        choose_system("viton-hd")
    assert error.value.exit_code == 69
    assert f"vtonctl train {FAMILIES[0]}" in error.value.hint
    assert choose_system("geometric").weights == {}


def test_given_weights_are_used_beside_installed_ones(shelf, tmp_path):
    fill(shelf)
    own = tmp_path / "mine.safetensors"
    own.write_bytes(shelf.add("spare", family=FAMILIES[2], value=0.1).read_bytes())
    for wanted in ("auto", "viton-hd"):
        choice = choose_system(wanted, weights=[str(own)])
        assert choice.name == "viton-hd"
        assert choice.weights[FAMILIES[2]].path == own
        assert choice.weights[FAMILIES[0]].path.parent == shelf.folder


def test_given_weights_without_their_companions_are_an_error(shelf):
    name = fill(shelf)[FAMILIES[0]].stem
    shelf.tables.pop(FAMILIES[1].replace(".", "-"))
    shelf.write()
    with pytest.raises(WeightsMissing, match=FAMILIES[1]):
        choose_system("auto", weights=[name])


@pytest.mark.parametrize(
    ("wanted", "weights", "error", "code"),
    [
        ("cubist", [], ConfigError, "unknown_name"),
        ("geometric", ["viton-hd-seg"], ConfigError, "no_weights_wanted"),
        ("auto", ["toy"], InputError, "wrong_weights"),
        ("viton-hd", ["viton-hd-seg", "second"], ConfigError, "weights_twice"),
        ("viton-hd", ["nothing-of-the-kind"], ConfigError, "unknown_name"),
    ],
)
def test_wishes_that_cannot_be_met(shelf, wanted, weights, error, code):
    fill(shelf)
    shelf.add("second", family="viton-hd.seg")
    shelf.add("toy", family="parser.toy")
    with pytest.raises(error) as caught:
        choose_system(wanted, weights=weights)
    assert caught.value.code == code


def fill_multipose(shelf):
    for family in SYSTEMS["multipose"][0].weights:
        shelf.add(family.replace(".", "-"), family=family)


def test_a_system_with_networks_for_poses_is_used_where_it_is_asked_for(shelf):
    fill_multipose(shelf)
    choice = choose_system()
    assert choice.name == "geometric" and "multipose" not in choice.reason
    fill(shelf)
    assert choose_system().name == "viton-hd"
    # by its name, or by its weights
    assert choose_system("multipose").name == "multipose"
    assert choose_system(weights=["multipose-shs"]).name == "multipose"


@pytest.mark.parametrize("name", SYSTEMS)
def test_what_the_registry_says_of_a_system_is_true(name):
    info, path = SYSTEMS[name]
    module, kind = path.split(":")
    system = getattr(import_module(module), kind)
    assert info.layouts == hasattr(system, "predict_layout")
    assert info.poses == hasattr(system, "dress_posed")


def test_systems_that_predict_layouts(shelf):
    fill(shelf)
    assert usable_systems() == ("geometric", "viton-hd")
    assert usable_systems(layouts=True) == ("viton-hd",)


def test_where_its_weights_are_missing_the_hint_says_what_works_without(shelf):
    fill(shelf)
    with pytest.raises(WeightsMissing) as missing:
        choose_system("multipose")
    assert missing.value.exit_code == 69 and "--system geometric" in missing.value.hint


def test_damaged_weights_are_an_error(shelf):
    path = fill(shelf)[FAMILIES[0]]
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(InputError):
        choose_system()
