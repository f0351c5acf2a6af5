"""Which labels are judged together, and which pixels are left out; plain tables, no arrays.

Predictions are in LIP20, truths in the label set of their data set. A ``Grouping`` maps both to
numbers of its labels. Pixels whose truth has no label in it are left out; predictions that have
none count as wrong wherever the truth has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.clothing_labels import CCP59
from pipelines.errors import UsageError
from pipelines.labels import LIP20, Labels, merge_table

VITON7: Mapping[str, tuple[int, ...]] = {
    "background": (0,), "hair": (1, 2), "face": (4, 13), "upper": (5, 6, 7), "lower": (9, 12),
    "left arm": (14,), "right arm": (15,),
}  # fmt: skip
"""LIP ids by group: what try-on systems tell apart. Hats count as hair, dresses as upper."""

CCP6: Mapping[str, tuple[int, ...]] = {
    "background": (0,), "hair": (1, 2), "skin": (10, 13, 14, 15, 16, 17), "upper": (5, 6, 7),
    "lower": (9, 12), "shoes": (18, 19),
}  # fmt: skip
"""LIP ids by group, as far as Clothing Co-Parsing's tags tell them apart."""

CCP6_TAGS: Mapping[str, str] = {
    "background": "BACKGROUND",
    "hair": "HAIR",
    "skin": "SKIN",
    "upper": "BLAZER BLOUSE BODYSUIT BRA CAPE CARDIGAN COAT HOODIE INTIMATE JACKET JUMPER SHIRT "
    "SUIT SWEATER SWEATSHIRT SWIMWEAR T_SHIRT TIE TOP VEST",
    "lower": "JEANS LEGGINGS PANTIES PANTS SHORTS SKIRT",
    "dress": "DRESS ROMPER",
    "shoes": "BOOTS CLOGS FLATS HEELS LOAFERS PUMPS SANDALS SHOES SNEAKERS WEDGES",
}
"""Tags by group. The others have no place in a LIP map, or lie on top of a region that has one:
bags, jewellery, belts, hosiery, socks, hats, glasses, gloves and scarves are left out."""

GROUPINGS = ("viton7", "ccp6", "lip20", "none")
"""Names that ``find_groupings`` knows."""


@dataclass(frozen=True)
class Grouping:
    """One way of judging label maps."""

    name: str
    labels: tuple[str, ...]
    """Names of the judged labels; the number of a label is its place here."""
    predicted: Mapping[int, int]
    """Number of each LIP20 id; ids that are missing count as wrong."""
    truth: Mapping[int, int]
    """Number of each id of the truth's label set; pixels of ids that are missing are left out."""
    rule: str
    """What is left out and what counts as what, in a sentence."""
    forgiven: frozenset[tuple[int, int]] = frozenset()
    """(predicted LIP20 id, number of the true label): such pixels are left out."""
    shown: tuple[int, ...] = ()
    """Numbers of the labels that are shown and averaged; all where it is empty."""


def find_groupings(name: str, truth: type[Labels]) -> tuple[Grouping, ...]:
    """The ways of judging against truths of a label set; the first is the main one.

    Raises ``UsageError`` for an unknown name and for a label set that cannot be seen that way.
    """
    if name not in GROUPINGS:
        raise UsageError(
            f"unknown groups {name!r}", code="unknown_name", hint=f"Known: {', '.join(GROUPINGS)}."
        )
    if name == "ccp6":
        return _ccp6(truth)
    try:
        if name == "none":
            return (_own_labels(truth),)
        to_lip = merge_table(truth, LIP20)
    except ValueError as error:
        raise UsageError(
            f"--groups {name}: {error}", code="no_such_groups", hint="Use --groups ccp6."
        ) from None
    return _viton7(to_lip) if name == "viton7" else _lip20(to_lip)


