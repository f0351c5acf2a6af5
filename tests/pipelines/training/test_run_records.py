"""What a run leaves behind: log, curves, sheets, TensorBoard, config, result."""

import json
import math
import sys

import numpy as np
import pytest
import torch
import toy_task
from PIL import Image

from pipelines.errors import ConfigError, VtonError
from pipelines.training.curves import draw_curves, read_panels


@pytest.fixture
def done(tmp_path):
    return toy_task.train(tmp_path / "run", seed=4)


def test_the_log_has_losses_rates_and_figures(done, tmp_path):
    lines = [json.loads(x) for x in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [x["step"] for x in lines if x["kind"] == "train"] == [5, 10, 15, 20, 24]
    assert [x["step"] for x in lines if x["kind"] == "validation"] == [7, 14, 21, 24]
    first = lines[0]
    assert first["epoch"] == round(5 / 7, 4)
    assert first["loss/net"] > 0 and first["images_per_s"] > 0
    assert first["lr/net"] == pytest.approx(3e-3 * 0.5 * (1 + math.cos(math.pi * 4 / 24)))
    # a scalar of the task: the mean of steps 0 to 4 of 24
    assert first["fraction"] == pytest.approx(2 / 24)
    assert all(a["seconds"] <= b["seconds"] for a, b in zip(lines, lines[1:], strict=False))


def test_the_network_learns(tmp_path):
    task = toy_task.BrightPixels(rate=0.02)
    learned = toy_task.train(tmp_path, task=task, steps=140, loop={"ema_decay": 0.9})
    assert learned.figures["accuracy"] > 0.8


def test_curves_sheets_and_results(done, tmp_path):
    run = tmp_path / "run"
    assert Image.open(run / "curves.png").size[0] > 1000
    sheet = np.asarray(Image.open(run / "sheets" / "step-00000024.png"))
    assert (sheet == toy_task.examples(1, 1)[0][0].permute(1, 2, 0).numpy()).all()
    result = json.loads((run / "result.json").read_text())
    assert result["status"] == "done" and result["figures"] == done.figures
    config = json.loads((run / "config.json").read_text())
    assert (config["seed"], config["task"]["data"]) == (4, "noise")
    note = json.loads((run / "checkpoints" / "step-00000024.json").read_text())
    assert note["config"] == config
    assert {p.name for p in done.files} == {"weights.pt", "curves.png", "metrics.jsonl"}


def test_tensorboard_has_scalars_and_pictures(done, tmp_path):
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = reading.EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    assert {"train/loss/net", "validation/accuracy"} <= set(events.Tags()["scalars"])
    assert [e.step for e in events.Scalars("train/loss/net")] == [5, 10, 15, 20, 24]
    assert events.Scalars("validation/accuracy")[-1].value == pytest.approx(
        json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])["accuracy"]
    )
    assert events.Tags()["images"] == ["sheet"]


