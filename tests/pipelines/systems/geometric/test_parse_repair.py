"""Repairs of label maps, on drawn maps with one known mistake each."""

import numpy as np

from pipelines.systems.geometric.parse_repair import (
    collar_called_hair,
    collar_called_neck,
    cuff_called_lower,
    garment_called,
    hair_crumbs,
)

UNIT = 100.0
SKIN, RED, BLUE = (214, 168, 140), (190, 20, 40), (40, 60, 160)


def masks(*boxes):
    """One mask ``[200, 200]`` for each (top, bottom, left, right)."""
    found = []
    for top, bottom, left, right in boxes:
        mask = np.zeros((200, 200), bool)
        mask[top:bottom, left:right] = True
        found.append(mask)
    return found


def painted(*parts):
    image = np.full((200, 200, 3), 235, np.uint8)
    for mask, colour in parts:
        image[mask] = colour
    return image


def test_a_cuff_in_the_garments_colour_is_no_pair_of_trousers():
    sleeve, cuff, trousers = masks((40, 120, 20, 44), (120, 150, 20, 44), (110, 200, 80, 160))
    forearm = sleeve | cuff
    image = painted((sleeve, RED), (cuff, RED), (trousers, BLUE))
    found = cuff_called_lower(image, sleeve, cuff | trousers, forearm, UNIT)
    assert found[cuff].mean() > 0.9
    assert not found[trousers].any()


def test_trousers_behind_a_forearm_stay_trousers():
    sleeve, seen = masks((40, 120, 20, 44), (120, 150, 20, 44))
    image = painted((sleeve, RED), (seen, BLUE))
    assert not cuff_called_lower(image, sleeve, seen, sleeve | seen, UNIT).any()


def test_a_bare_forearm_claims_nothing():
    arm, below = masks((40, 120, 20, 44), (120, 150, 20, 44))
    image = painted((arm, SKIN), (below, RED))
    nothing = np.zeros_like(arm)
    assert not cuff_called_lower(image, nothing, below, arm | below, UNIT).any()


def test_a_band_across_the_foot_of_the_neck_is_a_collar_not_hair():
    neck, band, top, strand = masks(
        (40, 80, 80, 120), (80, 90, 76, 124), (90, 180, 40, 160), (20, 120, 130, 140)
    )
    found = collar_called_hair(band | strand, neck, top & ~strand, UNIT)
    assert found[80:90, 82:118].mean() > 0.9
    assert not found[strand].any()


def test_hair_beside_the_neck_stays_hair():
    neck, left, top = masks((40, 80, 80, 120), (30, 90, 60, 78), (90, 180, 40, 160))
    assert not collar_called_hair(left, neck, top, UNIT).any()


def test_a_collar_of_another_hue_leaves_the_neck_and_skin_stays():
    face, neck, collar, top = masks(
        (10, 60, 75, 125), (60, 110, 80, 120), (90, 110, 80, 120), (110, 190, 40, 160)
    )
    image = painted((top, RED), (neck, SKIN), (face, SKIN), (collar, BLUE))
    found = collar_called_neck(image, face, neck, top, UNIT)
    assert found[collar].mean() > 0.9
    assert found[neck & ~collar].mean() < 0.1


def test_the_chins_shadow_is_no_collar():
    face, neck, shade, top = masks(
        (10, 60, 75, 125), (60, 110, 80, 120), (62, 74, 82, 118), (110, 190, 40, 160)
    )
    image = painted((top, RED), (neck, SKIN), (face, SKIN), (shade, (52, 40, 32)))
    assert not collar_called_neck(image, face, neck, top, UNIT).any()


def test_a_print_under_hair_goes_with_the_garment_and_the_hair_stays():
    """Long dark hair before a navy top with an orange letter, half of which was called hair."""
    unit = 90.0
    image = np.full((200, 160, 3), 235, np.uint8)
    old, hair = np.zeros((200, 160), bool), np.zeros((200, 160), bool)
    old[70:190, 20:140] = True
    image[old] = (25, 28, 50)
    hair[10:120, 60:84] = True
    old &= ~hair
    image[hair] = (70, 45, 35)
    letter = np.zeros_like(hair)
    letter[90:112, 76:110] = True
    image[letter] = (245, 95, 20)
    noise = np.random.default_rng(0).normal(0, 4, image.shape)
    image = np.clip(image + noise, 0, 255).astype(np.uint8)
    sure = hair.copy()
    sure[60:] = False
    claimed = garment_called(image, old, hair, unit, sure)
    called = letter & hair
    assert (claimed & called).sum() > 0.9 * called.sum()
    assert (claimed & ~called).sum() < 0.1 * called.sum()
    # hair that lies in front of the letter is there in neither sample without the certain part
    assert (garment_called(image, old, hair, unit) & called).sum() < 0.5 * called.sum()


def test_crumbs_of_hair_on_the_garment_are_the_garment():
    head, old, crumb, earring = masks(
        (10, 60, 60, 140), (80, 190, 30, 170), (110, 116, 90, 98), (62, 66, 40, 44)
    )
    old &= ~crumb
    found = hair_crumbs(head | crumb | earring, old, UNIT)
    # what hangs apart from head and garment alike may be jewellery
    assert found[crumb].all() and not found[head | earring].any()
