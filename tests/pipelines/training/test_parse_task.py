"""The parser's training: weights of labels, losses, figures, and that it learns from the pose."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from pipelines.checkpoint_manifest import TrainingData
from pipelines.labels import LIP20
from pipelines.segmentation.parser import load_parser
from pipelines.segmentation.parser_network import ParserConfig
from pipelines.training import parse_task
from pipelines.training.label_weights import equalised_weights
from pipelines.training.loop import run
from pipelines.training.parse_augment import NONE, Augmentation
from pipelines.training.parse_data import ParseExample
from pipelines.training.parse_task import (
    GroupedSource,
    ParseSettings,
    ParseTask,
    Sources,
    ValidationSet,
    merged_counts,
    soft_jaccard_loss,
)
from pipelines.training.request import TrainRequest
from pipelines.training.settings import LoopSettings
from pipelines.training.task import StepInfo
from pipelines.types import Keypoints, Pose, Size

SIZE = Size(128, 96)
TINY = ParserConfig((4, 4, 4, 4, 4), (2, 1, 1, 1), 2)
SOURCES = Sources((TrainingData("drawn", "none", 2),), "open")
GROUPS = {"background": (0,), "upper": (5, 6, 7)}


def example(ids: np.ndarray, name: str = "one", joints: np.ndarray | None = None) -> ParseExample:
    """A gray photo with these labels."""
    image = np.full((*ids.shape, 3), 128, np.uint8)
    joints = np.zeros((2, 25, 3), np.float32) if joints is None else joints
    return ParseExample(name, image, ids.astype(np.uint8), joints)


def standing(x: int) -> tuple[np.ndarray, np.ndarray]:
    """Joints of a person at ``x`` and ids that know no more than those: a top and a head."""
    joints = np.zeros((25, 3), np.float32)
    places = {0: (0, 10), 1: (0, 24), 2: (-16, 25), 5: (16, 25), 8: (0, 114), 9: (-9, 114),
              12: (9, 114)}  # fmt: skip
    for joint, (dx, y) in places.items():
        joints[joint] = (x + dx, y, 0.9)
    ids = np.zeros(SIZE, np.uint8)
    cv2.rectangle(ids, (x - 16, 26), (x + 16, 112), int(LIP20.UPPER), -1)
    cv2.circle(ids, (x, 10), 9, int(LIP20.FACE), -1)
    return np.stack([joints, joints]), ids


def task_of(examples, validation=(), config=TINY, **settings) -> ParseTask:
    return ParseTask(
        config,
        ParseSettings(**settings),
        [(e, 1) for e in examples],
        validation,
        augmentation=NONE,
        sources=SOURCES,
    )


def test_weights_are_inverse_to_the_pixels_of_a_label():
    ids = np.zeros((10, 10), np.uint8)
    ids[0], ids[1, :5], ids[2, 0], ids[3] = 5, 13, 9, 255
    weights = equalised_weights([ids, ids], limit=50)
    # 20 of the 200 pixels are left out
    counted = {0: 148, 5: 20, 13: 10, 9: 2}
    wanted = [min(148 / counted[k], 50) if k in counted else 0 for k in range(20)]
    np.testing.assert_allclose(weights.numpy(), wanted, rtol=1e-6)
    assert equalised_weights([np.full((4, 4), 255, np.uint8)], 50).tolist() == [0] * 20


def step(epoch: int) -> StepInfo:
    return StepInfo(0, epoch, 0.0, None, torch.Generator())


def loss_of(task: ParseTask, network, batch, epoch: int = 9) -> float:
    ((name, loss, _),) = task.losses({"parser": network}, batch, step(epoch))
    assert name == "parser"
    return float(loss.detach())


def test_loss_is_the_mean_over_pixels_that_have_a_label():
    ids = np.zeros((64, 32), np.uint8)
    ids[:20], ids[20:30], ids[30:36, :8] = 255, 5, 13  # 640, 320 and 48 of 2048 pixels
    task = task_of([example(ids)], equalised_epochs=2)
    torch.manual_seed(0)
    network = task.modules()["parser"].eval()
    photo = torch.rand(1, 3, 64, 32)
    joints = torch.zeros(1, 25, 3)
    batch = {"images": photo, "ids": torch.from_numpy(ids).long()[None], "joints": joints}
    with torch.no_grad():
        logits = network((photo - 0.5) / 0.25, place_maps())
    surprise = -logits.double().log_softmax(1)[0].permute(1, 2, 0).numpy()
    judged = ids != 255
    each = surprise[judged, ids[judged]]
    assert loss_of(task, network, batch) == pytest.approx(each.mean(), rel=1e-4)
    weights = {0: 1.0, 5: 1040 / 320, 13: 1040 / 48}
    weight = np.array([weights[int(k)] for k in ids[judged]])
    wanted = (each * weight).sum() / weight.sum()
    assert loss_of(task, network, batch, epoch=1) == pytest.approx(wanted, rel=1e-3)
    assert loss_of(task, network, batch, epoch=2) == pytest.approx(each.mean(), rel=1e-4)
    other = batch | {"ids": torch.where(batch["ids"] == 255, 5, batch["ids"])}
    assert loss_of(task, network, other) != pytest.approx(each.mean(), rel=1e-4)


def test_soft_jaccard_of_known_beliefs():
    ids = torch.tensor([[[0, 0, 1, 255], [0, 1, 1, 255]]])
    sure = torch.nn.functional.one_hot(torch.where(ids < 3, ids, 2), 3).permute(0, 3, 1, 2)
    assert float(soft_jaccard_loss(100.0 * sure, ids)) == pytest.approx(0, abs=1e-6)
    # no belief in anything: a third for each label, and label 2 does not occur
    even = torch.zeros(1, 3, 2, 4, requires_grad=True)
    loss = soft_jaccard_loss(even, ids)
    assert float(loss.detach()) == pytest.approx(1 - (3 / 3) / (6 / 3 + 3 - 3 / 3))
    loss.backward()
    assert even.grad[..., 3].abs().max() == 0, "pixels left out teach nothing"
    assert even.grad[0, 1, 0, 2] < 0 < even.grad[0, 2, 0, 2]


@pytest.mark.parametrize("seed", [0, 1])
def test_soft_jaccard_of_random_beliefs(seed):
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 4, 9, 7, generator=random)
    ids = torch.randint(0, 4, (2, 9, 7), generator=random)
    ids[1, :3] = 255
    believed, known = logits.double().softmax(1).numpy(), (ids != 255).numpy()
    shares = []
    for label in range(4):
        p, y = believed[:, label][known], ids.numpy()[known] == label
        shares.append((p * y).sum() / (p + y - p * y).sum())
    assert float(soft_jaccard_loss(logits, ids)) == pytest.approx(1 - np.mean(shares), rel=1e-5)


def test_soft_jaccard_loss_joins_the_cross_entropy():
    ids = np.zeros((64, 32), np.uint8)
    ids[:20] = 5
    batch = {
        "images": torch.rand(1, 3, 64, 32),
        "ids": torch.from_numpy(ids).long()[None],
        "joints": torch.zeros(1, 25, 3),
    }
    plain, both = task_of([example(ids)]), task_of([example(ids)], jaccard=0.5)
    network = plain.modules()["parser"].eval()
    ((_, loss, scalars),) = both.losses({"parser": network}, batch, step(0))
    alone = loss_of(plain, network, batch)
    assert float(loss.detach()) == pytest.approx(
        alone + 0.5 * float(scalars["loss/jaccard"].detach())
    )


def place_maps() -> torch.Tensor:
    """Guide maps of nobody: only the place is there, in 32 pixels, as far as it goes."""
    maps = torch.zeros(1, 35, 16, 8)
    maps[:, -2] = ((torch.arange(8) * 4 + 1.5) / 32).clamp(-1, 1)
    maps[:, -1] = ((torch.arange(16) * 4 + 1.5) / 32).clamp(-1, 1)[:, None]
    return maps


def test_batches_hold_examples_of_several_sizes():
    sizes = [(256, 192), (200, 100), (300, 200), (704, 500), (100, 300)]
    examples = [example(np.full(s, k), f"{k}") for k, s in enumerate(sizes)]
    source = GroupedSource([(e, 1 + (k == 2)) for k, e in enumerate(examples)], torch.device("cpu"))
    assert len(source) == 6
    (batch,) = source.batches([torch.arange(6)])
    shapes = sorted(tuple(t.shape[:3]) for name, t in batch.items() if name.startswith("images"))
    assert shapes == [(1, 512, 320), (1, 704, 704), (2, 256, 192), (2, 384, 288)]
    labels = sorted(
        tuple(sorted(set(map_.unique().tolist()) - {255}))[0]
        for name, stack in batch.items() if name.startswith("ids") for map_ in stack
    )  # fmt: skip
    assert labels == [0, 1, 2, 2, 3, 4]


def test_augmented_batches_are_windows_of_one_size():
    examples = [example(np.zeros(s, np.uint8), str(s)) for s in ((256, 192), (300, 200))]
    task = task_of(examples)
    task.augmentation = Augmentation()
    (batch,) = task.train_data(torch.device("cpu")).batches([torch.tensor([0, 1, 1])])
    made = task.augment(batch, torch.Generator().manual_seed(0))
    assert made["images"].shape == (3, 3, 256, 192) and made["images"].dtype == torch.float32
    assert made["ids"].shape == (3, 256, 192) and made["joints"].shape == (3, 25, 3)


def test_counts_of_labels_are_merged_into_groups():
    counts = np.zeros((20, 21), np.int64)
    counts[5, 5], counts[5, 6], counts[6, 7], counts[5, 0], counts[5, 13] = 100, 10, 5, 3, 2
    counts[0, 0], counts[0, 5], counts[10, 5] = 500, 7, 99
    merged = merged_counts(counts, GROUPS)
    # rows truth, columns prediction and at the end what is in no group; the neck is left out
    assert merged.tolist() == [[500, 7, 0], [3, 115, 2]]


class Reader(torch.nn.Module):
    """Reads labels from the red of a photo: a tenth of its 0..255."""

    def forward(self, image, guide=None):
        found = ((image[:, 0] * 0.25 + 0.5) * 25.5).round().long()
        return torch.nn.functional.one_hot(found, 20).permute(0, 3, 1, 2).float()


def test_figures_of_a_prediction_that_is_known():
    true, found = np.zeros((40, 50), np.uint8), np.zeros((40, 50), np.uint8)
    true[10:30, 10:30], found[10:30, 20:40] = 5, 6
    true[:5] = 255
    judged = example(true)
    judged.image[...] = found[..., None] * 10
    task = task_of([example(true)], [ValidationSet("drawn", [judged], GROUPS)])
    figures = task.validate({"parser": Reader()}, torch.device("cpu"))
    background = 1750 - 600
    wanted = (200 / 600 + background / (background + 400)) / 2
    assert figures["miou"] == figures["drawn/miou"] == pytest.approx(wanted)
    # by itself the label is not hit at all: dresses are no tops
    assert figures["drawn/iou/upper"] == figures["drawn/accuracy/upper"] == 0
    assert figures["drawn/accuracy/background"] == pytest.approx(background / 1350)
    assert "drawn/iou/hair" not in figures
    rows = {row["label"]: row for row in task.rows(figures)}
    assert rows.keys() == {"background", "upper"} and rows["upper"]["set"] == "drawn"
    sheet = task.sheet({"parser": Reader()}, torch.device("cpu"))
    assert sheet.dtype == np.uint8 and sheet.shape == (768, 8 * 192, 3)


class Kept(ParseTask):
    """Remembers the networks that it has exported."""

    kept = None

    def export(self, modules, folder, meta):
        self.kept = modules["parser"]
        return super().export(modules, folder, meta)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Trained on two equal photos whose poses, and therefore labels, differ; and one that is blind
    to poses."""
    torch.set_num_threads(1)
    examples = []
    for x in (34, 62):
        joints, ids = standing(x)
        examples.append(example(ids, f"{x}", joints))
    judged = [ValidationSet("drawn", examples, {"background": (0,), "upper": (5,)})]
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parse_task, "WINDOW", SIZE)
        patch.setattr(parse_task, "CANVASES", (tuple(SIZE),))
        for pose in (True, False):
            out = tmp_path_factory.mktemp("run")
            task = Kept(
                ParserConfig((8, 8, 8, 8, 8), (2, 1, 1, 1), 4, pose),
                ParseSettings(learning_rate=0.02, warmup_steps=4),
                [(e, 2) for e in examples],
                judged,
                augmentation=replace(NONE, noise=0.01),
                sources=SOURCES,
            )
            loop = LoopSettings(batch_size=4, log_every=5, validate_every=40, ema_decay=0.5)
            steps = 60 if pose else 20
            request = TrainRequest("parser.ours", (), out, steps=steps, device="cpu")
            made[pose] = (task, run(task, loop, request, lambda _: None), out)
    return made, examples


