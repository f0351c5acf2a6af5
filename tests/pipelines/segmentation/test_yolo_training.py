"""``parser.yolo`` trained for a moment, and the parser that it leaves; skipped without the extra.

Each run has a process of its own, in which the network is refused and the home folder is empty.
"""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

pytest.importorskip("ultralytics")

GUARD = """
import socket, sys
def refused(*args, **kwargs):
    with open({log!r}, "a") as file:
        file.write(repr(args[:2]) + "\\n")
    raise OSError("the network is refused")
socket.getaddrinfo = socket.gethostbyname = socket.create_connection = refused
socket.socket.connect = socket.socket.connect_ex = refused
"""
TRAIN = """
import json, sys, torch
from pathlib import Path
from pipelines.registry import TRAINERS, train
from pipelines.training.request import TrainRequest
torch.set_num_threads(1)
defaults = TRAINERS["parser.yolo"][0].defaults
asked = json.loads(sys.argv[1])
settings = dict(defaults, model="yolov8n-seg.yaml", imgsz=64, batch=6, workers=0, mosaic=0.0,
                layout="cp-vton")
settings.update(asked.get("settings", {}))
request = TrainRequest("parser.yolo", (Path(asked["root"]),), Path(asked["out"]),
    epochs=asked["epochs"], resume=asked.get("resume", False), settings=settings, device="cpu")
def report(progress):
    print(json.dumps([progress.epoch, progress.step, progress.fraction, bool(progress.metrics),
                      progress.note]), file=sys.stderr, flush=True)
result = train(request, report)
print(json.dumps([result.status, dict(result.figures), [str(f) for f in result.files],
                  [dict(r) for r in result.rows], result.interrupted_by]))
"""


