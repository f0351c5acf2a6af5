"""Training of Mask R-CNN: targets, flips, rates, figures, files."""

import json

import numpy as np
import pytest
import torch

from pipelines.checkpoint_files import load_safetensors
from pipelines.clothing_labels import FASHION15
from pipelines.errors import ConfigError, InputError, WeightsMissing
from pipelines.evaluation.detection import DetectionTally
from pipelines.registry import TRAINERS
from pipelines.segmentation.instances import Instances, instances_of
from pipelines.segmentation.maskrcnn import load_parser
from pipelines.segmentation.maskrcnn_data import LabelledRoot
from pipelines.segmentation.maskrcnn_settings import PARSER_MASKRCNN, MaskRCNNSettings
from pipelines.segmentation.maskrcnn_train import (
    CLASSES,
    MaskRCNNTask,
    class_rows,
    flat_figures,
    instance_targets,
    train,
)
from pipelines.training.request import TrainRequest
from pipelines.training.task import StepInfo
from pipelines.types import ParseMap

TINY = {
    "backbone": "resnet18",
    "min_size": 64,
    "max_size": 96,
    "rois_per_image": 8,
    "proposals": 20,
    "detections": 8,
}


def task(root, **settings):
    notes = []
    roots = [LabelledRoot.find(root, "auto", "train", "val")]
    made = MaskRCNNTask(MaskRCNNSettings(**{**TINY, **settings}), roots, notes.append)
    return made, notes


def info(step=0, fraction=0.0):
    return StepInfo(step, 0, fraction, 100, torch.Generator().manual_seed(step))


def test_targets_are_the_instances_of_the_map():
    generator = np.random.default_rng(5)
    for _ in range(20):
        ids = np.zeros((40, 30), np.uint8)
        for _ in range(6):
            top, left = generator.integers(0, 36), generator.integers(0, 26)
            height, width = generator.integers(1, 12, 2)
            ids[top : top + height, left : left + width] = generator.integers(0, 16)
        wanted = instances_of(ParseMap(ids, FASHION15), min_area_px=16)
        made = instance_targets(torch.from_numpy(ids))
        np.testing.assert_array_equal(made["boxes"].numpy(), wanted.boxes)
        np.testing.assert_array_equal(made["labels"].numpy(), wanted.labels)
        np.testing.assert_array_equal(made["masks"].numpy().astype(bool), wanted.masks)


def test_pixels_left_out_are_no_instance():
    ids = torch.full((20, 20), 255, dtype=torch.uint8)
    assert len(instance_targets(ids)["labels"]) == 0


def test_a_photo_without_instances_can_be_learnt_from(cp_vton_root):
    made, _ = task(cp_vton_root)
    modules = made.modules()
    modules["network"].train()
    batch = {
        "image": torch.zeros(1, 3, 85, 64, dtype=torch.uint8),
        "parse": torch.zeros(1, 85, 64, dtype=torch.uint8),
        "size": torch.tensor([[85, 64]]),
    }
    ((_, loss, _),) = made.losses(modules, batch, info())
    assert torch.isfinite(loss)


def test_flips_mirror_photo_and_labels_within_their_size(cp_vton_root):
    made, _ = task(cp_vton_root)
    generator = torch.Generator().manual_seed(0)
    batch = {
        "image": torch.randint(0, 255, (40, 3, 6, 8), dtype=torch.uint8, generator=generator),
        "parse": torch.randint(0, 16, (40, 6, 8), dtype=torch.uint8, generator=generator),
        "size": torch.tensor([[6, 8], [6, 5]] * 20),
    }
    before = {name: tensor.clone() for name, tensor in batch.items()}
    changed = made.augment(batch, torch.Generator().manual_seed(1))
    flipped = 0
    for at in range(40):
        width = int(batch["size"][at, 1])
        mirrored = not torch.equal(changed["image"][at], before["image"][at])
        flipped += mirrored
        for name in ("image", "parse"):
            wanted = before[name][at].clone()
            if mirrored:
                wanted[..., :width] = wanted[..., :width].flip(-1)
            assert torch.equal(changed[name][at], wanted)
    assert 10 < flipped < 30
    assert all(torch.equal(batch[name], before[name]) for name in batch), "data are not changed"


