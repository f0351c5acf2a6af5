"""Pair lists: published forms, hostile rows, and lists made by seed."""

import json
from collections import Counter

import pytest

from pipelines.body import Body25, Coco18
from pipelines.datasets.pairs import (
    Pair,
    both_directions,
    make_pairs,
    make_triples,
    own_garment,
    read_pairs,
    scan_pairs,
    write_pairs,
)
from pipelines.errors import InputError, ListError, UsageError
from pipelines.layout import Artifact, find_layout
from pipelines.pose_json import decode_pose


def names(pairs):
    return [(p.person, p.garment) for p in pairs]


@pytest.fixture
def read(tmp_path):
    def reader(text, **options):
        path = tmp_path / "test_pairs.txt"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_pairs(path, **options)

    return reader


@pytest.mark.parametrize(
    "text",
    [
        "a.jpg b.jpg\nc.jpg d.jpg\n",
        "a b\nc d",
        "\ufeffa.jpg b.jpg\r\nc.jpg d.jpg\r\n",
        "\n  a.png\t b.webp \n\n\nc.JPG   d.jpeg\n\n",
        "a.jpg b.jpg\nc.jpg d.jpg\na b\n",
        "a.jpg b.jpg\rc.jpg d.jpg\r",
    ],
)
def test_two_columns(read, text):
    assert names(read(text)) == [("a", "b"), ("c", "d")]


def test_line_numbers_are_kept(read):
    assert [p.line for p in read("\n\na b\n\nc d\n")] == [3, 5]


def test_names_with_spaces_between_tabs(read):
    assert names(read("my photo.jpg\tblue shirt.jpg\n")) == [("my photo", "blue shirt")]


MPV = (
    "S1/S1-O11@13=person_whole_front.jpg\tS1/S1-O11@15=person_whole_back.jpg\t"
    "S1/S1-O11@12.1=cloth_front.jpg\ttrain\n"
    "S2/S2-A@13=person_whole_front.jpg\tS2/S2-A@14=person_half_front.jpg\t"
    "S2/S2-A@12=cloth_front.jpg\ttest\n"
)


def test_four_columns(read):
    both = read(MPV, nested=True)
    assert both[0] == Pair(
        "S1/S1-O11@13=person_whole_front",
        "S1/S1-O11@12.1=cloth_front",
        "S1/S1-O11@15=person_whole_back",
        1,
    )
    assert [p.line for p in read(MPV, nested=True, split="test")] == [2]


def test_names_are_resolved_among_the_items(read):
    persons, garments = {"a", "b_png"}, {"IMG_1_JPG", "x"}
    pairs = read("a.jpg IMG_1.JPG\nb.png x\n", persons=persons, garments=garments)
    assert names(pairs) == [("a", "IMG_1_JPG"), ("b_png", "x")]
    with pytest.raises(ListError, match=r"line 2: there is no garment 'xx.jpg'") as caught:
        read("a x\na xx.jpg\n", persons=persons, garments=garments)
    assert caught.value.code == "unknown_item" and "Did you mean x?" in caught.value.hint


HOSTILE = [
    "../a.jpg b.jpg", "a.jpg ../../etc/passwd", "/etc/passwd b.jpg", "a.jpg /b.jpg", "~ b.jpg",
    "~/a.jpg b.jpg", "~root/a.jpg b.jpg", "a\0.jpg b.jpg", "a.jpg b.jpg\0", ".. b", ". b", "a/ b",
    "a//b c", "sub/a.jpg b.jpg", "a/../b c", "C:\\a.jpg b.jpg", "C:a b", "..\\a b",
    "\\\\host\\a b", "a.jpg", "a.jpg b.jpg c.jpg", "a b c d e", "a.jpg\t", "\x1b[2Ja b",
    "\u202ea b", "x" * 256 + " b", "a\tb\tc", "a b c d", "a\t\tb\ttest", "\x7fa b",
]  # fmt: skip


