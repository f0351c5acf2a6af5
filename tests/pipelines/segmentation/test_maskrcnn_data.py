"""Labelled photos as Mask R-CNN learns from them."""

import numpy as np
import pytest
import torch
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from pipelines.clothing_labels import CCP59, FASHION15
from pipelines.codecs import encode
from pipelines.datasets.ccp import set_aside
from pipelines.errors import InputError
from pipelines.labels import LIP20
from pipelines.layout import CCP, Artifact
from pipelines.segmentation.maskrcnn_data import (
    LabelledPhoto,
    LabelledRoot,
    fashion15_of_ccp,
    load_photos,
    spread,
    stacked,
    training_size,
)
from pipelines.types import Keypoints, ParseMap, Pose, Size

F = FASHION15
TAGS = {
    LIP20.HAIR: CCP59.HAIR, LIP20.FACE: CCP59.SKIN, LIP20.NECK: CCP59.SKIN,
    LIP20.UPPER: CCP59.T_SHIRT, LIP20.PANTS: CCP59.JEANS, LIP20.LEFT_ARM: CCP59.SKIN,
    LIP20.RIGHT_ARM: CCP59.SKIN,
}  # fmt: skip


def tagged(ids):
    made = np.zeros_like(ids)
    for label, tag in TAGS.items():
        made[ids == label] = tag
    return ParseMap(made, CCP59)


@pytest.fixture
def ccp_root(tmp_path, person):
    """24 photos in the layout of Clothing Co-Parsing; every second one has a pose."""
    photo, ids, pose = person
    root = tmp_path / "ccp"
    for number in range(24):
        values = {Artifact.IMAGE: photo, Artifact.PARSE: tagged(ids)}
        values |= {Artifact.POSE: pose} if number % 2 == 0 else {}
        for artifact, value in values.items():
            path = CCP.path(root, "all", artifact, f"{number:04}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode(value, CCP.place(artifact).encoding, labels=CCP59))
    return root


def photos(root, split="train", limits=(64, 128, 0)):
    notes = []
    found = load_photos(
        [LabelledRoot.find(root, "auto", "train", "val")], split, limits, notes.append
    )
    return found, notes


def test_reads_a_try_on_layout(cp_vton_root):
    found, notes = photos(cp_vton_root)
    assert [photo.name for photo in found] == [f"{n:06}_0" for n in range(6)]
    assert not notes
    for photo in found:
        assert photo.image.shape == (85, 64, 3)
        assert photo.parse.labels is F
        assert set(np.unique(photo.parse.ids)) == {0, F.TOP, F.PANTS, F.HAIR, F.SKIN, F.FACE}
        top = photo.image[photo.parse.ids == F.TOP].astype(float).mean(0)
        np.testing.assert_allclose(top, (40, 90, 200), atol=12)


def test_photos_set_aside_are_not_learnt_from(ccp_root):
    learnt = {photo.name for photo in photos(ccp_root)[0]}
    judged = {photo.name for photo in photos(ccp_root, "val")[0]}
    names = [f"{n:04}" for n in range(24)]
    assert judged == set_aside(names)
    assert learnt == set(names) - judged


def test_skin_at_the_head_is_face_where_there_is_a_pose(ccp_root):
    found = {photo.name: photo.parse for photo in photos(ccp_root)[0]}
    assert (found["0002"].ids == F.FACE).any()
    assert not (found["0003"].ids == F.FACE).any()
    both = found["0002"].mask(F.FACE, F.SKIN)
    np.testing.assert_array_equal(both, found["0003"].ids == F.SKIN)


def test_face_is_where_the_face_was(person):
    _, ids, pose = person
    made = fashion15_of_ccp(tagged(ids), pose)
    assert (made.ids[ids == LIP20.FACE] == F.FACE).mean() > 0.9
    assert (made.ids[np.isin(ids, (LIP20.LEFT_ARM, LIP20.RIGHT_ARM))] == F.SKIN).all()


def test_a_pose_without_shoulders_leaves_skin(person):
    _, ids, _ = person
    nobody = Pose(Keypoints(np.zeros((25, 2), np.float32), np.zeros(25, np.float32)))
    made = fashion15_of_ccp(tagged(ids), nobody)
    np.testing.assert_array_equal(made.ids, fashion15_of_ccp(tagged(ids), None).ids)


@pytest.mark.parametrize("size", [(256, 192), (825, 550), (100, 400), (64, 64)])
def test_photos_have_the_size_that_the_network_would_give_them(size):
    made = training_size(Size(*size), 96, 160)
    transform = GeneralizedRCNNTransform(96, 160, [0, 0, 0], [1, 1, 1])
    theirs = transform([torch.zeros(3, *size)])[0].image_sizes[0]
    assert np.abs(np.subtract(made, theirs)).max() <= 1, "torchvision rounds down"
    assert min(made) == 96 or max(made) == 160


def test_damaged_photos_are_left_out_and_told(ccp_root):
    (ccp_root / "photos" / "0005.jpg").write_bytes(b"no photo")
    found, notes = photos(ccp_root)
    assert "0005" not in {photo.name for photo in found}
    assert len(notes) == 1
    assert "0005.jpg" in notes[0]


def test_photos_and_labels_of_two_sizes_are_left_out(ccp_root, person):
    photo, *_ = person
    path = ccp_root / "photos" / "0006.jpg"
    path.write_bytes(encode(photo[:200], CCP.place(Artifact.IMAGE).encoding))
    assert "0006: the photo is 200x192, its label map 256x192." in photos(ccp_root)[1][0]


def test_a_split_without_photos_is_an_error(cp_vton_root):
    root = LabelledRoot.find(cp_vton_root, "cp-vton", "train", "test")
    with pytest.raises(InputError, match="no photos with label maps in the split 'test'"):
        load_photos([root], "val", (64, 128, 0), print)


def test_a_limit_spreads_over_the_list():
    assert spread(list("abcdefghi"), 3) == ["a", "e", "i"]
    assert spread(list("abc"), 0) == spread(list("abc"), 9) == ["a", "b", "c"]


def test_photos_share_a_canvas(tmp_path):
    made = stacked(
        [
            LabelledPhoto(
                tmp_path, "", np.full((*size, 3), number, np.uint8),
                ParseMap(np.full(size, number, np.uint8), F),
            )
            for number, size in ((1, (4, 6)), (2, (5, 3)))
        ]
    )  # fmt: skip
    assert made["image"].shape == (2, 3, 5, 6)
    assert made["size"].tolist() == [[4, 6], [5, 3]]
    assert made["image"][1, :, :, :3].eq(2).all()
    assert made["image"][1, :, :, 3:].eq(0).all()
    assert made["parse"][0].sum() == 24