def losses(metrics) -> list[float]:
    return [line["loss/parser"] for line in metrics if line["kind"] == "train"]


def test_a_small_network_learns_what_only_the_pose_tells(trained, read_metrics):
    made, _ = trained
    (_, result, out), (_, blind, blind_out) = made[True], made[False]
    seeing = losses(read_metrics(out))
    assert seeing[-1] < 0.1 * seeing[0]
    assert result.figures["drawn/iou/upper"] > 0.9
    # equal photos with different labels cannot be told apart without it
    assert blind.figures["drawn/iou/upper"] < 0.75
    assert seeing[-1] < 0.5 * losses(read_metrics(blind_out))[-1]


def test_exported_weights_are_the_trained_parser(trained, monkeypatch):
    # once, as in training
    monkeypatch.setattr("pipelines.segmentation.parser.SECOND_LOOK_PX", 0)
    made, examples = trained
    task, result, _ = made[True]
    (path,) = [file for file in result.files if file.suffix == ".safetensors"]
    parser = load_parser(weights=path, device="cpu", precision="fp32")
    for one in examples:
        pose = Pose(Keypoints(one.joints[0, :, :2].copy(), one.joints[0, :, 2].copy()))
        ids = parser(one.image, pose).parse.ids
        photo = torch.from_numpy(one.image).permute(2, 0, 1)[None] / 255
        joints = torch.from_numpy(one.joints[:1])
        with torch.no_grad():
            logits = parse_task.parser_logits(task.kept, photo, joints)
        assert (logits[0].argmax(0).numpy() == ids).mean() > 0.99
        assert (ids == one.ids).mean() > 0.95
