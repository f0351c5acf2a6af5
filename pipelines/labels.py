"""Label sets of human parsing, the merge tables between them, and their palettes.

Ids never travel without their set (``pipelines.types.ParseMap``). "Left" and "right" are the
person's own sides. Imports no array library; tables are plain dicts.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum


class Labels(IntEnum):
    """Base of all label sets: member name = label, value = id in the file."""


class LIP20(Labels):
    """LIP ids as the VITON-HD files use them; id 10 is torso skin there (CIHP), not jumpsuits."""

    BACKGROUND = 0
    HAT = 1
    HAIR = 2
    GLOVE = 3
    SUNGLASSES = 4
    UPPER = 5
    DRESS = 6
    COAT = 7
    SOCKS = 8
    PANTS = 9
    NECK = 10
    SCARF = 11
    SKIRT = 12
    FACE = 13
    LEFT_ARM = 14
    RIGHT_ARM = 15
    LEFT_LEG = 16
    RIGHT_LEG = 17
    LEFT_SHOE = 18
    RIGHT_SHOE = 19


LIP20_TOPS = (LIP20.UPPER, LIP20.DRESS, LIP20.COAT)
"""What a top may be called."""

LIP20_ARMS = (LIP20.LEFT_ARM, LIP20.RIGHT_ARM)
"""Bare arms with their hands."""

LIP20_LOWER = (
    LIP20.PANTS, LIP20.SKIRT, LIP20.LEFT_LEG, LIP20.RIGHT_LEG, LIP20.SOCKS,
    LIP20.LEFT_SHOE, LIP20.RIGHT_SHOE,
)  # fmt: skip
"""Lower clothes, legs and shoes."""


class CPVTONPlus21(Labels):
    """LIP ids plus 20 = neck, as CP-VTON+ writes ``image-parse-new``; 10 is jumpsuits here."""

    BACKGROUND = 0
    HAT = 1
    HAIR = 2
    GLOVE = 3
    SUNGLASSES = 4
    UPPER = 5
    DRESS = 6
    COAT = 7
    SOCKS = 8
    PANTS = 9
    JUMPSUITS = 10
    SCARF = 11
    SKIRT = 12
    FACE = 13
    LEFT_ARM = 14
    RIGHT_ARM = 15
    LEFT_LEG = 16
    RIGHT_LEG = 17
    LEFT_SHOE = 18
    RIGHT_SHOE = 19
    NECK = 20


class CPVTON20(Labels):
    """LIP ids as CP-VTON writes ``image-parse``: no neck (it counts as face); 10 is jumpsuits."""

    BACKGROUND = 0
    HAT = 1
    HAIR = 2
    GLOVE = 3
    SUNGLASSES = 4
    UPPER = 5
    DRESS = 6
    COAT = 7
    SOCKS = 8
    PANTS = 9
    JUMPSUITS = 10
    SCARF = 11
    SKIRT = 12
    FACE = 13
    LEFT_ARM = 14
    RIGHT_ARM = 15
    LEFT_LEG = 16
    RIGHT_LEG = 17
    LEFT_SHOE = 18
    RIGHT_SHOE = 19


class ATR18(Labels):
    """ATR ids; no neck, glove, coat, socks or jumpsuits."""

    BACKGROUND = 0
    HAT = 1
    HAIR = 2
    SUNGLASSES = 3
    UPPER = 4
    SKIRT = 5
    PANTS = 6
    DRESS = 7
    BELT = 8
    LEFT_SHOE = 9
    RIGHT_SHOE = 10
    FACE = 11
    LEFT_LEG = 12
    RIGHT_LEG = 13
    LEFT_ARM = 14
    RIGHT_ARM = 15
    BAG = 16
    SCARF = 17


class VITONHD13(Labels):
    """The 13 groups that VITON-HD's segmentation generator predicts."""

    BACKGROUND = 0
    HAIR = 1
    FACE = 2
    UPPER = 3
    BOTTOM = 4
    LEFT_ARM = 5
    RIGHT_ARM = 6
    LEFT_LEG = 7
    RIGHT_LEG = 8
    LEFT_SHOE = 9
    RIGHT_SHOE = 10
    SOCKS = 11
    NOISE = 12


