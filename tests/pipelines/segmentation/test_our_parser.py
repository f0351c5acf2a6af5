"""The parser ``ours`` with weights made by hand, which see nothing but colours."""

import json

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from pipelines.body import Body25
from pipelines.errors import InputError, ItemError
from pipelines.flags import Flag
from pipelines.labels import LIP20
from pipelines.layout import Artifact
from pipelines.preprocess.parsing import ParseStage
from pipelines.segmentation.parser import confidence, load_parser, without_islands
from pipelines.segmentation.parser_network import FAMILY, ParserConfig, build_parser
from pipelines.training.export import WeightsMetadata, write_weights
from pipelines.types import Keypoints, Pose

RED, GREEN, BLUE = LIP20.UPPER, LIP20.HAIR, LIP20.PANTS
COLOURS = {RED: (240, 20, 20), GREEN: (20, 240, 20), BLUE: (20, 20, 240)}
SIZE = (256, 192)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A network whose thin branch hands each pixel's colour to a label; dark is background."""
    network = build_parser(ParserConfig((4, 4, 4, 4, 4), (2, 1, 1, 1), 3))
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d):
                module.weight.zero_()
        for channel, label in enumerate((RED, GREEN, BLUE)):
            network.fine[0].weight[channel, channel, 1, 1] = 1
            # before the thin branch stand the two channels of the wide one
            network.head.weight[label, 2 + channel, 1, 1] = 25
        network.head.bias.fill_(-30)
        network.head.bias[[RED, GREEN, BLUE]] = -5
        network.head.bias[0] = 0
    path = tmp_path_factory.mktemp("weights") / "colours.safetensors"
    config = ParserConfig((4, 4, 4, 4, 4), (2, 1, 1, 1), 3).to_json()
    return write_weights(path, network, WeightsMetadata(FAMILY, config, label_set="LIP20"))


@pytest.fixture(scope="module")
def parser(weights):
    return load_parser(weights=weights, device="cpu", precision="fp32")


def truth_of(height: int, width: int) -> np.ndarray:
    """Hair, top and trousers of a figure, as slanted polygons."""
    ids = np.zeros((height, width), np.uint8)
    for label, corners in (
        (GREEN, ((0.4, 0.08), (0.62, 0.1), (0.6, 0.27), (0.42, 0.26))),
        (RED, ((0.3, 0.3), (0.7, 0.32), (0.66, 0.68), (0.35, 0.66))),
        (BLUE, ((0.36, 0.7), (0.65, 0.71), (0.75, 0.97), (0.28, 0.95))),
    ):
        points = np.array(corners) * (width, height)
        cv2.fillPoly(ids, [np.round(points).astype(np.int32)], int(label))
    return ids


def photo_of(ids: np.ndarray) -> np.ndarray:
    photo = np.full((*ids.shape, 3), 20, np.uint8)
    for label, colour in COLOURS.items():
        photo[ids == label] = colour
    return photo


def pose_of(height: int, width: int) -> Pose:
    places = {
        "NOSE": (0.5, 0.2), "NECK": (0.5, 0.29), "RIGHT_SHOULDER": (0.33, 0.3),
        "LEFT_SHOULDER": (0.68, 0.3), "MID_HIP": (0.5, 0.68), "RIGHT_HIP": (0.42, 0.68),
        "LEFT_HIP": (0.59, 0.68), "RIGHT_KNEE": (0.4, 0.9), "LEFT_KNEE": (0.6, 0.9),
    }  # fmt: skip
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    for name, place in places.items():
        xy[Body25[name]], score[Body25[name]] = np.array(place) * (width, height), 0.9
    return Pose(Keypoints(xy, score))


@pytest.mark.parametrize("size", [(256, 192), (211, 157), (61, 47), (1023, 771)])
def test_labels_lie_where_the_photo_shows_them(parser, size):
    truth = truth_of(*size)
    parsed = parser(photo_of(truth), pose_of(*size))
    ids = parsed.parse.ids
    assert parsed.parse.labels is LIP20 and ids.dtype == np.uint8 and ids.shape == size
    assert ids.max() < 20
    for label in COLOURS:
        found, true = ids == label, truth == label
        assert (found & true).sum() / (found | true).sum() > (0.9 if size[0] < 100 else 0.97)
    assert parsed.score > 0.9 and parsed.flags == ()


def test_photo_at_the_networks_size_is_exact_and_repeats_itself(parser, weights):
    truth = truth_of(*SIZE)
    photo, pose = photo_of(truth), pose_of(*SIZE)
    first = parser(photo, pose)
    np.testing.assert_array_equal(first.parse.ids, truth)
    again = load_parser(weights=weights, device="cpu", precision="fp32")(photo, pose)
    np.testing.assert_array_equal(again.parse.ids, first.parse.ids)
    assert again.score == first.score


def test_half_precision_gives_the_same_labels(weights):
    truth = truth_of(*SIZE)
    parsed = load_parser(weights=weights, device="cpu", precision="bf16")(
        photo_of(truth), pose_of(*SIZE)
    )
    assert (parsed.parse.ids == truth).mean() > 0.999


def test_only_the_person_of_the_pose_is_parsed(parser):
    """Another figure of the same colours stands far beside, and is background."""
    truth = truth_of(*SIZE)
    wide = np.zeros((256, 900), np.uint8)
    wide[:, :192], wide[:, -192:] = truth, truth
    ids = parser(photo_of(wide), pose_of(*SIZE)).parse.ids
    np.testing.assert_array_equal(ids[:, :192], truth)
    assert not ids[:, -192:].any()