def surroundings(folder):
    """An environment with an empty home folder, and a working folder, below ``folder``."""
    for name in ("home", "work"):
        (folder / name).mkdir(exist_ok=True)
    dropped = ("XDG_", "YOLO_", "MPL", "ULTRALYTICS_", "PYTEST_", "WORLD_SIZE", "RANK")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    return environment | {"HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}


def start(folder, code, *arguments):
    log = folder / "connections.txt"
    return subprocess.Popen(
        [sys.executable, "-c", GUARD.format(log=str(log)) + code, *arguments],
        cwd=folder / "work",
        env=surroundings(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder, code, *arguments):
    surroundings(folder)
    process = start(folder, code, *arguments)
    out, err = process.communicate(timeout=1500)
    assert process.returncode == 0, err
    return out, err


def left_behind(folder):
    """Files in the home and the working folder, and connections that were tried."""
    found = [str(p) for name in ("home", "work") for p in (folder / name).rglob("*")]
    log = folder / "connections.txt"
    return found + (log.read_text().splitlines() if log.exists() else [])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folder, result and reports of a run of two epochs."""
    from pipelines.codecs import encode
    from pipelines.layout import Artifact, find_layout

    folder = tmp_path_factory.mktemp("yolo")
    layout = find_layout("cp-vton")
    for number in range(4):
        values = drawn_person(number)
        split = "train" if number < 3 else "val"
        for artifact, value in zip((Artifact.IMAGE, Artifact.PARSE), values, strict=True):
            path = layout.path(folder / "set", split, artifact, f"{number}_0")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode(value, layout.place(artifact).encoding))
    asked = {"root": str(folder / "set"), "out": str(folder / "run"), "epochs": 2}
    out, err = run(folder, TRAIN, json.dumps(asked))
    return folder, json.loads(out), err, asked


def drawn_person(number):
    from pipelines.labels import LIP20
    from pipelines.types import ParseMap

    ids = np.zeros((96, 72), np.uint8)
    left = 24 + number
    ids[6:20, left : left + 24] = LIP20.HAIR
    ids[12:32, left + 5 : left + 19] = LIP20.FACE
    ids[36:66, left : left + 24] = LIP20.UPPER
    ids[66:94, left : left + 24] = LIP20.PANTS
    ids[36:64, left + 24 : left + 31] = LIP20.LEFT_ARM
    ids[36:60, left - 8 : left] = LIP20.RIGHT_ARM
    photo = np.random.default_rng(number).integers(0, 30, (96, 72, 3), np.uint8)
    return photo + (ids[:, :, None] * 12).astype(np.uint8), ParseMap(ids, LIP20)


def test_a_run_leaves_weights_a_table_and_curves(trained):
    folder, (status, figures, files, rows, _), _, _ = trained
    assert status == "done"
    assert {Path(f).name for f in files} >= {
        "parser-yolo.safetensors", "table.json", "metrics.jsonl", "results.png"
    }  # fmt: skip
    assert all(Path(f).stat().st_size for f in files)
    assert set(figures) == {f"{kind}_{name}" for kind in ("box", "mask")
                            for name in ("p", "r", "map50", "map50_95")}  # fmt: skip
    assert [row["class"] for row in rows] == [
        "all", "hair", "face", "upper body", "lower body", "left arm", "right arm"
    ]  # fmt: skip
    assert [row["instances"] for row in rows] == [6, 1, 1, 1, 1, 1, 1]
    assert json.loads((folder / "run" / "table.json").read_text()) == rows
    lines = (folder / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2]


def test_nothing_is_left_in_the_home_folder_and_no_connection_is_tried(trained):
    folder, *_ = trained
    assert left_behind(folder) == []


def test_the_guard_would_notice(tmp_path):
    """The same guard, with ultralytics imported as anybody would: so the test above can fail."""
    surroundings(tmp_path)
    _, _ = run(tmp_path, "import ultralytics")
    assert any("settings.json" in line for line in left_behind(tmp_path))
    assert (tmp_path / "connections.txt").exists()


def test_flips_that_confuse_sides_are_off_and_the_mirrored_copies_are_there(trained):
    folder, *_ = trained
    arguments = (folder / "run" / "yolo" / "args.yaml").read_text()
    for name in ("fliplr", "flipud", "copy_paste"):
        assert f"\n{name}: 0.0\n" in arguments
    mirrored = folder / "run" / "dataset" / "labels" / "train" / "0-mirrored" / "0_0.txt"
    plain = folder / "run" / "dataset" / "labels" / "train" / "0" / "0_0.txt"

    def centre(path, number):
        """Mean x of the outline of a class."""
        (line,) = [x for x in path.read_text().splitlines() if x.startswith(f"{number} ")]
        return np.array(line.split()[1::2], float).mean()

    assert centre(plain, 5) > 0.6 > 0.4 > centre(plain, 6)
    # still on the right of the picture, and called her left arm: it was the right one
    assert centre(mirrored, 5) == pytest.approx(1 - centre(plain, 6), abs=1e-4)


def test_the_licence_is_told_and_progress_reported(trained):
    _, _, err, _ = trained
    reports = [json.loads(line) for line in err.splitlines() if line.startswith("[")]
    assert any("AGPL-3.0" in note for *_, note in reports)
    assert reports[-1][:4] == [1, 2, 1.0, True]
    assert [r[3] for r in reports].count(True) == 2


def test_a_folder_that_holds_a_run_is_not_overwritten(trained):
    folder, *_, asked = trained
    from pipelines.errors import ConfigError
    from pipelines.registry import TRAINERS, train
    from pipelines.training.request import TrainRequest

    defaults = TRAINERS["parser.yolo"][0].defaults
    request = TrainRequest(
        "parser.yolo", (folder / "set",), Path(asked["out"]), settings=defaults, device="cpu"
    )
    with pytest.raises(ConfigError, match="holds a run already"):
        train(request, lambda _: None)


def test_the_weights_say_what_they_are_and_hold_no_pickle(trained):
    folder, *_ = trained
    path = folder / "run" / "parser-yolo.safetensors"
    with safe_open(path, "pt") as file:
        about = file.metadata()
    assert about["family"] == "parser.yolo"
    assert about["label_set"] == "BODY8"
    assert json.loads(about["data"]) == [
        {"name": "a data set in the layout cp-vton", "licence": "", "images": 3}
    ]
    assert "AGPL-3.0" in about["run"]
    assert str(folder) not in "".join(about.values())
    assert not path.read_bytes().startswith((b"PK", pickle.PROTO))


PREDICT = """
import json, sys, numpy as np, torch
from pathlib import Path
from pipelines.segmentation.yolo import Detector
from pipelines.segmentation.yolo_parser import load_parser
from pipelines.types import Keypoints, Pose
weights, photo = Path(sys.argv[1]), np.load(sys.argv[2])
threads = torch.get_num_threads()
parser = load_parser(weights=weights, device="cpu", precision="fp32")
assert torch.get_num_threads() == threads
assert len(parser.instances(photo)) == 0  # six batches teach nothing
detector = Detector(weights)
found = detector(photo, 1e-7)
xy = np.full((25, 2), 30, np.float32)
parsed = parser(photo, Pose(Keypoints(xy, np.ones(25, np.float32))))
again = detector(photo, 1e-7)
assert np.array_equal(found.masks, again.masks) and np.array_equal(found.scores, again.scores)
np.savez(sys.argv[3], boxes=found.boxes, labels=found.labels, scores=found.scores,
         masks=found.masks, parse=parsed.parse.ids)
print(json.dumps([parsed.score, [f.value for f in parsed.flags], parsed.parse.labels.__name__]))
"""
THEIRS = """
import sys, numpy as np
from pathlib import Path
from pipelines.segmentation import yolo
ultralytics = yolo.start()
model = ultralytics.YOLO(sys.argv[1])
(found,) = model.predict(np.load(sys.argv[2])[:, :, ::-1].copy(), imgsz=64, conf=1e-7,
                         retina_masks=True, save=False, verbose=False)
np.savez(sys.argv[3], boxes=found.boxes.xyxy.numpy(), labels=found.boxes.cls.numpy(),
         scores=found.boxes.conf.numpy(),
         masks=(found.masks.data.numpy() > 0) if found.masks else np.zeros((0, 96, 72), bool))
"""


def test_the_exported_network_finds_what_ultralytics_finds_with_the_checkpoint(trained, tmp_path):
    folder, *_ = trained
    np.save(tmp_path / "photo.npy", drawn_person(3)[0])
    photo = str(tmp_path / "photo.npy")
    ours, theirs = str(tmp_path / "ours.npz"), str(tmp_path / "theirs.npz")
    out, _ = run(tmp_path, PREDICT, str(folder / "run" / "parser-yolo.safetensors"), photo, ours)
    best = folder / "run" / "yolo" / "weights" / "best.pt"
    run(tmp_path, THEIRS, str(best), photo, theirs)
    assert left_behind(tmp_path) == []
    mine, other = np.load(ours), np.load(theirs)
    assert len(mine["labels"]) == len(other["labels"]) > 0
    assert np.array_equal(mine["labels"], other["labels"] + 1)
    assert np.allclose(mine["scores"], other["scores"], atol=1e-4)
    assert np.allclose(mine["boxes"], other["boxes"], atol=0.05)
    assert mine["masks"].shape[1:] == (96, 72)
    assert (mine["masks"] == other["masks"]).mean() > 0.999
    score, flags, labels = json.loads(out)
    assert labels == "LIP20"
    assert mine["parse"].shape == (96, 72)
    assert (score, flags) == (0, ["uncertain_parse"])
    assert not mine["parse"].any()


def test_a_stopped_run_goes_on_from_its_last_epoch(trained, tmp_path):
    folder, *_ = trained
    surroundings(tmp_path)
    asked = {"root": str(folder / "set"), "out": str(tmp_path / "run"), "epochs": 200}
    process = start(tmp_path, TRAIN, json.dumps(asked))
    last = tmp_path / "run" / "yolo" / "weights" / "last.pt"
    deadline = time.monotonic() + 1200
    while not last.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=1200)
    status, _, files, _, interrupted_by = json.loads(out)
    assert (status, interrupted_by) == ("interrupted", signal.SIGTERM), err
    assert files == [str(last)]
    before = epochs(tmp_path)
    assert before == list(range(1, len(before) + 1))

    photo = tmp_path / "run" / "dataset" / "images" / "train" / "0" / "0_0.jpg"
    written = photo.stat().st_mtime_ns
    process = start(tmp_path, TRAIN, json.dumps(asked | {"resume": True}))
    while len(epochs(tmp_path)) == len(before) and process.poll() is None:
        assert time.monotonic() < deadline + 1200
        time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=1200)
    assert epochs(tmp_path)[len(before)] == len(before) + 1, err
    assert photo.stat().st_mtime_ns == written
    assert left_behind(tmp_path) == []


def epochs(folder):
    path = folder / "run" / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line)["epoch"] for line in lines if line.endswith("}")]