class VITONHD7(Labels):
    """The 7 groups that VITON-HD's ALIAS generator is conditioned on."""

    BACKGROUND = 0
    PASTE = 1
    UPPER = 2
    HAIR = 3
    LEFT_ARM = 4
    RIGHT_ARM = 5
    NOISE = 6


class ACGPN14(Labels):
    """ACGPN's label ids; 2 and 3 do not occur."""

    BACKGROUND = 0
    HAIR = 1
    UPPER = 4
    LEFT_SHOE = 5
    RIGHT_SHOE = 6
    NOISE = 7
    PANTS = 8
    LEFT_LEG = 9
    RIGHT_LEG = 10
    LEFT_ARM = 11
    FACE = 12
    RIGHT_ARM = 13


class BODY8(Labels):
    """The 8 classes of the instance parser, after a background.

    The classes and their order are those of the YOLOv8 parser for VITON-HD preprocessing.
    """

    BACKGROUND = 0
    HAIR = 1
    FACE = 2
    NECK = 3
    UPPER_BODY = 4
    LOWER_BODY = 5
    LEFT_ARM = 6
    RIGHT_ARM = 7
    SKIRT = 8


LIP20_TO_VITONHD13: Mapping[int, int] = {
    **dict.fromkeys((0, 10), 0), **dict.fromkeys((1, 2), 1), **dict.fromkeys((4, 13), 2),
    **dict.fromkeys((5, 6, 7), 3), **dict.fromkeys((9, 12), 4), 14: 5, 15: 6, 16: 7, 17: 8,
    18: 9, 19: 10, 8: 11, **dict.fromkeys((3, 11), 12),
}  # fmt: skip
"""VITON-HD's grouping of LIP ids (neck counts as background)."""

VITONHD13_TO_VITONHD7: Mapping[int, int] = {
    0: 0, **dict.fromkeys((2, 4, 7, 8, 9, 10, 11), 1), 3: 2, 1: 3, 5: 4, 6: 5, 12: 6,
}  # fmt: skip
"""VITON-HD's grouping for ALIAS; PASTE is what is copied through the agnostic image."""

LIP20_TO_ACGPN14: Mapping[int, int] = {
    0: 0, **dict.fromkeys((1, 2), 1), **dict.fromkeys((5, 6, 7), 4), 18: 5, 19: 6,
    **dict.fromkeys((3, 8, 10, 11), 7), **dict.fromkeys((9, 12), 8), 16: 9, 17: 10, 14: 11,
    **dict.fromkeys((4, 13), 12), 15: 13,
}  # fmt: skip
"""LIP ids to ACGPN's; glove, socks, neck and scarf become NOISE."""

ATR18_TO_LIP20: Mapping[int, int] = {
    0: 0, 1: 1, 2: 2, 3: 4, 4: 5, 5: 12, 6: 9, 7: 6, 8: 0, 9: 18, 10: 19, 11: 13, 12: 16,
    13: 17, 14: 14, 15: 15, 16: 0, 17: 11,
}  # fmt: skip
"""ATR ids to LIP's; belt and bag have no LIP label and become background."""

CPVTONPLUS21_TO_LIP20: Mapping[int, int] = {**{i: i for i in range(20)}, 10: 6, 20: 10}
"""CP-VTON+ ids to LIP's: neck 20 becomes 10, jumpsuits become dress."""

LIP20_TO_CPVTONPLUS21: Mapping[int, int] = {**{i: i for i in range(20)}, 10: 20}
"""LIP ids (10 = torso skin) to CP-VTON+'s."""

LIP20_TO_CPVTON20: Mapping[int, int] = {**{i: i for i in range(20)}, 10: 13}
"""LIP ids (10 = torso skin) to plain LIP without a neck: the neck counts as face."""

