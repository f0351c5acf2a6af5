"""Label sets, merges and palettes against the published tables, written out anew."""

import numpy as np
import pytest

from pipelines import labels as L
from pipelines.relabel import mirror, relabel
from pipelines.types import ParseMap

LIP_NAMES = (
    "background hat hair glove sunglasses upper dress coat socks pants neck scarf skirt face "
    "left_arm right_arm left_leg right_leg left_shoe right_shoe"
).split()
ATR_NAMES = (
    "background hat hair sunglasses upper skirt pants dress belt left_shoe right_shoe face "
    "left_leg right_leg left_arm right_arm bag scarf"
).split()


def names(labels) -> list[str]:
    return [labels(i).name.lower() for i in sorted(labels)]


def test_ids_of_the_published_sets():
    assert names(L.LIP20) == LIP_NAMES
    assert names(L.ATR18) == ATR_NAMES
    assert names(L.CPVTON20) == [n.replace("neck", "jumpsuits") for n in LIP_NAMES]
    assert names(L.CPVTONPlus21) == [*names(L.CPVTON20), "neck"]
    assert (
        names(L.VITONHD13)
        == (
            "background hair face upper bottom left_arm right_arm left_leg right_leg left_shoe "
            "right_shoe socks noise"
        ).split()
    )
    assert names(L.VITONHD7) == "background paste upper hair left_arm right_arm noise".split()
    assert {label.name.lower(): int(label) for label in L.ACGPN14} == {
        "background": 0, "hair": 1, "upper": 4, "left_shoe": 5, "right_shoe": 6, "noise": 7,
        "pants": 8, "left_leg": 9, "right_leg": 10, "left_arm": 11, "face": 12, "right_arm": 13,
    }  # fmt: skip


def grouped(table: dict[int, int]) -> dict[int, list[int]]:
    groups: dict[int, list[int]] = {}
    for source, target in sorted(table.items()):
        groups.setdefault(target, []).append(source)
    return groups


def test_groups_of_viton_hd():
    assert grouped(dict(L.LIP20_TO_VITONHD13)) == {
        0: [0, 10], 1: [1, 2], 2: [4, 13], 3: [5, 6, 7], 4: [9, 12], 5: [14], 6: [15], 7: [16],
        8: [17], 9: [18], 10: [19], 11: [8], 12: [3, 11],
    }  # fmt: skip
    assert grouped(dict(L.VITONHD13_TO_VITONHD7)) == {
        0: [0], 1: [2, 4, 7, 8, 9, 10, 11], 2: [3], 3: [1], 4: [5], 5: [6], 6: [12],
    }  # fmt: skip
    assert grouped(L.merge_table(L.LIP20, L.VITONHD7)) == {
        0: [0, 10], 1: [4, 8, 9, 12, 13, 16, 17, 18, 19], 2: [5, 6, 7], 3: [1, 2], 4: [14],
        5: [15], 6: [3, 11],
    }  # fmt: skip


def test_groups_of_acgpn():
    assert grouped(dict(L.LIP20_TO_ACGPN14)) == {
        0: [0], 1: [1, 2], 4: [5, 6, 7], 5: [18], 6: [19], 7: [3, 8, 10, 11], 8: [9, 12], 9: [16],
        10: [17], 11: [14], 12: [4, 13], 13: [15],
    }  # fmt: skip
    assert grouped(dict(L.ACGPN14_TO_VITONHD7)) == {
        0: [0], 1: [5, 6, 8, 9, 10, 12], 2: [4], 3: [1], 4: [11], 5: [13], 6: [7],
    }  # fmt: skip


def test_groups_of_atr():
    want = {0: 0, 1: 1, 2: 2, 3: 4, 4: 5, 5: 12, 6: 9, 7: 6, 8: 0, 9: 18, 10: 19, 11: 13, 12: 16,
            13: 17, 14: 14, 15: 15, 16: 0, 17: 11}  # fmt: skip
    assert dict(L.ATR18_TO_LIP20) == want


def test_neck_on_the_way_to_and_from_cp_vton():
    assert L.LIP20_TO_CPVTON20[10] == L.LIP20.FACE
    assert L.LIP20_TO_CPVTONPLUS21[10] == L.CPVTONPlus21.NECK == 20
    assert L.CPVTONPLUS21_TO_LIP20[20] == L.LIP20.NECK
    assert L.CPVTONPLUS21_TO_LIP20[10] == L.CPVTON20_TO_LIP20[10] == L.LIP20.DRESS
    for table in (L.LIP20_TO_CPVTON20, L.LIP20_TO_CPVTONPLUS21):
        assert all(table[i] == i for i in range(20) if i != 10)


@pytest.mark.parametrize(("source", "target"), list(L.MERGES))
def test_merges_are_complete_and_stay_inside_the_target(source, target):
    table = L.MERGES[source, target]
    assert sorted(table) == sorted(map(int, source))
    assert set(table.values()) <= set(map(int, target))


