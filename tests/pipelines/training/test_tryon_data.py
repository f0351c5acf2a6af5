"""Packs of try-on examples: which pairs, what is kept, and what is left out."""

import numpy as np
import pytest
from tryon_roots import SIZE, small_root, write

from pipelines.errors import InputError, ItemError
from pipelines.labels import LIP20
from pipelines.layout import ACGPN, CP_VTON, VITON_HD, Artifact
from pipelines.training.tryon_data import (
    Recipe,
    check_aspect,
    find_root,
    joined,
    load_pack,
)

ONE_NAME = ("{:04}_00", "{:04}_00")


def derive(person, garment):
    return {
        "photo": person.image,
        "ids": person.parse.ids,
        "neck": person.pose.body.xy[1],
        "garment": garment.image * garment.mask[..., None],
    }


RECIPE = Recipe(derive, {"test": 1})


@pytest.fixture
def viton(tmp_path):
    return small_root(CP_VTON, tmp_path / "viton")


def test_pairs_follow_the_published_names(viton, tmp_path):
    pairs = find_root(viton).pairs("train")
    assert [(p.person, p.garment) for p in pairs] == [(f"{k:04}_0", f"{k:04}_1") for k in range(4)]
    other = find_root(small_root(VITON_HD, tmp_path / "hd", names=ONE_NAME))
    assert other.layout is VITON_HD
    assert [(p.person, p.garment) for p in other.pairs("val")] == [
        ("0004_00", "0004_00"), ("0005_00", "0005_00"),
    ]  # fmt: skip
    assert find_root(viton).pairs("test") == []


def test_other_names_need_a_list(tmp_path):
    root = small_root(CP_VTON, tmp_path / "set", names=("p{}", "g{}"))
    assert find_root(root).pairs("train") == []
    (root / "train_pairs.txt").write_text("p2.jpg g0.jpg\np1.jpg g3.jpg\n")
    pairs = find_root(root).pairs("train")
    assert [(p.person, p.garment) for p in pairs] == [("p1", "g3"), ("p2", "g0")]


@pytest.mark.parametrize("layout", [CP_VTON, ACGPN], ids=lambda layout: layout.name)
def test_a_pack_holds_what_was_derived(tmp_path, layout):
    root = find_root(small_root(layout, tmp_path / "set"))
    assert root.layout is layout
    pack = load_pack(root, "train", RECIPE, cache=tmp_path / "kept")
    assert pack.names == tuple(f"{k:04}_0" for k in range(4))
    assert pack.arrays["photo"].shape == (4, *SIZE, 3) and pack.arrays["photo"].dtype == np.uint8
    assert pack.arrays["neck"].shape == (4, 2)
    # all garments are apart, and labels are LIP20's with a neck, which the layout cannot store
    colours = {tuple(g[80, 60]) for g in pack.arrays["garment"]}
    assert len(colours) == 4
    assert (pack.arrays["ids"] == LIP20.NECK).any() and (pack.arrays["ids"] == LIP20.UPPER).any()
    assert {n: t.shape[0] for n, t in pack.tensors().items()} == dict.fromkeys(pack.arrays, 4)


def test_an_earlier_pack_is_read_again_and_another_recipe_is_not_taken_for_it(viton, tmp_path):
    root, cache, notes = find_root(viton), tmp_path / "kept", []
    first = load_pack(root, "train", RECIPE, cache=cache)
    again = load_pack(root, "train", RECIPE, cache=cache, tell=notes.append)
    assert len(notes) == 1 and notes[0].endswith("examples of an earlier run")
    assert again.names == first.names
    for name, array in first.arrays.items():
        np.testing.assert_array_equal(again.arrays[name], array)
    load_pack(root, "train", Recipe(derive, {"test": 2}), cache=cache)
    load_pack(root, "train", RECIPE, cache=cache, limit=2)
    path = CP_VTON.path(viton, "train", Artifact.IMAGE, "0001_0")
    path.write_bytes(path.read_bytes() + b" ")
    load_pack(root, "train", RECIPE, cache=cache)
    assert len(list(cache.iterdir())) == 4
    assert not [p for p in cache.iterdir() if p.name.count(".") > 1], "nothing is left unfinished"


def test_what_cannot_be_used_is_left_out_and_told(viton, tmp_path):
    CP_VTON.path(viton, "train", Artifact.POSE, "0000_0").unlink()
    CP_VTON.path(viton, "train", Artifact.CLOTH_MASK, "0002_1").write_bytes(b"")
    notes = []
    pack = load_pack(find_root(viton), "train", RECIPE, cache=tmp_path / "kept", tell=notes.append)
    assert pack.names == ("0001_0", "0003_0")
    assert len(pack.arrays["photo"]) == 2
    left_out = [note for note in notes if "left out" in note]
    assert [note.partition(":")[0] for note in left_out] == ["0000_0", "0002_0"]


def test_limits_are_spread_over_the_split(viton, tmp_path):
    pack = load_pack(find_root(viton), "train", RECIPE, cache=tmp_path, limit=2)
    assert pack.names == ("0000_0", "0002_0")


def test_packs_are_joined(viton, tmp_path):
    packs = [load_pack(find_root(viton), s, RECIPE, cache=tmp_path) for s in ("train", "val")]
    both = joined(packs)
    assert both.names == packs[0].names + packs[1].names
    np.testing.assert_array_equal(both.arrays["ids"][4:], packs[1].arrays["ids"])
    assert joined(packs[:1]) is packs[0]


def test_roots_without_all_inputs_are_refused(viton, tmp_path):
    for path in (viton / "train" / "cloth-mask").iterdir():
        path.unlink()
    with pytest.raises(InputError, match="train/cloth-mask is not there") as raised:
        find_root(viton, "cp-vton")
    assert raised.value.code == "no_items"
    with pytest.raises(InputError, match="no try-on data"):
        find_root(tmp_path / "nothing")


def test_a_split_of_which_nothing_can_be_used_is_refused(tmp_path):
    write(CP_VTON, tmp_path / "set", "train", 0)
    CP_VTON.path(tmp_path / "set", "train", Artifact.IMAGE, "0000_0").write_bytes(b"no photo")
    with pytest.raises(InputError, match="not one of 1 examples"):
        load_pack(find_root(tmp_path / "set"), "train", RECIPE, cache=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_photos_of_another_shape_are_not_squashed():
    check_aspect("the photo", (1024, 768), (256, 192))
    with pytest.raises(ItemError, match="as 256 to 192") as raised:
        check_aspect("the photo", (600, 600), (256, 192))
    assert raised.value.code == "size_mismatch"