CPVTON20_TO_LIP20: Mapping[int, int] = {**{i: i for i in range(20)}, 10: 6}
"""Plain LIP to LIP ids with 10 = torso skin: jumpsuits become dress."""

ACGPN14_TO_LIP20: Mapping[int, int] = {
    0: 0, 1: 2, 4: 5, 5: 18, 6: 19, 7: 10, 8: 9, 9: 16, 10: 17, 11: 14, 12: 13, 13: 15,
}  # fmt: skip
"""ACGPN's ids to LIP's: hats are lost in hair, skirts in pants, and NOISE, which is mostly neck,
becomes neck."""

ACGPN14_TO_VITONHD7: Mapping[int, int] = {
    0: 0, **dict.fromkeys((5, 6, 8, 9, 10, 12), 1), 4: 2, 1: 3, 11: 4, 13: 5, 7: 6,
}  # fmt: skip
"""ACGPN's ids to the groups of ALIAS: NOISE stays what it is."""

LIP20_TO_ATR18: Mapping[int, int] = {
    0: 0, 1: 1, 2: 2, 3: 0, 4: 3, 5: 4, 6: 7, 7: 4, 8: 0, 9: 6, 10: 11, 11: 17, 12: 5, 13: 11,
    14: 14, 15: 15, 16: 12, 17: 13, 18: 9, 19: 10,
}  # fmt: skip
"""LIP ids to ATR's: coats become upper clothes, the neck face; gloves and socks are lost."""

LIP20_TO_BODY8: Mapping[int, int] = {
    **dict.fromkeys((0, 3, 8, 11, 16, 17, 18, 19), 0), **dict.fromkeys((1, 2), 1),
    **dict.fromkeys((4, 13), 2), 10: 3, **dict.fromkeys((5, 6, 7), 4), 9: 5, 14: 6, 15: 7, 12: 8,
}  # fmt: skip
"""LIP ids to the 8 body classes; hats count as hair, dresses as upper body; gloves, socks, scarves,
legs and shoes have no class."""

BODY8_TO_LIP20: Mapping[int, int] = {0: 0, 1: 2, 2: 13, 3: 10, 4: 5, 5: 9, 6: 14, 7: 15, 8: 12}
"""The 8 body classes to LIP ids; hats, sunglasses, dresses and coats are not told apart."""

MERGES: Mapping[tuple[type[Labels], type[Labels]], Mapping[int, int]] = {
    (LIP20, VITONHD13): LIP20_TO_VITONHD13,
    (VITONHD13, VITONHD7): VITONHD13_TO_VITONHD7,
    (LIP20, ACGPN14): LIP20_TO_ACGPN14,
    (LIP20, ATR18): LIP20_TO_ATR18,
    (LIP20, BODY8): LIP20_TO_BODY8,
    (BODY8, LIP20): BODY8_TO_LIP20,
    (LIP20, CPVTON20): LIP20_TO_CPVTON20,
    (LIP20, CPVTONPlus21): LIP20_TO_CPVTONPLUS21,
    (ATR18, LIP20): ATR18_TO_LIP20,
    (CPVTON20, LIP20): CPVTON20_TO_LIP20,
    (CPVTONPlus21, LIP20): CPVTONPLUS21_TO_LIP20,
    (ACGPN14, LIP20): ACGPN14_TO_LIP20,
    (ACGPN14, VITONHD7): ACGPN14_TO_VITONHD7,
}
"""Every direct merge, by source and target set."""


