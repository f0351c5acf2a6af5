"""The label sets that tell clothes apart, and the body classes, against tables written out anew."""

import json

import pytest

from pipelines import clothing_labels as C
from pipelines import labels as L

CCP_TAGS = (
    "null accessories bag belt blazer blouse bodysuit boots bra bracelet cape cardigan clogs coat "
    "dress earrings flats glasses gloves hair hat heels hoodie intimate jacket jeans jumper "
    "leggings loafers necklace panties pants pumps purse ring romper sandals scarf shirt shoes "
    "shorts skin skirt sneakers socks stockings suit sunglasses sweater sweatshirt swimwear "
    "t-shirt tie tights top vest wallet watch wedges"
).split()
"""``labels.json`` of Clothing Co-Parsing."""

IN_SHOP = (
    "top skirt leggings dress outer pants bag neckwear headwear eyeglass belt footwear hair skin "
    "face"
).split()
"""DeepFashion's In-shop parsing, ids from 1."""

BODY = "hair face neck upper_body lower_body left_arm right_arm skirt".split()

SHOES = "boots clogs flats heels loafers pumps sandals shoes sneakers wedges"
OUTER = "blazer cape cardigan coat jacket suit"
TOPS = (
    "blouse bodysuit bra hoodie intimate jumper shirt sweater sweatshirt swimwear t-shirt top vest"
)


def by_tag(table, labels) -> dict[str, set[str]]:
    """Names of the tags by the name of what they become (``ignored`` for 255)."""
    groups: dict[str, set[str]] = {}
    for tag, target in table.items():
        name = "ignored" if target == 255 else labels(target).name.lower()
        groups.setdefault(name, set()).add(CCP_TAGS[tag])
    return groups


def words(**groups: str) -> dict[str, set[str]]:
    return {name: set(text.split()) for name, text in groups.items()}


def test_ids_are_those_of_the_published_lists():
    tags = ["null" if t.name == "BACKGROUND" else t.name.lower().replace("_", "-") for t in C.CCP59]
    assert tags == CCP_TAGS and [int(t) for t in C.CCP59] == list(range(59))
    assert [c.name.lower() for c in C.FASHION15] == ["background", *IN_SHOP]
    assert [int(c) for c in C.FASHION15] == list(range(16))
    assert [c.name.lower() for c in L.BODY8] == ["background", *BODY]
    assert [int(c) for c in L.BODY8] == list(range(9))


@pytest.mark.shared_data
def test_tags_of_the_published_file(shared_data):
    assert json.loads((shared_data / "ccp" / "labels.json").read_text()) == CCP_TAGS


@pytest.mark.parametrize(
    ("table", "source", "target"),
    [
        (C.CCP59_TO_FASHION15, C.CCP59, C.FASHION15),
        (C.LIP20_TO_FASHION15, L.LIP20, C.FASHION15),
        (C.CCP59_TO_LIP20, C.CCP59, L.LIP20),
        (L.LIP20_TO_BODY8, L.LIP20, L.BODY8),
        (L.BODY8_TO_LIP20, L.BODY8, L.LIP20),
    ],
)
def test_every_id_is_mapped_once_and_to_an_id_of_the_target(table, source, target):
    assert sorted(table) == sorted(map(int, source))
    assert set(table.values()) <= {*map(int, target), 255}


def test_groups_of_clothing_co_parsing_in_deepfashions_classes():
    assert by_tag(C.CCP59_TO_FASHION15, C.FASHION15) == words(
        background="null accessories bracelet earrings gloves ring watch",
        top=TOPS,
        skirt="skirt",
        leggings="leggings socks stockings tights",
        dress="dress romper",
        outer=OUTER,
        pants="jeans panties pants shorts",
        bag="bag purse wallet",
        neckwear="necklace scarf tie",
        headwear="hat",
        eyeglass="glasses sunglasses",
        belt="belt",
        footwear=SHOES,
        hair="hair",
        skin="skin",
    )


def test_groups_of_clothing_co_parsing_in_lip():
    assert by_tag(C.CCP59_TO_LIP20, L.LIP20) == words(
        background="null bag purse wallet",
        hat="hat",
        hair="hair",
        glove="gloves",
        sunglasses="sunglasses",
        upper=f"{TOPS} tie",
        dress="dress romper",
        coat=OUTER,
        socks="socks",
        pants="jeans leggings panties pants shorts",
        scarf="scarf",
        skirt="skirt",
        face="glasses skin",
        left_leg="stockings tights",
        left_shoe=SHOES,
        ignored="accessories belt bracelet earrings necklace ring watch",
    )
    assert C.IGNORED == 255


def test_lip_in_deepfashions_classes():
    want = {
        "background": "background", "hat": "headwear", "hair": "hair", "glove": "background",
        "sunglasses": "eyeglass", "upper": "top", "dress": "dress", "coat": "outer",
        "socks": "leggings", "pants": "pants", "neck": "skin", "scarf": "neckwear",
        "skirt": "skirt", "face": "face", "left_arm": "skin", "right_arm": "skin",
        "left_leg": "skin", "right_leg": "skin", "left_shoe": "footwear", "right_shoe": "footwear",
    }  # fmt: skip
    found = {L.LIP20(a).name.lower(): C.FASHION15(b).name.lower()
             for a, b in C.LIP20_TO_FASHION15.items()}  # fmt: skip
    assert found == want


def test_body_classes():
    groups: dict[str, set[str]] = {}
    for lip, body in L.LIP20_TO_BODY8.items():
        groups.setdefault(L.BODY8(body).name.lower(), set()).add(L.LIP20(lip).name.lower())
    assert groups == words(
        background="background glove socks scarf left_leg right_leg left_shoe right_shoe",
        hair="hat hair",
        face="sunglasses face",
        neck="neck",
        upper_body="upper dress coat",
        lower_body="pants",
        left_arm="left_arm",
        right_arm="right_arm",
        skirt="skirt",
    )
    back = {L.BODY8(a).name.lower(): L.LIP20(b).name.lower() for a, b in L.BODY8_TO_LIP20.items()}
    assert back == {
        "background": "background", "hair": "hair", "face": "face", "neck": "neck",
        "upper_body": "upper", "lower_body": "pants", "left_arm": "left_arm",
        "right_arm": "right_arm", "skirt": "skirt",
    }  # fmt: skip
    assert {a: b for a, b in L.mirror_table(L.BODY8).items() if a < b} == {6: 7}


def test_body_classes_survive_the_way_through_lip():
    assert all(L.LIP20_TO_BODY8[L.BODY8_TO_LIP20[int(c)]] == c for c in L.BODY8)