@pytest.mark.parametrize(("source", "target"), list(L.MERGES))
def test_labels_of_one_name_meet(source, target):
    """Except where a set gives a name to other pixels (jumpsuits) or has no such group."""
    table = L.MERGES[source, target]
    for label in source:
        if label.name in target.__members__:
            assert table[label] == target[label.name], label


@pytest.mark.parametrize("middle", [L.CPVTONPlus21])
def test_way_there_and_back_keeps_every_label(middle):
    there, back = L.MERGES[L.LIP20, middle], L.MERGES[middle, L.LIP20]
    assert all(back[there[label]] == label for label in L.LIP20)


def test_sets_that_meet_by_way_of_lip():
    table = L.merge_table(L.ATR18, L.ACGPN14)
    assert table[L.ATR18.UPPER] == L.ACGPN14.UPPER
    assert table[L.ATR18.SKIRT] == L.ACGPN14.PANTS
    assert table[L.ATR18.BELT] == L.ACGPN14.BACKGROUND
    with pytest.raises(ValueError, match="VITONHD7 cannot be expressed in LIP20"):
        L.merge_table(L.VITONHD7, L.LIP20)


def test_mirror_swaps_sides_and_nothing_else():
    for labels in (L.LIP20, L.ATR18, L.ACGPN14, L.VITONHD13, L.VITONHD7, L.CPVTONPlus21):
        table = L.mirror_table(labels)
        assert all(table[table[label]] == label for label in table)
        moved = {(labels(a).name, labels(b).name) for a, b in table.items() if a != b}
        assert all({x.split("_")[0] for x in pair} == {"LEFT", "RIGHT"} for pair in moved)
    assert {a: b for a, b in L.mirror_table(L.LIP20).items() if a < b} == {14: 15, 16: 17, 18: 19}
    assert {a: b for a, b in L.mirror_table(L.ACGPN14).items() if a < b} == {5: 6, 9: 10, 11: 13}


def test_sets_that_systems_take_apart():
    assert {1, 2, 4, 13} == L.HEAD_KEPT_CPVTON == L.FACE_MULTIPOSE | L.HAIR_MULTIPOSE
    assert {1, 4, 13} == L.HEAD_KEPT_CPVTONPLUS_GMM
    assert {1, 2, 4, 9, 12, 13, 16, 17} == L.KEPT_CPVTONPLUS_TOM
    assert {5} == L.CLOTH_VITON and {5, 6, 7} == L.CLOTH_CPVTON
    assert {9, 12} == L.BOTTOM_MULTIPOSE


def test_palette_of_the_published_files():
    colours = """0,0,0 128,0,0 255,0,0 0,85,0 170,0,51 255,85,0 0,0,85 0,119,221 85,85,0 0,85,85
        85,51,0 52,86,128 0,128,0 0,0,255 51,170,221 0,255,255 85,255,170 170,255,85 255,255,0
        255,170,0"""
    want = [tuple(map(int, colour.split(","))) for colour in colours.split()]
    assert list(L.palette(L.LIP20)) == want == list(L.palette(L.CPVTON20))
    assert L.palette(L.CPVTONPlus21)[20] == (189, 183, 107)


def test_voc_palette():
    colours = """0,0,0 128,0,0 0,128,0 128,128,0 0,0,128 128,0,128 0,128,128 128,128,128 64,0,0
        192,0,0 64,128,0 192,128,0 64,0,128 192,0,128 64,128,128 192,128,128 0,64,0 128,64,0
        0,192,0 128,192,0"""
    want = [tuple(map(int, colour.split(","))) for colour in colours.split()]
    assert list(L.voc_palette(20)) == want
    assert len(set(L.voc_palette())) == 256


def test_relabel_is_the_table_pixel_by_pixel():
    ids = np.random.default_rng(1).integers(0, 20, (31, 17), dtype=np.uint8)
    out = relabel(ParseMap(ids, L.LIP20), L.ACGPN14)
    assert out.labels is L.ACGPN14 and out.ids.dtype == np.uint8
    want = [[L.LIP20_TO_ACGPN14[int(i)] for i in row] for row in ids]
    assert out.ids.tolist() == want
    with pytest.raises(ValueError, match=r"ids \[2, 3\] are not in ACGPN14"):
        relabel(ParseMap(np.array([[2, 3]], np.uint8), L.ACGPN14), L.LIP20)


def test_mirrored_map_twice_is_the_map():
    ids = np.random.default_rng(1).integers(0, 20, (31, 17), dtype=np.uint8)
    once = mirror(ParseMap(ids, L.LIP20))
    assert once.ids[3, 16] == L.mirror_table(L.LIP20)[int(ids[3, 0])]
    np.testing.assert_array_equal(mirror(once).ids, ids)
