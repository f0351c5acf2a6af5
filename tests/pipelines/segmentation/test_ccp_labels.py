"""Skin and shoes of drawn persons in Clothing Co-Parsing's tags, told apart by their poses."""

import cv2
import numpy as np
import pytest

from pipelines.body import BODY25_SWAP, Body25
from pipelines.clothing_labels import CCP59
from pipelines.errors import ItemError
from pipelines.labels import LIP20
from pipelines.segmentation.ccp_labels import lip20_of_ccp
from pipelines.types import Keypoints, ParseMap, Pose

SIZE = (420, 280)
FRONT = {
    "NOSE": (140, 62), "NECK": (140, 100), "RIGHT_SHOULDER": (106, 102),
    "LEFT_SHOULDER": (174, 102), "RIGHT_ELBOW": (88, 152), "LEFT_ELBOW": (192, 152),
    "RIGHT_WRIST": (80, 200), "LEFT_WRIST": (200, 200), "MID_HIP": (140, 208),
    "RIGHT_HIP": (122, 208), "LEFT_HIP": (158, 208), "RIGHT_KNEE": (118, 290),
    "LEFT_KNEE": (162, 290), "RIGHT_ANKLE": (116, 370), "LEFT_ANKLE": (164, 370),
    "RIGHT_EYE": (131, 54), "LEFT_EYE": (149, 54), "RIGHT_EAR": (122, 58), "LEFT_EAR": (158, 58),
}  # fmt: skip
CROSSED = {**FRONT, "RIGHT_ELBOW": (92, 150), "LEFT_ELBOW": (188, 150), "RIGHT_WRIST": (168, 166),
           "LEFT_WRIST": (112, 138)}  # fmt: skip
"""Forearms before the chest, the hands beyond its middle."""


def pose_of(places) -> Pose:
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    for name, place in places.items():
        xy[Body25[name]], score[Body25[name]] = place, 0.9
    return Pose(Keypoints(xy, score))


def from_behind(places) -> dict[str, tuple[int, int]]:
    """The same outline, but the person looks away: sides exchanged, no eyes and no nose."""
    other = {Body25(j).name: Body25(s).name for j, s in enumerate(BODY25_SWAP)}
    unseen = ("NOSE", "LEFT_EYE", "RIGHT_EYE")
    return {other[name]: place for name, place in places.items() if name not in unseen}


def drawn(places) -> tuple[np.ndarray, dict[LIP20, np.ndarray]]:
    """Ids in CCP59 of a person in T-shirt, shorts and shoes, and where each part is."""
    ids, parts = np.zeros(SIZE, np.uint8), {}

    def paint(tag: CCP59, part: LIP20 | None, draw) -> None:
        mask = np.zeros(SIZE, np.uint8)
        draw(mask)
        ids[mask > 0] = tag
        for other in parts.values():
            other &= mask == 0
        if part is not None:
            parts[part] = parts.get(part, np.zeros(SIZE, bool)) | (mask > 0)

    def limb(*names: str, width: int):
        points = np.array([places[n] for n in names], np.int32)
        return lambda mask: cv2.polylines(mask, [points], False, 1, width)

    paint(CCP59.SKIN, LIP20.NECK, lambda m: cv2.rectangle(m, (126, 78), (154, 108), 1, -1))
    paint(CCP59.HAIR, None, lambda m: cv2.ellipse(m, (140, 48), (25, 28), 0, 0, 360, 1, -1))
    paint(CCP59.SKIN, LIP20.FACE, lambda m: cv2.ellipse(m, (140, 58), (18, 21), 0, 0, 360, 1, -1))
    for side in ("LEFT", "RIGHT"):
        leg = (f"{side}_HIP", f"{side}_KNEE", f"{side}_ANKLE")
        paint(CCP59.SKIN, LIP20[f"{side}_LEG"], limb(*leg, width=26))
        x, y = places[f"{side}_ANKLE"]
        shoe = LIP20[f"{side}_SHOE"]
        paint(CCP59.SNEAKERS, shoe, lambda m, x=x, y=y: cv2.circle(m, (x, y + 12), 14, 1, -1))
    paint(CCP59.SHORTS, LIP20.PANTS, lambda m: cv2.rectangle(m, (106, 204), (174, 256), 1, -1))
    paint(CCP59.T_SHIRT, LIP20.UPPER, lambda m: cv2.rectangle(m, (104, 102), (176, 206), 1, -1))
    for side in ("RIGHT", "LEFT"):
        arm = (f"{side}_SHOULDER", f"{side}_ELBOW", f"{side}_WRIST")
        paint(CCP59.SKIN, LIP20[f"{side}_ARM"], limb(*arm, width=17))
        hand = places[f"{side}_WRIST"]
        paint(CCP59.SKIN, LIP20[f"{side}_ARM"], lambda m, c=hand: cv2.circle(m, c, 10, 1, -1))
    return ids, parts


