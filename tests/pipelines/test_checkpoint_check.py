"""The check of a folder of weights finds each kind of contradiction."""

import numpy as np
import pytest

from pipelines.checkpoint_check import MAX_BYTES, check_weights
from pipelines.checkpoint_manifest import read_manifest


def problems(shelf):
    return check_weights(shelf.folder, list(read_manifest(shelf.folder).values()))


def words(shelf):
    return [f"{p.path.name}: {p.message}" for p in problems(shelf)]


def test_what_agrees(shelf):
    assert words(shelf) == []
    shelf.add("one")
    shelf.add("two", tier="research", value=0.7)
    (shelf.folder / "README.md").write_text("about")
    assert words(shelf) == []


@pytest.mark.parametrize(
    ("metadata", "found"),
    [
        ({"family": "parser.other"}, "say family = 'parser.other', the manifest 'parser.toy'"),
        ({"tier": "research"}, "say tier = 'research', the manifest 'open'"),
        ({"label_set": "ATR18"}, "say label_set = 'ATR18'"),
        ({"code_version": ""}, "have no code_version"),
        ({"config": "{"}, "config in its metadata is not JSON"),
        ({"data": '[{"name": "Secret"}]'}, "name as data {'Secret': None}"),
    ],
)
def test_what_a_file_says_of_itself(shelf, metadata, found):
    shelf.add("ours", about=metadata)
    told = words(shelf)
    assert len(told) == 1 and found in told[0]


def test_damage_is_told_from_disagreement(shelf):
    path = shelf.add("ours")
    path.write_bytes(path.read_bytes()[:-3])
    assert [(p.name, p.damaged) for p in problems(shelf)] == [("ours", True)]
    path.unlink()
    assert [(p.name, p.damaged) for p in problems(shelf)] == [("ours", True)]
    assert words(shelf)[0].startswith("ours.safetensors: ")


def test_single_precision_is_too_large(shelf):
    wide = {"layer.weight": np.ones((3, 2), np.float32), "norm.mean": np.ones(3, np.float32)}
    shelf.add("ours", tensors=wide)
    assert words(shelf) == [
        "ours.safetensors: 1 arrays are not F16, for example layer.weight (F32)"
    ]


def test_large_files(shelf, monkeypatch):
    shelf.add("ours")
    monkeypatch.setattr("pipelines.checkpoint_check.MAX_BYTES", 100)
    assert MAX_BYTES == 40_000_000
    assert "the package carries up to" in words(shelf)[0]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("## Limits\n", "", "no section Limits"),
        ("Tier: open", "", "does not say 'tier: open'"),
        ("Drawn people", "People", "does not say 'Drawn people'"),
        ("0.5", "0.6", "does not say '0.5'"),
        ("drawn val", "some", "does not say 'drawn val'"),
    ],
)
def test_cards_say_what_the_manifest_says(shelf, old, new, found):
    shelf.add("ours")
    card = shelf.folder / "ours.md"
    assert old in card.read_text()
    card.write_text(card.read_text().replace(old, new))
    assert [w for w in words(shelf) if found in w] == words(shelf) != []


def test_a_card_is_needed(shelf):
    shelf.add("ours")
    (shelf.folder / "ours.md").unlink()
    assert words(shelf) == ["ours.md: the model card is missing or unreadable"]


def test_strangers(shelf):
    shelf.add("ours")
    (shelf.folder / "new.safetensors").write_bytes(b"")
    (shelf.folder / "new.md").write_text("")
    assert words(shelf) == [
        "new.md: is not in the manifest",
        "new.safetensors: is not in the manifest",
    ]


def test_figures_that_cannot_be_compared(shelf):
    shelf.add("one")
    shelf.add("two", family="parser.other")
    shelf.add("three", family="pose.other")
    shelf.tables["three"]["figures"][0]["protocol"] = "something else"
    shelf.tables["two"]["figures"][0]["metric"] = "accuracy"
    shelf.write()
    for name in shelf.tables:
        shelf.write_card(name)
    assert words(shelf) == ["two.safetensors: its first figure cannot be compared with that of one"]


def test_networks_of_one_system_are_judged_by_figures_of_their_own(shelf):
    shelf.add("seg", family="viton-hd.seg")
    for name in ("alias", "alias-small"):
        shelf.add(name, family="viton-hd.alias")
    shelf.tables["seg"]["figures"][0]["metric"] = "accuracy"
    shelf.tables["alias-small"]["figures"][0]["metric"] = "SSIM"
    shelf.write()
    for name in shelf.tables:
        shelf.write_card(name)
    wanted = "alias-small.safetensors: its first figure cannot be compared with that of alias"
    assert words(shelf) == [wanted]
