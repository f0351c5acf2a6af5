"""From detected instances to LIP ids."""

import numpy as np
import pytest

from pipelines.clothing_labels import FASHION15
from pipelines.labels import LIP20
from pipelines.segmentation.instances import Instances, instances_of
from pipelines.segmentation.maskrcnn_merge import (
    LAYERS,
    fashion15_of_instances,
    lip20_of_fashion15,
    of_person,
)
from pipelines.types import Keypoints, ParseMap, Pose, Size

SIZE = Size(256, 192)
F = FASHION15


def instance(label, score, rows, columns, size=SIZE):
    mask = np.zeros(size, bool)
    mask[slice(*rows), slice(*columns)] = True
    return (columns[0], rows[0], columns[1], rows[1]), mask, int(label), score


def instances(*found):
    boxes, masks, labels, scores = zip(*found, strict=True)
    return Instances(
        np.array(boxes, np.float32),
        np.array(masks),
        np.array(labels, np.int64),
        np.array(scores, np.float32),
    )


def test_every_class_has_a_place():
    placed = [label for layer in LAYERS for label in layer]
    assert sorted(placed) == [label for label in F if label]


def test_the_more_certain_instance_is_on_top():
    pants, skirt = (
        instance(F.PANTS, 0.9, (0, 40), (0, 40)),
        instance(F.SKIRT, 0.6, (20, 60), (0, 40)),
    )
    for found in (instances(pants, skirt), instances(skirt, pants)):
        ids = fashion15_of_instances(found, SIZE).ids
        assert (ids[:40, :40] == F.PANTS).all()
        assert (ids[40:60, :40] == F.SKIRT).all()
        assert not ids[60:].any()


def test_what_is_worn_on_top_stays_on_top():
    found = instances(
        instance(F.BELT, 0.4, (30, 35), (0, 40)),
        instance(F.TOP, 0.95, (0, 40), (0, 40)),
        instance(F.SKIN, 0.99, (0, 50), (0, 50)),
    )
    ids = fashion15_of_instances(found, SIZE).ids
    assert (ids[30:35, :40] == F.BELT).all()
    assert (ids[:30, :40] == F.TOP).all()
    assert (ids[40:50, :50] == F.SKIN).all()


def test_equal_scores_are_painted_in_the_order_of_classes():
    first, second = instance(F.TOP, 0.5, (0, 9), (0, 9)), instance(F.OUTER, 0.5, (0, 9), (0, 9))
    for found in (instances(first, second), instances(second, first)):
        assert (fashion15_of_instances(found, SIZE).ids[:9, :9] == F.OUTER).all()


def test_uncertain_instances_are_left_out():
    found = instances(instance(F.TOP, 0.29, (0, 9), (0, 9)))
    assert not fashion15_of_instances(found, SIZE).ids.any()
    assert fashion15_of_instances(found, SIZE, min_score=0.2).ids.any()


def test_only_the_persons_own_instances_count(person):
    *_, pose = person
    wide = Size(256, 600)
    found = instances(
        instance(F.TOP, 0.9, (84, 170), (62, 130), wide),
        instance(F.TOP, 0.9, (84, 170), (480, 560), wide),
    )
    assert of_person(found, pose).boxes.tolist() == [[62, 84, 130, 170]]


def test_without_joints_nothing_is_the_persons():
    nobody = Pose(Keypoints(np.zeros((25, 2), np.float32), np.zeros(25, np.float32)))
    found = instances(instance(F.TOP, 0.9, (0, 9), (0, 9)))
    assert len(of_person(found, nobody)) == 0


def as_fashion15(ids):
    """The classes of a painted person, without what only the pose can tell."""
    made = np.zeros_like(ids)
    for label, group in {
        LIP20.HAIR: F.HAIR, LIP20.FACE: F.SKIN, LIP20.NECK: F.SKIN, LIP20.UPPER: F.TOP,
        LIP20.PANTS: F.PANTS, LIP20.LEFT_ARM: F.SKIN, LIP20.RIGHT_ARM: F.SKIN,
    }.items():  # fmt: skip
        made[ids == label] = group
    return made


def share(made, wanted, label):
    region = wanted == label
    return float((made[region] == label).mean())