def found_in(part: np.ndarray, ids: np.ndarray, label: LIP20) -> float:
    """Share of a part, without a rim where its neighbours begin, that has the label."""
    core = cv2.erode(part.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return float((ids[core] == label).mean())


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("name", ["standing", "crossed"])
def test_each_part_gets_its_own_label(name, behind):
    places = {"standing": FRONT, "crossed": CROSSED}[name]
    if behind:
        places = from_behind(places)
    ids, parts = drawn(places)
    made = lip20_of_ccp(ParseMap(ids, CCP59), pose_of(places))
    assert made.labels is LIP20 and made.ids.dtype == np.uint8 and made.ids.shape == SIZE
    shares = {label.name: found_in(part, made.ids, label) for label, part in parts.items()}
    low = {part: share for part, share in shares.items() if share < 0.9}
    assert not low
    assert (made.ids[ids == CCP59.HAIR] == LIP20.HAIR).all()
    assert (made.ids[ids == 0] == 0).all()


def test_sides_are_the_persons_own():
    for places, right_side in ((FRONT, LIP20.LEFT_ARM), (from_behind(FRONT), LIP20.RIGHT_ARM)):
        ids, _ = drawn(places)
        made = lip20_of_ccp(ParseMap(ids, CCP59), pose_of(places)).ids
        assert made[175, 196] == right_side
        shoe = LIP20.LEFT_SHOE if right_side is LIP20.LEFT_ARM else LIP20.RIGHT_SHOE
        assert made[384, 164] == shoe


def test_hosiery_goes_to_the_leg_that_wears_it():
    ids, parts = drawn(FRONT)
    for part in (LIP20.LEFT_LEG, LIP20.RIGHT_LEG):
        ids[parts[part]] = CCP59.TIGHTS
    made = lip20_of_ccp(ParseMap(ids, CCP59), pose_of(FRONT)).ids
    for part in (LIP20.LEFT_LEG, LIP20.RIGHT_LEG):
        assert (made[parts[part]] == part).all()


def test_what_lip_has_no_label_for_is_left_out_or_background():
    ids, _ = drawn(FRONT)
    ids[200:206, 104:176] = CCP59.BELT
    ids[110:114, 130:150] = CCP59.NECKLACE
    ids[190:194, 192:208] = CCP59.WATCH
    ids[220:280, 210:260] = CCP59.BAG
    made = lip20_of_ccp(ParseMap(ids, CCP59), pose_of(FRONT)).ids
    for tag in (CCP59.BELT, CCP59.NECKLACE, CCP59.WATCH):
        assert (made[ids == tag] == 255).all()
    assert (made[ids == CCP59.BAG] == LIP20.BACKGROUND).all()
    assert not (
        made[(ids != CCP59.BELT) & (ids != CCP59.NECKLACE) & (ids != CCP59.WATCH)] == 255
    ).any()


def test_no_part_leaves_small_islands_in_the_skin_of_others():
    """A torso without clothes is where the borders between parts are longest."""
    ids, _ = drawn(CROSSED)
    rng = np.random.default_rng(0)
    ids[(ids == CCP59.T_SHIRT) | (ids == CCP59.SHORTS)] = CCP59.SKIN
    rough = cv2.GaussianBlur(rng.random(SIZE), (0, 0), 2)
    ids[(ids == CCP59.SKIN) & (rough > 0.58)] = CCP59.TOP
    made = lip20_of_ccp(ParseMap(ids, CCP59), pose_of(CROSSED)).ids
    skin = (ids == CCP59.SKIN).astype(np.uint8)
    torso = FRONT["MID_HIP"][1] - FRONT["NECK"][1]
    assert len(np.unique(made[skin > 0])) >= 5
    for label in np.unique(made[skin > 0]):
        part = ((made == label) & (skin > 0)).astype(np.uint8)
        count, pieces = cv2.connectedComponents(part, connectivity=8)
        for piece in range(1, count):
            mask = (pieces == piece).astype(np.uint8)
            beside = (cv2.dilate(mask, np.ones((3, 3), np.uint8)) > mask) & (skin > 0)
            assert mask.sum() > 0.004 * torso**2 - 1 or not beside.any()


def test_maps_that_are_no_clothing_co_parsing_are_refused():
    ids, _ = drawn(FRONT)
    with pytest.raises(ValueError, match="a map in CCP59 is wanted, got LIP20"):
        lip20_of_ccp(ParseMap(ids, LIP20), pose_of(FRONT))
    ids[0, 0] = 59
    with pytest.raises(ValueError, match="id 59 is not in CCP59"):
        lip20_of_ccp(ParseMap(ids, CCP59), pose_of(FRONT))


def test_a_pose_without_shoulders_fails_the_photo():
    ids, _ = drawn(FRONT)
    head = {name: place for name, place in FRONT.items() if "SHOULDER" not in name}
    with pytest.raises(ItemError) as raised:
        lip20_of_ccp(ParseMap(ids, CCP59), pose_of(head))
    assert raised.value.code == "uncertain_pose"
