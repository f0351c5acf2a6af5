"""Examples of persons in two poses: of the lists that say so, and of single photos."""

import numpy as np
import pytest
from tryon_roots import SIZE, garment, person, posed_root, small_root

from pipelines.errors import InputError, ItemError, ListError
from pipelines.labels import LIP20
from pipelines.layout import CP_VTON, MPV
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.training.posed_data import PosedRecipe, at_size
from pipelines.training.tryon_data import Example, find_root, load_pack
from pipelines.types import Size

WHOLE, SMALL = Size(*SIZE), Size(80, 60)


def derive(source, target, garment):
    return {
        "source": source.image,
        "source_ids": source.parse.ids,
        "target": target.image,
        "necks": np.stack([source.pose.body.xy[1], target.pose.body.xy[1]]),
        "garment": garment.image,
    }


def recipe(size=WHOLE, sources=1):
    return PosedRecipe(derive, {"test": 1}, size, sources)


@pytest.fixture(scope="module")
def mpv(tmp_path_factory):
    return posed_root(tmp_path_factory.mktemp("mpv"))


def test_a_layout_of_two_poses_is_found_where_it_is_wanted(mpv, tmp_path):
    assert find_root(mpv, two_poses=True).layout is MPV
    for layout in ("auto", "mpv"):
        with pytest.raises(InputError, match="no try-on data"):
            find_root(mpv, layout)
    single = small_root(CP_VTON, tmp_path / "viton", train=1, val=1)
    assert find_root(single, two_poses=True).layout is CP_VTON


def test_pairs_of_poses_are_taken_each_way_round(mpv):
    root = find_root(mpv, two_poses=True)
    found = [(p.person[-20:-18], p.pose[-20:-18]) for p in root.pairs("train")]
    assert [(p.person.partition("/")[0]) for p in root.pairs("train")] == ["P0", "P0", "P1", "P1"]
    assert found == [("@1", "@2"), ("@2", "@1")] * 2
    assert {p.garment for p in root.pairs("test")} == {"P2/P2-C@3=cloth_front"}
    assert root.pairs("val") == []


def test_an_unknown_name_in_the_list_is_refused(tmp_path):
    root = posed_root(tmp_path / "mpv", train=1, test=0)
    path = root / "all_poseA_poseB_clothes.txt"
    path.write_text(path.read_text().replace("@2=", "@7="))
    with pytest.raises(ListError, match="no person"):
        find_root(root, two_poses=True).pairs("train")


def test_two_photos_are_source_and_target(mpv, tmp_path):
    root = find_root(mpv, two_poses=True)
    pack = load_pack(root, "train", recipe(sources=3), cache=tmp_path)
    assert len(pack) == 4, "made sources are for single photos"
    a = pack.arrays
    # each photo is the source of the other's row
    np.testing.assert_array_equal(a["source"][:2], a["target"][[1, 0]])
    moved = a["necks"][:, 1] - a["necks"][:, 0]
    np.testing.assert_allclose(moved, [[6, 0], [-6, 0]] * 2, atol=1e-3)
    np.testing.assert_array_equal(a["garment"][0], a["garment"][1])


def example(name="0000_0", number=2):
    photo, parse, pose = person(number)
    return Example(name, PersonInputs(photo, pose, parse), GarmentInputs(*garment(number)))


def test_of_one_photo_sources_with_turned_limbs_are_made():
    rows = list(recipe(sources=4).rows(example()))
    photo = example().person
    assert len(rows) == 4
    for row in rows:
        np.testing.assert_array_equal(row["target"], photo.image)
        assert (row["source"] != photo.image).any()
    assert len({row["source"].tobytes() for row in rows}) == 4
    # some are mirrored, some not: both sides' arms occur in each all the same
    for row in rows:
        assert (row["source_ids"] == LIP20.LEFT_ARM).any()
        assert (row["source_ids"] == LIP20.RIGHT_ARM).any()


def test_sources_depend_on_the_name_alone():
    def sources(name):
        return np.stack([row["source"] for row in recipe(sources=2).rows(example(name))])

    np.testing.assert_array_equal(sources("0000_0"), sources("0000_0"))
    assert (sources("0000_0") != sources("0001_0")).any()


def test_sources_are_made_at_the_working_size():
    (row,) = recipe(SMALL).rows(example())
    assert row["source"].shape == row["target"].shape == (*SMALL, 3)
    assert row["garment"].shape == (*SIZE, 3), "the garment is the recipe's own to make smaller"
    whole = example().person.pose.body.xy[1]
    np.testing.assert_allclose(row["necks"][1], (whole + 0.5) / 2 - 0.5, atol=1e-4)


def test_photos_of_another_proportion_are_left_out():
    with pytest.raises(ItemError, match="as 80 to 80"):
        at_size(example().person, Size(80, 80))


def test_packs_of_other_sources_are_not_taken_for_these(tmp_path):
    root = find_root(small_root(CP_VTON, tmp_path / "viton", train=2, val=1), two_poses=True)
    one = load_pack(root, "train", recipe(), cache=tmp_path / "kept")
    two = load_pack(root, "train", recipe(sources=2), cache=tmp_path / "kept")
    assert (len(one), len(two)) == (2, 4)
    assert two.names == ("0000_0", "0000_0", "0001_0", "0001_0")
    np.testing.assert_array_equal(two.arrays["source"][::2], one.arrays["source"])
    assert len(list((tmp_path / "kept").iterdir())) == 2
