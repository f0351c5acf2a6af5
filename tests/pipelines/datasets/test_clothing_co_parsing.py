"""Clothing Co-Parsing as published: which photos it has and which are never trained on."""

import json

import numpy as np
import pytest
from PIL import Image

from pipelines.datasets.ccp import ccp_items, set_aside
from pipelines.errors import InputError
from pipelines.layout import CCP, LAYOUTS, Artifact


@pytest.fixture
def root(tmp_path):
    """Thirty labelled photos, one without labels and labels without a photo."""
    for folder in ("photos", "labels"):
        (tmp_path / folder).mkdir()
    picture = Image.fromarray(np.zeros((4, 3), np.uint8))
    for number in range(31):
        picture.convert("RGB").save(tmp_path / "photos" / f"{number:04}.jpg")
        if number != 12:
            picture.save(tmp_path / "labels" / f"{number:04}.png")
    picture.save(tmp_path / "labels" / "0900.png")
    (tmp_path / "labels.json").write_text(json.dumps(["null"]))
    return tmp_path


def test_places_are_the_published_ones(root):
    assert CCP.path(root, "all", Artifact.IMAGE, "0007") == root / "photos" / "0007.jpg"
    assert CCP.path(root, "train", Artifact.PARSE, "0007") == root / "labels" / "0007.png"
    pose = CCP.path(root, "val", Artifact.POSE, "0007")
    assert pose == root / "openpose_json" / "0007_keypoints.json"
    assert CCP.name not in LAYOUTS


def test_every_tenth_photo_is_set_aside(root):
    everything = ccp_items(root, "all")
    assert everything == [f"{n:04}" for n in range(31) if n != 12]
    # the twelfth has no labels, so those after it count one less
    assert ccp_items(root, "val") == ["0000", "0010", "0021"]
    train = ccp_items(root, "train")
    assert not set(train) & set(ccp_items(root, "val"))
    assert sorted([*train, *ccp_items(root, "val")]) == everything


def test_at_most_eighty_are_set_aside_whatever_the_order_of_names():
    names = [f"{n:04}" for n in range(1, 1005)]
    wanted = {f"{n:04}" for n in range(1, 801, 10)}
    assert set_aside(names) == set_aside(names[::-1]) == wanted and len(wanted) == 80
    assert set_aside([]) == frozenset() and set_aside(["a"]) == {"a"}


def test_other_splits_and_folders_are_refused(root, tmp_path):
    with pytest.raises(InputError, match="no split 'test'") as raised:
        ccp_items(root, "test")
    assert raised.value.exit_code == 66 and "train, val, all" in raised.value.hint
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="no labelled photos") as raised:
        ccp_items(empty, "train")
    assert raised.value.code == "no_items"