def test_the_pose_divides_skin(person):
    _, wanted, pose = person
    made = lip20_of_fashion15(ParseMap(as_fashion15(wanted), F), pose).ids
    for label in (LIP20.HAIR, LIP20.UPPER, LIP20.PANTS):
        assert share(made, wanted, label) == 1.0
    for label in (LIP20.FACE, LIP20.LEFT_ARM, LIP20.RIGHT_ARM):
        assert share(made, wanted, label) > 0.9, label.name
    assert (made[wanted == 0] == 0).all()


def test_a_detected_face_stays_face(person):
    _, wanted, pose = person
    classes = as_fashion15(wanted)
    classes[wanted == LIP20.NECK] = F.FACE
    made = lip20_of_fashion15(ParseMap(classes, F), pose).ids
    assert (made[wanted == LIP20.NECK] == LIP20.FACE).all()


@pytest.mark.parametrize(
    ("label", "wanted"),
    [
        (F.DRESS, LIP20.DRESS), (F.OUTER, LIP20.COAT), (F.SKIRT, LIP20.SKIRT),
        (F.NECKWEAR, LIP20.SCARF), (F.HEADWEAR, LIP20.HAT), (F.EYEGLASS, LIP20.SUNGLASSES),
        (F.BAG, LIP20.BACKGROUND),
    ],
)  # fmt: skip
def test_other_classes_have_one_label(person, label, wanted):
    _, ids, pose = person
    classes = as_fashion15(ids)
    region = (slice(100, 120), slice(80, 110))
    classes[region] = label
    assert (lip20_of_fashion15(ParseMap(classes, F), pose).ids[region] == wanted).all()


def test_a_belt_joins_the_nearest_garment(person):
    _, ids, pose = person
    classes = as_fashion15(ids)
    assert (classes[165:171, 90] == F.TOP).all()
    assert (classes[171:177, 90] == F.PANTS).all()
    classes[165:177, 70:120] = F.BELT
    made = lip20_of_fashion15(ParseMap(classes, F), pose).ids
    assert (made[165:170, 75:115] == LIP20.UPPER).all()
    assert (made[172:177, 75:115] == LIP20.PANTS).all()


def test_a_belt_alone_is_background(person):
    *_, pose = person
    classes = np.zeros(SIZE, np.uint8)
    classes[165:177, 70:120] = F.BELT
    assert not lip20_of_fashion15(ParseMap(classes, F), pose).ids.any()


def test_footwear_has_the_side_of_its_leg(person):
    _, ids, pose = person
    right, left = pose.body.xy[11], pose.body.xy[14]
    assert right[0] < left[0]
    classes = np.zeros_like(ids)
    for ankle in (right, left):
        x, y = round(float(ankle[0])), round(float(ankle[1]))
        classes[y - 6 : y + 6, x - 6 : x + 6] = F.FOOTWEAR
    made = lip20_of_fashion15(ParseMap(classes, F), pose).ids
    assert (made[244:252, int(right[0])] == LIP20.RIGHT_SHOE).all()
    assert (made[244:252, int(left[0])] == LIP20.LEFT_SHOE).all()


def test_leggings_below_the_knee_are_socks(person):
    *_, pose = person
    classes = np.zeros(SIZE, np.uint8)
    knee, ankle = pose.body.xy[10], pose.body.xy[11]
    column = int(knee[0])
    classes[int(knee[1]) + 12 : int(ankle[1]), column - 6 : column + 6] = F.LEGGINGS
    hip, low = pose.body.xy[12], pose.body.xy[14]
    other = int(hip[0])
    classes[int(hip[1]) : int(low[1]), other - 6 : other + 6] = F.LEGGINGS
    made = lip20_of_fashion15(ParseMap(classes, F), pose).ids
    assert (made[classes[:, column] == F.LEGGINGS, column] == LIP20.SOCKS).all()
    assert (made[classes[:, other] == F.LEGGINGS, other] == LIP20.PANTS).all()


def test_maps_of_other_sets_are_refused(person):
    _, ids, pose = person
    with pytest.raises(ValueError, match="FASHION15"):
        lip20_of_fashion15(ParseMap(ids, LIP20), pose)


def test_known_instances_give_their_map_back(person):
    _, ids, _ = person
    parse = ParseMap(as_fashion15(ids), F)
    made = fashion15_of_instances(instances_of(parse), SIZE)
    np.testing.assert_array_equal(made.ids, parse.ids)