def test_flips_can_be_left_out(cp_vton_root):
    made, _ = task(cp_vton_root, flip=False)
    batch = {"image": torch.zeros(1, 3, 4, 4), "size": torch.tensor([[4, 4]])}
    assert made.augment(batch, torch.Generator()) is batch


def test_rate_rises_for_500_steps_then_falls_twice(cp_vton_root):
    made, _ = task(cp_vton_root)
    rates = [made.learning_rate("network", info(step)) for step in (0, 250, 500, 600)]
    assert rates == pytest.approx([0.001, 0.5005, 1, 1])
    late = [made.learning_rate("network", info(600, f)) for f in (0.66, 0.67, 0.88, 0.89)]
    assert late == pytest.approx([1, 0.1, 0.1, 0.01])
    constant, _ = task(cp_vton_root, schedule="constant")
    assert constant.learning_rate("network", info(600, 0.95)) == 1


def test_a_short_run_has_a_short_warmup_and_says_so(cp_vton_root):
    made, notes = task(cp_vton_root)
    made.fit_warmup(5000)
    assert made.warmup_steps == 500
    made.fit_warmup(300)
    assert made.warmup_steps == 30
    assert notes[-1] == "warm-up of 30 instead of 500 steps: 300 in all"


def test_optimizer_is_the_published_one(cp_vton_root):
    made, _ = task(cp_vton_root)
    modules = made.modules()
    group = made.optimizers(modules)["network"].param_groups[0]
    assert isinstance(made.optimizers(modules)["network"], torch.optim.SGD)
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (0.009, 0.9, 1e-4)
    assert len(group["params"]) == len(list(modules["network"].parameters()))


def test_jitter_shows_photos_at_several_sizes_and_judges_at_one(cp_vton_root):
    made, _ = task(cp_vton_root, scale_jitter=0.25)
    transform = made.modules()["network"].transform
    assert transform.min_size == [48, 56, 72, 80, 64]
    image = [torch.rand(3, 64, 64)]
    assert transform.eval()(image)[0].image_sizes == [(64, 64)]


def test_defaults_are_the_published_ones():
    published = {
        "neck": "carafe", "backbone": "resnet50", "lr": 0.009, "warmup_steps": 500, "epochs": 5,
    }  # fmt: skip
    assert {name: PARSER_MASKRCNN.defaults[name] for name in published} == published
    assert TRAINERS["parser.maskrcnn"][0] is PARSER_MASKRCNN
    network = MaskRCNNSettings().network(15)
    assert network["anchor_sizes"] == (32, 64, 128, 256, 512)
    assert (network["norm"], network["trainable_layers"]) == ("group", 5)
    pretrained = MaskRCNNSettings(pretrained="imagenet").network(15)
    assert (pretrained["norm"], pretrained["trainable_layers"]) == ("frozen", 3)


@pytest.mark.parametrize(
    "settings",
    [
        {"schedule": "cosine"},
        {"norm": "layer"},
        {"norm": "frozen"},
        {"scale_jitter": 0.6},
        {"lr": 0.0},
        {"min_size": 0},
        {"trainable_layers": 6},
        {"anchor_sizes": "8,16,32"},
        {"anchor_sizes": "8,16,32,64,a"},
    ],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ConfigError):
        MaskRCNNSettings(**settings)


def test_known_instances_score_one():
    pytest.importorskip("faster_coco_eval")
    tally = DetectionTally(CLASSES)
    for shift in (0, 5):
        ids = np.zeros((60, 60), np.uint8)
        ids[shift : shift + 20, 5:30], ids[30:50, shift : shift + 25] = FASHION15.TOP, FASHION15.BAG
        known = instances_of(ParseMap(ids, FASHION15))
        half = np.array([i == 0 for i in range(len(known))])
        found = Instances(
            known.boxes[half], known.masks[half], known.labels[half], known.scores[half]
        )
        tally.add(found, known)
    figures = flat_figures(tally.scores())
    for kind in ("bbox", "segm"):
        assert figures[f"{kind}/ap/top"] == pytest.approx(1)
        assert figures[f"{kind}/ap/bag"] == 0
        assert figures[f"{kind}/ap50"] == pytest.approx(0.5)
        assert f"{kind}/ap/skirt" not in figures
    rows = class_rows(figures)
    assert [row["class"] for row in rows] == ["all", "top", "bag"]
    assert rows[1] == {
        "class": "top", "bbox ap": 1, "bbox ap50": 1, "bbox ap75": 1, "segm ap": 1,
        "segm ap50": 1, "segm ap75": 1,
    }  # fmt: skip