def _viton7(to_lip: Mapping[int, int]) -> tuple[Grouping, ...]:
    table = _numbers(VITON7)
    rule = "true pixels of other labels (legs, shoes, socks, gloves, scarves, necks) are left out"
    main = Grouping(
        name="viton7",
        labels=tuple(VITON7),
        predicted=table,
        truth={label: table[lip] for label, lip in to_lip.items() if lip in table},
        rule=rule,
    )
    others = tuple(sorted({int(label) for label in LIP20} - set(table)))
    apart = _lip(to_lip, "outside of viton7", shown=others)
    return (*_neck(main, to_lip), apart)


def _lip20(to_lip: Mapping[int, int]) -> tuple[Grouping, ...]:
    return _neck(_lip(to_lip, "lip20"), to_lip)


def _lip(to_lip: Mapping[int, int], name: str, shown: tuple[int, ...] = ()) -> Grouping:
    """Each LIP label by itself, those left out that the truth's label set does not know."""
    known = sorted(set(to_lip.values()))
    number = {label: place for place, label in enumerate(known)}
    unknown = [words(label) for label in LIP20 if int(label) not in number]
    lacks = f"; the truth has no {', '.join(unknown)}" if unknown else ""
    return Grouping(
        name=name,
        labels=tuple(words(LIP20(label)) for label in known),
        predicted=number,
        truth={label: number[lip] for label, lip in to_lip.items()},
        rule=f"each label by itself, nothing is left out{lacks}",
        shown=tuple(number[label] for label in shown if label in number),
    )


def _neck(main: Grouping, to_lip: Mapping[int, int]) -> tuple[Grouping, ...]:
    """Where the truth has no neck and draws it as background, judge without it and with it."""
    if LIP20.NECK in to_lip.values():
        return (main,)
    without = Grouping(
        name=main.name,
        labels=main.labels,
        predicted=main.predicted,
        truth=main.truth,
        rule=f"{main.rule}; the truth draws necks as background: pixels predicted as neck whose "
        "truth is background are left out",
        forgiven=frozenset({(int(LIP20.NECK), 0)}),
    )
    strict = Grouping(
        name=f"{main.name}, strict",
        labels=main.labels,
        predicted=main.predicted,
        truth=main.truth,
        rule=f"{main.rule}; a neck predicted on background counts as wrong",
    )
    return without, strict


def _ccp6(truth: type[Labels]) -> tuple[Grouping, ...]:
    if truth is not CCP59:
        raise UsageError(
            f"--groups ccp6: truths are in {truth.__name__}, wanted CCP59",
            code="no_such_groups",
            hint="Use --groups viton7 or lip20, or --layout ccp.",
        )
    left_out = (
        "accessories, bags, belts, hosiery, socks, hats, glasses, gloves and scarves of the truth "
        "are left out"
    )
    apart = dict(CCP6)
    apart["upper"], apart["dress"] = (5, 7), (6,)
    return (
        _of_tags("ccp6", CCP6, {"dress": "upper"}, f"dresses count as upper; {left_out}"),
        _of_tags("ccp6, dress apart", apart, {}, f"dresses are a label of their own; {left_out}"),
    )


def _of_tags(
    name: str, groups: Mapping[str, tuple[int, ...]], merged: Mapping[str, str], rule: str
) -> Grouping:
    place = {group: number for number, group in enumerate(groups)}
    tags = {
        int(CCP59[tag]): place[merged.get(group, group)]
        for group, names in CCP6_TAGS.items()
        for tag in names.split()
    }
    return Grouping(name, tuple(groups), _numbers(groups), tags, rule)


def _own_labels(truth: type[Labels]) -> Grouping:
    number = {int(label): place for place, label in enumerate(truth)}
    from_lip = merge_table(LIP20, truth)
    return Grouping(
        name=truth.__name__,
        labels=tuple(words(label) for label in truth),
        predicted={lip: number[label] for lip, label in from_lip.items()},
        truth=number,
        rule=f"each label of {truth.__name__} by itself, nothing is left out",
    )


def _numbers(groups: Mapping[str, tuple[int, ...]]) -> dict[int, int]:
    return {label: number for number, ids in enumerate(groups.values()) for label in ids}


def words(label: Labels) -> str:
    """A label's name in lower case words."""
    return label.name.lower().replace("_", " ")
