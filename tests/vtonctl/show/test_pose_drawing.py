"""A pose drawn for reports."""

import base64
import json
from xml.etree import ElementTree

import pytest

from pipelines.body import BODY25_LIMBS
from pipelines.preprocess.pose_image import BODY_COLOURS
from vtonctl.show.pose_drawing import pose_drawing

JOINTS = [[float(10 + n), float(100 - n)] for n in range(25)]
SVG = "{http://www.w3.org/2000/svg}"


def drawn(address):
    kind, _, data = address.partition(";base64,")
    assert kind == "data:image/svg+xml"
    return ElementTree.fromstring(base64.b64decode(data))  # noqa: S314 - we made it


def test_limbs_and_joints_are_where_the_joints_are():
    places = list(JOINTS)
    places[4] = None  # right wrist
    tree = drawn(pose_drawing({"size": [128, 96], "joints": places}))
    assert tree.get("viewBox") == "0 0 96 128"
    circles = tree.findall(f"{SVG}circle")
    assert len(circles) == 24 and len(tree.findall(f"{SVG}line")) == len(BODY25_LIMBS) - 1
    assert [float(circles[3].get(k)) for k in ("cx", "cy")] == JOINTS[3]
    colours = {"#{:02x}{:02x}{:02x}".format(*BODY_COLOURS[n]) for n in range(25) if n != 4}
    assert {c.get("fill") for c in circles} == colours
    first = tree.findall(f"{SVG}line")[0]
    assert [float(first.get(k)) for k in ("x1", "y1", "x2", "y2")] == [*JOINTS[1], *JOINTS[8]]


@pytest.mark.parametrize(
    "pose",
    [
        None,
        {},
        {"size": [10], "joints": JOINTS},
        {"size": [0, 10], "joints": JOINTS},
        {"size": [10, 10], "joints": JOINTS[:18]},
        {"size": [10, 10], "joints": [["<script>", 2]] * 25},
        {"size": "ab", "joints": 3},
    ],
)
def test_what_is_no_pose_is_not_drawn(pose):
    assert pose_drawing(json.loads(json.dumps(pose))) == ""