@pytest.fixture
def run(cp_vton_root, tmp_path):
    def start(name="run", **settings):
        notes = []
        request = TrainRequest(
            "parser.maskrcnn", (cp_vton_root,), tmp_path / name, steps=2,
            settings={**PARSER_MASKRCNN.defaults, **TINY, **settings}, device="cpu", seed=3,
        )  # fmt: skip
        return train(request, lambda progress: notes.append(progress.note)), notes

    return start


def test_a_run_leaves_weights_that_parse(run, tmp_path, person):
    result, notes = run()
    assert result.status == "done"
    assert result.steps == 2
    weights = tmp_path / "run" / "parser-maskrcnn.safetensors"
    assert weights in result.files
    state, metadata = load_safetensors(weights)
    assert {tensor.dtype for tensor in state.values()} == {torch.float16}
    assert metadata["family"] == "parser.maskrcnn"
    assert metadata["label_set"] == "FASHION15"
    assert metadata["tier"] == "research"
    assert json.loads(metadata["config"])["neck"] == "carafe"
    assert json.loads(metadata["data"]) == [{"name": "set", "licence": "not stated", "images": 6}]
    assert "6 photos to train on, 6 of them with a face label; 2 to validate on" in notes
    assert "warm-up of 1 instead of 500 steps: 2 in all" in notes
    photo, _, pose = person
    parser = load_parser(weights=weights, device="cpu", precision="fp32")
    parsed = parser(photo, pose)
    assert parsed.parse.ids.shape == photo.shape[:2]
    assert 0 <= parsed.score <= 1
    again = load_parser(weights=weights, device="cpu", precision="fp32").instances(photo)
    np.testing.assert_array_equal(again.boxes, parser.instances(photo).boxes)


def test_figures_are_average_precision(run):
    pytest.importorskip("faster_coco_eval")
    result, _ = run(neck="fpn")
    assert {"bbox/ap", "bbox/ap50", "bbox/ap75", "segm/ap", "segm/ap/top"} <= set(result.figures)
    assert all(0 <= value <= 1 for value in result.figures.values())


def test_without_a_scorer_a_run_still_trains(run, monkeypatch):
    monkeypatch.setattr("pipelines.segmentation.maskrcnn_train._tally", lambda: None)
    result, notes = run()
    assert result.status == "done"
    assert not [name for name in result.figures if "ap" in name]
    assert "average precision is left out: pip install 'vtonctl[eval]'" in notes


def test_pretrained_weights_are_asked_for_never_assumed(run, monkeypatch):
    def refuse(url, *_, **__):
        raise OSError("no network")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", refuse)
    assert run(name="scratch")[0].status == "done"
    with pytest.raises(WeightsMissing):
        run(name="imagenet", pretrained="imagenet")
    with pytest.raises(InputError):
        run(name="file", pretrained="/nowhere/resnet18.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize("neck", ["fpn", "carafe"])
def test_learns_painted_persons(cp_vton_root, tmp_path, neck):
    pytest.importorskip("faster_coco_eval")
    settings = {**TINY, "rois_per_image": 32, "neck": neck, "batch_size": 4, "lr": 0.02}
    request = TrainRequest(
        "parser.maskrcnn", (cp_vton_root,), tmp_path / "run", steps=150,
        settings={**PARSER_MASKRCNN.defaults, **settings}, device="cpu",
    )  # fmt: skip
    assert train(request, lambda _: None).figures["segm/ap50"] > 0.5