@pytest.mark.parametrize("row", HOSTILE)
@pytest.mark.reliability("R16")
def test_hostile_row_is_refused_with_its_line(read, row):
    with pytest.raises(ListError) as caught:
        read(f"good.jpg fine.jpg\n\n{row}\n")
    assert caught.value.code in ("bad_name", "bad_row")
    assert ", line 3: " in caught.value.message
    assert caught.value.exit_code == 65
    assert caught.value.message.isprintable(), "nothing that a terminal would obey"


@pytest.mark.reliability("R16")
def test_row_that_is_not_text(read):
    with pytest.raises(ListError, match="line 3: not UTF-8"):
        read(b"a b\nc d\n\xff\xfe e\n")


def test_empty_list(read):
    for text in ("", "\n\n", "\ufeff"):
        with pytest.raises(ListError, match="no pair"):
            read(text)


def test_missing_list(tmp_path):
    for path in (tmp_path / "absent.txt", tmp_path):
        with pytest.raises(InputError, match="cannot be read") as caught:
            read_pairs(path)
        assert caught.value.exit_code == 66


def test_all_bad_rows_can_be_seen_at_once(tmp_path):
    path = tmp_path / "pairs.txt"
    path.write_text("a b\n../a b\nc d\nonly\n")
    rows = list(scan_pairs(path))
    assert [isinstance(row, ListError) for row in rows] == [False, True, False, True]


PERSONS = [f"{n:06}_0" for n in range(40)]
GARMENTS = [f"{n:06}_1" for n in range(40)]


def test_paired():
    pairs = make_pairs(PERSONS, GARMENTS, "paired")
    assert names(pairs) == list(zip(PERSONS, GARMENTS, strict=True))
    assert names(make_pairs(["a", "b"], ["b", "c"], "paired")) == [("b", "b")]


def test_unpaired_is_fair_and_never_the_own_garment():
    pairs = make_pairs(PERSONS, GARMENTS, "unpaired", seed=3)
    assert [p.person for p in pairs] == PERSONS
    assert all(p.garment[:6] != p.person[:6] for p in pairs)
    assert max(Counter(p.garment for p in pairs).values()) <= 2


def test_all_pairs():
    assert len(set(names(make_pairs(PERSONS, GARMENTS[:7], "all")))) == 40 * 7


def test_equal_seeds_give_equal_pairs_everywhere():
    first = make_pairs(PERSONS, GARMENTS, seed=1)
    assert first == make_pairs(reversed(PERSONS), set(GARMENTS), seed=1)
    assert names(first) != names(make_pairs(PERSONS, GARMENTS, seed=2))
    # written down once: the same on every machine and with every Python
    made = make_pairs(["a_0", "b_0", "c_0"], ["a_1", "b_1", "c_1"], seed=0)
    assert names(made) == [("a_0", "b_1"), ("b_0", "c_1"), ("c_0", "a_1")]


def test_pairs_that_cannot_be_made():
    for persons, garments, kind in (([], ["a"], "all"), (["a"], ["a"], "unpaired")):
        with pytest.raises(ListError, match="no .* pairs"):
            make_pairs(persons, garments, kind)
    with pytest.raises(UsageError, match="not a kind"):
        make_pairs(["a"], ["b"], "some")


def test_own_garment():
    assert own_garment("00006_00", {"00006_00", "00007_00"}) == "00006_00"
    assert own_garment("000003_0", {"000003_1"}) == "000003_1"
    mpv = ["S1/S1-O11@12.1=cloth_front", "S2/S2-A@12=cloth_front"]
    assert own_garment("S1/S1-O11@15=person_whole_back", mpv) == mpv[0]
    assert own_garment("S1/S1-Q11@15=person_whole_back", mpv) is None
    assert own_garment("a", {"b"}) is None


