"""The parser around a network that finds what it is told to find."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from pipelines.clothing_labels import FASHION15
from pipelines.errors import InputError, ItemError, WeightsMissing
from pipelines.flags import Flag
from pipelines.labels import LIP20
from pipelines.preprocess.parsing import PARSERS
from pipelines.segmentation.maskrcnn import MaskRCNNParser, load_parser
from pipelines.types import Keypoints, Pose

GROUPS = {
    LIP20.HAIR: FASHION15.HAIR, LIP20.FACE: FASHION15.FACE, LIP20.NECK: FASHION15.SKIN,
    LIP20.UPPER: FASHION15.TOP, LIP20.PANTS: FASHION15.PANTS, LIP20.LEFT_ARM: FASHION15.SKIN,
    LIP20.RIGHT_ARM: FASHION15.SKIN,
}  # fmt: skip


class Told(nn.Module):
    """Returns what torchvision's Mask R-CNN would return for the classes of an id map."""

    def __init__(self, ids: np.ndarray, scores: dict[int, float]) -> None:
        super().__init__()
        self.ids, self.scores = torch.from_numpy(ids), scores
        self.seen: list[torch.Tensor] = []

    def forward(self, images: list[torch.Tensor]) -> list[dict[str, torch.Tensor]]:
        self.seen += images
        labels = torch.tensor(list(self.scores), dtype=torch.int64)
        masks = (self.ids[None] == labels[:, None, None]).float() * 0.8 + 0.1
        boxes = []
        for mask in masks > 0.5:
            rows, columns = torch.nonzero(mask.any(1)), torch.nonzero(mask.any(0))
            edges = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            boxes.append(torch.stack(edges).float())
        return [
            {
                "boxes": torch.stack(boxes),
                "labels": labels,
                "scores": torch.tensor(list(self.scores.values())),
                "masks": masks[:, None],
            }
        ]


def grouped(ids):
    made = np.zeros_like(ids)
    for label, group in GROUPS.items():
        made[ids == label] = group
    return made


def everything(score):
    return dict.fromkeys(sorted({int(group) for group in GROUPS.values()}), score)


def test_parses_the_person(person):
    photo, ids, pose = person
    network = Told(grouped(ids), everything(0.75))
    parsed = MaskRCNNParser(network)(photo, pose)
    assert parsed.parse.labels is LIP20
    for label in (LIP20.HAIR, LIP20.FACE, LIP20.UPPER, LIP20.PANTS):
        np.testing.assert_array_equal(parsed.parse.ids == label, ids == label)
    for label in (LIP20.LEFT_ARM, LIP20.RIGHT_ARM):
        assert (parsed.parse.ids[ids == label] == label).mean() > 0.9
    assert parsed.score == pytest.approx(0.75)
    assert not parsed.flags
    (seen,) = network.seen
    assert seen.shape == (3, *photo.shape[:2])
    torch.testing.assert_close(seen[:, 100, 50], torch.tensor(photo[100, 50] / 255).float())


def test_the_score_is_weighted_by_area(person):
    photo, ids, pose = person
    scores = everything(0.9) | {int(FASHION15.PANTS): 0.4}
    classes = grouped(ids)
    pants = (classes == FASHION15.PANTS).sum() / (classes > 0).sum()
    parsed = MaskRCNNParser(Told(classes, scores))(photo, pose)
    assert parsed.score == pytest.approx(0.9 - 0.5 * pants, abs=1e-6)


def test_an_empty_map_is_flagged(person):
    photo, ids, pose = person
    parsed = MaskRCNNParser(Told(grouped(ids), everything(0.1)))(photo, pose)
    assert not parsed.parse.ids.any()
    assert parsed.score == 0
    assert parsed.flags == (Flag.UNCERTAIN_PARSE,)


def test_a_pose_without_shoulders_fails_the_photo(person):
    photo, ids, _ = person
    nobody = Pose(Keypoints(np.zeros((25, 2), np.float32), np.zeros(25, np.float32)))
    with pytest.raises(ItemError) as caught:
        MaskRCNNParser(Told(grouped(ids), everything(0.9)))(photo, nobody)
    assert caught.value.code == "uncertain_pose"


def test_is_known_by_name():
    assert PARSERS["maskrcnn"].target == "pipelines.segmentation.maskrcnn:load_parser"
    assert PARSERS["maskrcnn"].family == "parser.maskrcnn"


@pytest.mark.parametrize("name", [None, "absent.safetensors"])
def test_missing_weights_name_the_command_that_trains_them(tmp_path, name):
    with pytest.raises(WeightsMissing) as caught:
        load_parser(weights=name and tmp_path / name, device="cpu", precision="fp32")
    assert caught.value.exit_code == 69
    assert "vtonctl train parser.maskrcnn ROOT --out DIR" in caught.value.hint
    assert "--parser-weights" in caught.value.hint


GOOD = {"family": "parser.maskrcnn", "label_set": "FASHION15"}


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {**GOOD, "family": "parser.ours"},
        {**GOOD, "label_set": "BODY8"},
        GOOD,
        {**GOOD, "config": "no json"},
        {**GOOD, "config": '{"anchor_sizes": [8, 16, 32, 64, 128], "neck": "bifpn"}'},
        {**GOOD, "config": '{"anchor_sizes": [8, 16, 32, 64, 128], "depth": 3}'},
    ],
)
def test_other_weights_are_refused(tmp_path, metadata):
    path = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(1)}, path, metadata)
    with pytest.raises(InputError) as caught:
        load_parser(weights=path, device="cpu", precision="fp32")
    assert caught.value.code == "wrong_weights"
    assert str(path) in caught.value.message
