"""Label sets that tell clothes apart, and their merge tables into LIP ids and each other.

Sources: Clothing Co-Parsing (Yang, Luo and Lin, CVPR 2014) and DeepFashion's In-shop parsing.
Imports no array library; tables are plain dicts.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.labels import LIP20, Labels


class CCP59(Labels):
    """The 59 tags of Clothing Co-Parsing; ``skin`` is all bare skin, the face included."""

    BACKGROUND = 0
    ACCESSORIES = 1
    BAG = 2
    BELT = 3
    BLAZER = 4
    BLOUSE = 5
    BODYSUIT = 6
    BOOTS = 7
    BRA = 8
    BRACELET = 9
    CAPE = 10
    CARDIGAN = 11
    CLOGS = 12
    COAT = 13
    DRESS = 14
    EARRINGS = 15
    FLATS = 16
    GLASSES = 17
    GLOVES = 18
    HAIR = 19
    HAT = 20
    HEELS = 21
    HOODIE = 22
    INTIMATE = 23
    JACKET = 24
    JEANS = 25
    JUMPER = 26
    LEGGINGS = 27
    LOAFERS = 28
    NECKLACE = 29
    PANTIES = 30
    PANTS = 31
    PUMPS = 32
    PURSE = 33
    RING = 34
    ROMPER = 35
    SANDALS = 36
    SCARF = 37
    SHIRT = 38
    SHOES = 39
    SHORTS = 40
    SKIN = 41
    SKIRT = 42
    SNEAKERS = 43
    SOCKS = 44
    STOCKINGS = 45
    SUIT = 46
    SUNGLASSES = 47
    SWEATER = 48
    SWEATSHIRT = 49
    SWIMWEAR = 50
    T_SHIRT = 51
    TIE = 52
    TIGHTS = 53
    TOP = 54
    VEST = 55
    WALLET = 56
    WATCH = 57
    WEDGES = 58


class FASHION15(Labels):
    """DeepFashion's In-shop parsing classes, in its order, after a background."""

    BACKGROUND = 0
    TOP = 1
    SKIRT = 2
    LEGGINGS = 3
    DRESS = 4
    OUTER = 5
    PANTS = 6
    BAG = 7
    NECKWEAR = 8
    HEADWEAR = 9
    EYEGLASS = 10
    BELT = 11
    FOOTWEAR = 12
    HAIR = 13
    SKIN = 14
    FACE = 15


def _by_name(
    source: type[Labels], target: type[Labels], groups: Mapping[str, str]
) -> dict[int, int]:
    """Target id of each source id, from names of the target to lists of names of the source."""
    return {
        int(source[name]): int(target[group])
        for group, names in groups.items()
        for name in names.split()
    }


LIP20_TO_FASHION15: Mapping[int, int] = {
    0: 0, 1: 9, 2: 13, 3: 0, 4: 10, 5: 1, 6: 4, 7: 5, 8: 3, 9: 6, 10: 14, 11: 8, 12: 2, 13: 15,
    **dict.fromkeys((14, 15, 16, 17), 14), **dict.fromkeys((18, 19), 12),
}  # fmt: skip
"""LIP ids to DeepFashion's classes; socks count as leggings, gloves have no class."""

CCP59_TO_FASHION15: Mapping[int, int] = _by_name(CCP59, FASHION15, {
    "BACKGROUND": "BACKGROUND ACCESSORIES BRACELET EARRINGS GLOVES RING WATCH",
    "TOP": "BLOUSE BODYSUIT BRA HOODIE INTIMATE JUMPER SHIRT SWEATER SWEATSHIRT SWIMWEAR T_SHIRT "
    "TOP VEST",
    "SKIRT": "SKIRT",
    "LEGGINGS": "LEGGINGS SOCKS STOCKINGS TIGHTS",
    "DRESS": "DRESS ROMPER",
    "OUTER": "BLAZER CAPE CARDIGAN COAT JACKET SUIT",
    "PANTS": "JEANS PANTIES PANTS SHORTS",
    "BAG": "BAG PURSE WALLET",
    "NECKWEAR": "NECKLACE SCARF TIE",
    "HEADWEAR": "HAT",
    "EYEGLASS": "GLASSES SUNGLASSES",
    "BELT": "BELT",
    "FOOTWEAR": "BOOTS CLOGS FLATS HEELS LOAFERS PUMPS SANDALS SHOES SNEAKERS WEDGES",
    "HAIR": "HAIR",
    "SKIN": "SKIN",
})  # fmt: skip
"""Clothing Co-Parsing's tags to DeepFashion's classes; all skin is SKIN, as there is no face tag;
small jewellery and gloves have no class."""

IGNORED = 255
"""In maps for training and evaluation: a pixel that is left out."""

CCP59_TO_LIP20: Mapping[int, int] = {**_by_name(CCP59, LIP20, {
    "BACKGROUND": "BACKGROUND BAG PURSE WALLET",
    "HAT": "HAT",
    "HAIR": "HAIR",
    "GLOVE": "GLOVES",
    "SUNGLASSES": "SUNGLASSES",
    "UPPER": "BLOUSE BODYSUIT BRA HOODIE INTIMATE JUMPER SHIRT SWEATER SWEATSHIRT SWIMWEAR T_SHIRT "
    "TIE TOP VEST",
    "DRESS": "DRESS ROMPER",
    "COAT": "BLAZER CAPE CARDIGAN COAT JACKET SUIT",
    "SOCKS": "SOCKS",
    "PANTS": "JEANS LEGGINGS PANTIES PANTS SHORTS",
    "SCARF": "SCARF",
    "SKIRT": "SKIRT",
    "FACE": "GLASSES SKIN",
    "LEFT_LEG": "STOCKINGS TIGHTS",
    "LEFT_SHOE": "BOOTS CLOGS FLATS HEELS LOAFERS PUMPS SANDALS SHOES SNEAKERS WEDGES",
}), **dict.fromkeys(
    (CCP59.ACCESSORIES, CCP59.BELT, CCP59.BRACELET, CCP59.EARRINGS, CCP59.NECKLACE, CCP59.RING,
     CCP59.WATCH), IGNORED,
)}  # fmt: skip
"""Clothing Co-Parsing's tags to LIP ids, before a pose has told face, neck, arms and legs, left and
right apart (``pipelines.segmentation.ccp_labels``). Bags are background; what is worn on the skin
or between two garments has no LIP label and is IGNORED."""