def test_without_tensorboard_and_matplotlib_a_notice_and_no_curves(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.setattr("pipelines.training.curves.find_spec", lambda name: None)
    notes = []
    toy_task.train(tmp_path, report=lambda progress: notes.append(progress.note))
    assert len([n for n in notes if "TensorBoard" in n and "vtonctl[train]" in n]) == 1
    assert not (tmp_path / "tensorboard").exists()
    assert not (tmp_path / "curves.png").exists()


def test_what_the_curves_show(tmp_path):
    log = tmp_path / "metrics.jsonl"
    assert draw_curves(log) is None
    rows = [
        {"kind": "train", "step": 1, "epoch": 0.1, "seconds": 1, "loss/net": 2.0, "lr/net": 0.1},
        {
            "kind": "validation",
            "step": 1,
            "epoch": 0.1,
            "seconds": 1,
            "miou": 0.2,
            "iou/hair": None,
        },
        {"kind": "validation", "step": 2, "epoch": 0.2, "seconds": 2, "miou": 0.3, "iou/hair": 0.1},
    ]
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_panels(log) == {
        "training": {"loss/net": ([1], [2.0])},
        "learning rate": {"net": ([1], [0.1])},
        "validation": {"miou": ([1, 2], [0.2, 0.3])},
        "validation: iou": {"hair": ([2], [0.1])},
    }
    assert draw_curves(log).startswith(b"\x89PNG")


def test_seeds_make_runs_equal_or_different(tmp_path, read_metrics):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        toy_task.train(tmp_path / name, seed=seed)
    assert read_metrics(tmp_path / "a") == read_metrics(tmp_path / "b")
    assert read_metrics(tmp_path / "a") != read_metrics(tmp_path / "c")


def test_every_epoch_sees_every_example_once_in_another_order(tmp_path):
    seen = []

    class Notes(toy_task.BrightPixels):
        def augment(self, batch, generator):
            seen.append(batch["picture"][:, 0, 0, 0].tolist())
            return super().augment(batch, generator)

    toy_task.train(tmp_path, task=Notes(), steps=None, epochs=2)
    first, second = sum(seen[:7], []), sum(seen[7:], [])
    everything = toy_task.examples(0)[0][:, 0, 0, 0].tolist()
    assert len(seen) == 14
    assert sorted(first) == sorted(second) == sorted(everything)
    assert first != second


def test_a_run_that_diverges_says_so_and_saves_nothing_broken(tmp_path):
    class Explodes(toy_task.BrightPixels):
        def losses(self, modules, batch, info):
            for name, loss, scalars in super().losses(modules, batch, info):
                yield name, loss * (torch.inf if info.step == 16 else 1), scalars

    with pytest.raises(VtonError, match="step 20: loss/net is not finite") as diverged:
        toy_task.train(tmp_path, task=Explodes())
    assert diverged.value.code == "diverged"
    kept = max((tmp_path / "checkpoints").glob("*.pt"))
    state = torch.load(kept, weights_only=True)
    assert state["step"] == 14
    assert all(t.isfinite().all() for t in state["learner"]["modules"]["net"].values())


def test_gradients_are_clipped_to_a_norm(tmp_path):
    class Notes(toy_task.BrightPixels):
        def optimizers(self, modules):
            class Noting(torch.optim.SGD):
                def step(inner, closure=None):  # noqa: N805 - self is the test's
                    parameters = [p for g in inner.param_groups for p in g["params"]]
                    total = sum(float(p.grad.square().sum()) for p in parameters)
                    norms.append(math.sqrt(total))
                    return super().step(closure)

            return {"net": Noting(modules["net"].parameters(), 0.1)}

    norms = []
    toy_task.train(tmp_path / "free", task=Notes(), steps=5)
    assert max(norms) > 0.05
    norms.clear()
    toy_task.train(tmp_path / "clipped", task=Notes(), steps=5, loop={"clip_norm": 0.05})
    assert max(norms) == pytest.approx(0.05, rel=1e-3)


def test_bf16_and_channels_last_resume_exactly_too(tmp_path, read_metrics):
    from pipelines.training.loop import run
    from pipelines.training.request import TrainRequest
    from pipelines.training.settings import LoopSettings

    settings = LoopSettings(batch_size=10, log_every=5, checkpoint_every=7, channels_last=True)
    kinds = []

    class Notes(toy_task.BrightPixels):
        def losses(self, modules, batch, info):
            kinds.append(modules["net"](batch["picture"]).dtype)
            yield from super().losses(modules, batch, info)

    def train(out, steps, **more):
        request = TrainRequest("toy", (), out, steps=steps, device="cpu", precision="bf16", **more)
        return run(Notes(), settings, request, lambda progress: None)

    train(tmp_path / "whole", 24)
    assert set(kinds) == {torch.bfloat16}
    (tmp_path / "parts").mkdir()
    for path in (tmp_path / "whole" / "checkpoints").glob("step-00000021.*"):
        target = tmp_path / "parts" / "checkpoints" / path.name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
    (tmp_path / "parts" / "metrics.jsonl").write_bytes(
        (tmp_path / "whole" / "metrics.jsonl").read_bytes()
    )
    train(tmp_path / "parts", 24, resume=True)
    assert read_metrics(tmp_path / "parts") == read_metrics(tmp_path / "whole")


def test_a_batch_of_a_generator_and_a_judge_moves_both(tmp_path):
    toy_task.train(tmp_path, task=toy_task.Adversaries(), steps=7)
    state = torch.load(tmp_path / "checkpoints" / "step-00000007.pt", weights_only=True)
    optimizers = state["learner"]["optimizers"]
    assert set(optimizers) == {"net", "judge"}
    for saved in optimizers.values():
        assert {float(s["step"]) for s in saved["state"].values()} == {7}
    # only the generator is averaged
    assert set(state["learner"]["average"]["weights"]) == {"net"}


def test_an_unknown_precision_or_device_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="precision"):
        from pipelines.training.loop import run
        from pipelines.training.request import TrainRequest
        from pipelines.training.settings import LoopSettings

        request = TrainRequest("toy", (), tmp_path, device="cpu", precision="fp8")
        run(toy_task.BrightPixels(), LoopSettings(), request, lambda progress: None)
