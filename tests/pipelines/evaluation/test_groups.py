"""Groups of labels: complete, without overlap, and as publications define them."""

import pytest

from pipelines.clothing_labels import CCP59, CCP59_TO_LIP20
from pipelines.errors import UsageError
from pipelines.evaluation.groups import CCP6_TAGS, GROUPINGS, find_groupings
from pipelines.labels import (
    ACGPN14,
    ATR18,
    CPVTON20,
    LIP20,
    LIP20_TO_VITONHD13,
    VITONHD7,
    CPVTONPlus21,
)


def test_viton7_is_the_published_grouping_of_viton_hd():
    """Its 13 groups hold ours, but for sunglasses and hats, which it has with face and hair too."""
    main = find_groupings("viton7", CPVTON20)[0]
    assert main.labels == (
        "background", "hair", "face", "upper", "lower", "left arm", "right arm",
    )  # fmt: skip
    published = {
        lip: group for lip, group in LIP20_TO_VITONHD13.items() if group <= 6 and lip != 10
    }
    assert main.predicted == published


def test_a_truth_without_neck_is_judged_without_necks_and_strictly():
    without, strict, _ = find_groupings("viton7", CPVTON20)
    assert without.forgiven == {(LIP20.NECK, 0)} and not strict.forgiven
    assert (without.truth, without.predicted) == (strict.truth, strict.predicted)
    assert "neck" in without.rule and "neck" in strict.rule
    # nobody's neck is forgiven where the truth knows what a neck is
    for truth in (LIP20, CPVTONPlus21):
        assert not any(g.forgiven for g in find_groupings("viton7", truth))


def test_the_labels_outside_of_viton7_are_reported_apart():
    apart = find_groupings("viton7", CPVTON20)[-1]
    shown = {apart.labels[number] for number in apart.shown}
    assert shown == {
        "glove", "socks", "scarf", "left leg", "right leg", "left shoe", "right shoe",
    }  # fmt: skip


def test_lip20_has_the_labels_that_the_truth_knows():
    assert "neck" not in find_groupings("lip20", CPVTON20)[0].labels
    assert len(find_groupings("lip20", LIP20)[0].labels) == 20
    atr = find_groupings("lip20", ATR18)[0]
    assert {"coat", "glove", "socks", "neck"}.isdisjoint(atr.labels)
    assert "coat" in atr.rule
    # numbers of both sides mean the same label
    hair = atr.labels.index("hair")
    assert atr.truth[ATR18.HAIR] == atr.predicted[LIP20.HAIR] == hair


def test_ccp6_counts_dresses_as_upper_and_apart():
    main, apart = find_groupings("ccp6", CCP59)
    upper = main.labels.index("upper")
    assert main.truth[CCP59.DRESS] == main.predicted[LIP20.DRESS] == upper
    assert len(main.labels) == 6
    dress = apart.labels.index("dress")
    assert apart.truth[CCP59.ROMPER] == apart.predicted[LIP20.DRESS] == dress
    assert apart.predicted[LIP20.COAT] == apart.truth[CCP59.COAT] == upper


def test_each_tag_of_ccp_is_in_one_group_or_left_out():
    named = [tag for names in CCP6_TAGS.values() for tag in names.split()]
    assert len(named) == len(set(named))
    left_out = {tag.name for tag in CCP59} - set(named)
    assert left_out == {
        "ACCESSORIES", "BAG", "BELT", "BRACELET", "EARRINGS", "GLASSES", "GLOVES", "HAT",
        "NECKLACE", "PURSE", "RING", "SCARF", "SOCKS", "STOCKINGS", "SUNGLASSES", "TIGHTS",
        "WALLET", "WATCH",
    }  # fmt: skip


def test_ccp6_agrees_with_the_merge_of_tags_into_lip_ids():
    """Skin and shoes are divided by a pose there; their first labels stand for all of them."""
    main = find_groupings("ccp6", CCP59)[0]
    for tag, group in main.truth.items():
        assert main.predicted[CCP59_TO_LIP20[tag]] == group, CCP59(tag)


def test_own_labels_of_a_layout():
    (own,) = find_groupings("none", ACGPN14)
    noise = own.labels.index("noise")
    assert own.predicted[LIP20.NECK] == own.truth[ACGPN14.NOISE] == noise


@pytest.mark.parametrize("name", GROUPINGS)
@pytest.mark.parametrize("truth", [LIP20, CPVTON20, CPVTONPlus21, ACGPN14, ATR18])
def test_numbers_lie_within_the_labels(name, truth):
    if name == "ccp6":
        return
    for grouping in find_groupings(name, truth):
        numbers = {*grouping.predicted.values(), *grouping.truth.values(), *grouping.shown}
        assert numbers <= set(range(len(grouping.labels)))
        assert set(grouping.truth) <= {int(label) for label in truth}


@pytest.mark.parametrize(
    ("name", "truth"),
    [("ccp6", LIP20), ("viton7", CCP59), ("none", CCP59), ("lip20", VITONHD7), ("?", LIP20)],
)
def test_what_cannot_be_judged_is_refused(name, truth):
    with pytest.raises(UsageError) as caught:
        find_groupings(name, truth)
    assert caught.value.hint