def test_triples_take_every_other_pose():
    persons = ["S1/S1@1=person_a", "S1/S1@2=person_b", "S1/S1@3=person_c", "S2/S2@1=person_a"]
    triples = make_triples(persons, ["S1/S1@9=cloth_front"], "paired")
    assert {(t.person[-1], t.pose[-1]) for t in triples} == {
        (a, b) for a in "abc" for b in "abc" if a != b
    }
    with pytest.raises(ListError, match="two poses"):
        make_triples(["S2/S2@1=person_a"], ["S2/S2@9=cloth_front"], "paired")


def test_written_lists_are_read_again(tmp_path):
    path = tmp_path / "test_pairs.txt"
    pairs = make_pairs(PERSONS, GARMENTS, seed=5)
    write_pairs(path, pairs)
    assert path.read_text().splitlines()[0] == f"{pairs[0].person}.jpg {pairs[0].garment}.jpg"
    assert names(read_pairs(path)) == names(pairs)
    write_pairs(path, [Pair("my photo", "shirt")])
    assert names(read_pairs(path)) == [("my photo", "shirt")]


def test_four_column_list_keeps_the_lines_of_other_splits(tmp_path):
    path = tmp_path / "all_poseA_poseB_clothes.txt"
    path.write_text(MPV)
    new = Pair("S3/S3@1=person_a", "S3/S3@9=cloth_front", "S3/S3@2=person_b")
    write_pairs(path, [new], split="test")
    assert [p.person[:2] for p in read_pairs(path, nested=True, split="train")] == ["S1"]
    assert [p.person[:2] for p in read_pairs(path, nested=True, split="test")] == ["S3"]


def test_mpv_lines_are_learnt_from_in_both_directions(tmp_path):
    listed = tmp_path / "all_poseA_poseB_clothes.txt"
    names = [f"SC321E00D/SC321E00D-O11@{n}=person_{view}" for n, view in ((13, "a"), (15, "b"))]
    garment = "SC321E00D/SC321E00D-O11@12.1=cloth_front"
    lines = [
        f"{names[0]}.jpg\t{names[1]}.jpg\t{garment}.jpg\ttrain",
        f"{names[1]}.jpg\t{names[0]}.jpg\t{garment}.jpg\ttrain",
        f"{names[0]}.jpg\t{names[0]}.jpg\t{garment}.jpg\ttrain",
        f"{names[0]}.jpg\t{names[1]}.jpg\t{garment}.jpg\ttest",
    ]
    listed.write_text("\n".join(lines))
    triples = both_directions(read_pairs(listed, split="train", nested=True))
    # the second line is the way back of the first; a picture is no other pose of itself
    assert [(t.person, t.pose) for t in triples] == [tuple(names), tuple(reversed(names))]
    assert {t.garment for t in triples} == {garment}
    assert both_directions(make_pairs(["a"], ["b"], "all")) == []


@pytest.mark.parametrize("keypoints", ["all_person_clothes_keypoints", "all_keypoints"])
@pytest.mark.parametrize(
    ("key", "joints"),
    [("pose_keypoints", 18), ("pose_keypoints_2d", 18), ("pose_keypoints_2d", 25)],
)
def test_mpv_poses_are_read_in_every_spelling(tmp_path, keypoints, key, joints):
    """Folder, key and joint order differ between copies of the data; names hold @ and =."""
    item = "SC321E00D/SC321E00D-O11@13=person_whole_front"
    path = tmp_path / keypoints / f"{item}_keypoints.json"
    path.parent.mkdir(parents=True)
    numbers = [value for n in range(joints) for value in (10 + n, 2 * n + 1, 0.5)]
    path.write_text(json.dumps({"people": [{key: numbers}]}))
    mpv = find_layout("mpv")
    found = mpv.path(tmp_path, "train", Artifact.POSE, item)
    assert found == path
    body = decode_pose(found.read_bytes(), str(found)).body
    knee = Body25.RIGHT_KNEE
    at = Coco18.RIGHT_KNEE if joints == 18 else knee
    assert tuple(body.xy[knee]) == (10 + at, 2 * at + 1)
    assert (body.score > 0).sum() == (19 if joints == 18 else 25)