def test_specks_are_no_parts_of_the_person(parser):
    truth = truth_of(*SIZE)
    photo, pose = photo_of(truth), pose_of(*SIZE)
    photo[100:104, 90:94] = (200, 20, 240)  # trousers, or else a top
    photo[200:204, 20:24] = COLOURS[RED]
    photo[120:123, 80:84] = (132, 20, 20)  # background, or else a top
    np.testing.assert_array_equal(parser(photo, pose).parse.ids, truth)


def test_nothing_but_a_dark_photo_is_flagged(parser):
    parsed = parser(np.zeros((*SIZE, 3), np.uint8), pose_of(*SIZE))
    assert not parsed.parse.ids.any()
    assert parsed.score == 0 and parsed.flags == (Flag.UNCERTAIN_PARSE,)


def test_one_shoulder_is_enough_and_none_is_not(parser):
    photo = photo_of(truth_of(*SIZE))
    body = pose_of(*SIZE).body
    for gone, fails in (([2], False), ([2, 5], True)):
        xy, score = body.xy.copy(), body.score.copy()
        xy[gone], score[gone] = 0, 0
        if not fails:
            assert parser(photo, Pose(Keypoints(xy, score))).parse.ids.any()
            continue
        with pytest.raises(ItemError, match="both shoulders are missing") as raised:
            parser(photo, Pose(Keypoints(xy, score)))
        assert raised.value.code == "uncertain_pose" and raised.value.exit_code == 3


def test_stage_takes_the_parser_by_name(weights):
    truth = truth_of(*SIZE)
    stage = ParseStage(parser="ours", weights=weights)
    made = stage([{Artifact.IMAGE: photo_of(truth), Artifact.POSE: pose_of(*SIZE)}])[0]
    np.testing.assert_array_equal(made.values[Artifact.PARSE].ids, truth)


def test_small_pieces_go_to_the_second_best_label():
    beliefs = np.full((4, 40, 40), 0.05, np.float32)
    beliefs[0] = 0.5
    beliefs[1, 5:35, 5:20] = 0.8
    beliefs[1, 20:23, 30:33] = 0.8
    beliefs[2, 20:23, 30:33] = 0.6
    beliefs[0, 15:17, 10:12] = 0.9
    beliefs[3, 2:4, 2:4] = 0.9
    before = beliefs.copy()
    made = without_islands(beliefs, 12)
    # what is left is a belief again: else the background would take the rest
    np.testing.assert_allclose(made.sum(0)[20:23, 30:33], 1, atol=1e-5)
    np.testing.assert_array_equal(made[:, 30:35, 30:35], beliefs[:, 30:35, 30:35])
    ids = made.argmax(0)
    assert (ids[20:23, 30:33] == 2).all()
    # a hole in the person closes; a label's largest piece stays, however small
    assert (ids[5:35, 5:20] == 1).all() and (ids[2:4, 2:4] == 3).all()
    np.testing.assert_array_equal(beliefs, before)
    larger = without_islands(beliefs, 9).argmax(0)
    assert (larger[20:23, 30:33] == 1).all()


def test_confidence_falls_with_doubt_and_without_clothes():
    sure = np.full((20, 10, 10), 0.001, np.float32)
    sure[5, 2:8, 2:8], sure[0] = 0.98, 0.5
    doubtful = sure.copy()
    doubtful[5, 2:8, 2:8] = 0.6
    naked = np.roll(sure, 8, 0)
    naked[0] = sure[0]
    assert confidence(sure) == 1
    assert 0 < confidence(doubtful) < 0.35
    assert confidence(naked) == 0
    assert confidence(np.eye(20, 1, dtype=np.float32)[..., None]) == 0


def refused(path) -> InputError:
    with pytest.raises(InputError) as raised:
        load_parser(weights=path, device="cpu", precision="fp32")
    assert raised.value.exit_code == 66 and str(path) in raised.value.message
    return raised.value


def rewritten(weights, path, **metadata) -> None:
    """The same tensors with other metadata."""
    save_file(load_file(weights), path, metadata=metadata)


@pytest.mark.parametrize(
    "config",
    [
        "",
        "no JSON",
        "[]",
        json.dumps({"backbone": "resnet50"}),
        json.dumps({"widths": [4, 4], "blocks": [2, 1, 1, 1], "fine_channels": 3, "pose": True}),
        json.dumps({"widths": [4, 4, 4, 4, -4], "blocks": [2] * 4, "fine_channels": 3, "pose": 1}),
        json.dumps({"widths": "wide", "blocks": [2] * 4, "fine_channels": 3, "pose": True}),
    ],
)
def test_weights_of_another_family_are_refused(weights, tmp_path, config):
    path = tmp_path / "other.safetensors"
    rewritten(weights, path, family="parser.maskrcnn", config=config)
    error = refused(path)
    assert error.code == "wrong_weights" and "parser.maskrcnn" in error.message


def test_tensors_that_do_not_fit_their_config_are_refused(weights, tmp_path):
    path = tmp_path / "larger.safetensors"
    config = ParserConfig((8, 4, 4, 4, 4), (2, 1, 1, 1), 3).to_json()
    rewritten(weights, path, family=FAMILY, config=json.dumps(config))
    assert refused(path).code == "wrong_weights"


def test_damaged_and_missing_files_are_refused(weights, tmp_path):
    path = tmp_path / "half.safetensors"
    path.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    assert refused(path).code == "damaged_weights"
    path.write_bytes(b"")
    assert refused(path).code == "damaged_weights"
    assert refused(tmp_path / "absent.safetensors").code == "unusable_weights"
    with pytest.raises(InputError, match="needs weights") as raised:
        load_parser(weights=None, device="cpu", precision="fp32")
    assert raised.value.code == "no_weights"