def merge_table(source: type[Labels], target: type[Labels]) -> dict[int, int]:
    """Target id of each source id, direct or by way of LIP20.

    Raises ``ValueError`` where there is no way (for example out of VITONHD7).
    """
    if source is target:
        return {int(label): int(label) for label in source}
    if (source, target) in MERGES:
        return dict(MERGES[source, target])
    if (source, LIP20) in MERGES and (LIP20, target) in MERGES:
        first, second = MERGES[source, LIP20], MERGES[LIP20, target]
        return {label: second[first[label]] for label in first}
    if source is LIP20 and target is VITONHD7:
        return {label: VITONHD13_TO_VITONHD7[group] for label, group in LIP20_TO_VITONHD13.items()}
    raise ValueError(f"{source.__name__} cannot be expressed in {target.__name__}")


def mirror_table(labels: type[Labels]) -> dict[int, int]:
    """Id of each label's mirror image: the labels of the left and right sides are swapped."""
    swapped = {}
    for label in labels:
        side, _, part = label.name.partition("_")
        other = {"LEFT": "RIGHT", "RIGHT": "LEFT"}.get(side)
        swapped[int(label)] = int(labels[f"{other}_{part}"] if other else label)
    return swapped


HEAD_KEPT_CPVTON = frozenset({1, 2, 4, 13})
"""LIP ids that VITON, CP-VTON and the multi-pose loaders keep as the head."""

HEAD_KEPT_CPVTONPLUS_GMM = frozenset({1, 4, 13})
"""LIP ids that CP-VTON+ keeps when it warps: no hair."""

KEPT_CPVTONPLUS_TOM = frozenset({1, 2, 4, 9, 12, 13, 16, 17})
"""LIP ids that CP-VTON+ keeps when it composes: head, trousers, skirt and legs."""

CLOTH_VITON = frozenset({5})
"""LIP ids that VITON (2018) takes as the garment."""

CLOTH_CPVTON = frozenset({5, 6, 7})
"""LIP ids that CP-VTON and CP-VTON+ take as the garment."""

FACE_MULTIPOSE, HAIR_MULTIPOSE = frozenset({4, 13}), frozenset({1, 2})
"""LIP ids that the multi-pose networks take as face and as hair."""

BOTTOM_MULTIPOSE = frozenset({9, 12})
"""LIP ids that the multi-pose networks take as the bottom part (legs 16 and 17 stand alone)."""

PALETTE_CIHP: tuple[tuple[int, int, int], ...] = (
    (0, 0, 0), (128, 0, 0), (255, 0, 0), (0, 85, 0), (170, 0, 51), (255, 85, 0), (0, 0, 85),
    (0, 119, 221), (85, 85, 0), (0, 85, 85), (85, 51, 0), (52, 86, 128), (0, 128, 0), (0, 0, 255),
    (51, 170, 221), (0, 255, 255), (85, 255, 170), (170, 255, 85), (255, 255, 0), (255, 170, 0),
)  # fmt: skip
"""RGB of LIP ids 0..19 in the published VITON-HD files (CIHP_PGN's colours)."""

PALETTE_CPVTONPLUS_NECK = (189, 183, 107)
"""RGB of id 20 (neck) in CP-VTON+ pictures."""


def voc_palette(size: int = 256) -> tuple[tuple[int, int, int], ...]:
    """RGB of ids in the Pascal VOC scheme, as SCHP writes them.

    The bits of an id are taken three at a time, to red, green and blue, from bit 7 downward.

    >>> voc_palette(3)
    ((0, 0, 0), (128, 0, 0), (0, 128, 0))
    """
    colours = []
    for label in range(size):
        rgb, rest = [0, 0, 0], label
        for bit in range(7, -1, -1):
            for channel in range(3):
                rgb[channel] |= ((rest >> channel) & 1) << bit
            rest >>= 3
        colours.append((rgb[0], rgb[1], rgb[2]))
    return tuple(colours)


def palette(labels: type[Labels]) -> tuple[tuple[int, int, int], ...]:
    """RGB per id for pictures of this label set (index = id)."""
    if labels in (LIP20, CPVTON20, CPVTONPlus21):
        return (*PALETTE_CIHP, PALETTE_CPVTONPLUS_NECK)[: max(labels) + 1]
    return voc_palette(max(labels) + 1)
