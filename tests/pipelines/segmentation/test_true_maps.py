"""True maps as instances of the label sets that parsers have."""

import numpy as np
import pytest

from pipelines.clothing_labels import CCP59, FASHION15
from pipelines.labels import BODY8, CPVTON20, LIP20, VITONHD7
from pipelines.segmentation.true_maps import true_instances
from pipelines.types import Keypoints, ParseMap, Pose


def striped(labels, *names):
    """Stripes 10 pixels high."""
    ids = np.repeat([int(labels[name]) for name in names], 10).astype(np.uint8)
    return ParseMap(np.tile(ids[:, None], (1, 40)), labels)


def named(instances, labels):
    return {labels(label).name: int(mask.sum())
            for label, mask in zip(instances.labels, instances.masks, strict=True)}  # fmt: skip


@pytest.fixture
def pose():
    """Shoulders at the border of the second and the third stripe, hips in the fifth."""
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    joints = {0: (20, 12), 1: (20, 22), 2: (12, 22), 5: (28, 22), 8: (20, 46), 9: (15, 46),
              12: (25, 46), 15: (18, 10), 16: (22, 10), 17: (16, 11), 18: (24, 11)}  # fmt: skip
    for joint, point in joints.items():
        xy[joint], score[joint] = point, 0.9
    return Pose(Keypoints(xy, score))


def test_lip_maps_as_body_parts():
    truth = striped(LIP20, "BACKGROUND", "HAIR", "FACE", "DRESS", "SKIRT", "LEFT_SHOE")
    found = named(true_instances(truth, None, BODY8), BODY8)
    assert found == {"HAIR": 400, "FACE": 400, "UPPER_BODY": 400, "SKIRT": 400}


def test_lip_maps_as_clothes():
    truth = striped(LIP20, "HAT", "HAIR", "LEFT_ARM", "RIGHT_ARM", "COAT", "GLOVE")
    found = named(true_instances(truth, None, FASHION15), FASHION15)
    assert found == {"HEADWEAR": 400, "HAIR": 400, "SKIN": 800, "OUTER": 400}


def test_maps_of_other_sets_go_by_way_of_lip():
    truth = striped(CPVTON20, "BACKGROUND", "JUMPSUITS", "FACE")
    found = named(true_instances(truth, None, FASHION15), FASHION15)
    assert found == {"DRESS": 400, "FACE": 400}


def test_ignored_pixels_are_no_instance():
    truth = striped(LIP20, "BACKGROUND", "UPPER", "FACE")
    truth.ids[10:15] = 255
    assert named(true_instances(truth, None, BODY8), BODY8) == {"UPPER_BODY": 200, "FACE": 400}


def test_skin_of_ccp_is_divided_by_the_pose(pose):
    truth = striped(CCP59, "HAIR", "SKIN", "T_SHIRT", "T_SHIRT", "JEANS")
    parts = named(true_instances(truth, pose, BODY8), BODY8)
    assert parts["HAIR"] == 400 and parts["UPPER_BODY"] == 800 and parts["LOWER_BODY"] == 400
    assert parts["FACE"] > 50
    clothes = named(true_instances(truth, pose, FASHION15), FASHION15)
    assert clothes["FACE"] == parts["FACE"]
    assert clothes["TOP"] == 800 and clothes["PANTS"] == 400
    without = named(true_instances(truth, None, FASHION15), FASHION15)
    assert without["SKIN"] == 400 and "FACE" not in without


@pytest.mark.parametrize(
    ("truth", "labels"),
    [
        (striped(CCP59, "SKIN"), BODY8),
        (striped(LIP20, "HAIR"), CPVTON20),
        (striped(VITONHD7, "HAIR"), BODY8),
    ],
)
def test_what_leads_nowhere_is_refused(truth, labels):
    with pytest.raises(ValueError, match=r"no instances|cannot be expressed|not in"):
        true_instances(truth, None, labels)
