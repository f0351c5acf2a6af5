"""``vtonctl evaluate parse`` from the command line to the files, with a parser of known answers."""

import csv
import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines import codecs
from pipelines.checkpoints import Weights
from pipelines.clothing_labels import CCP59
from pipelines.device import Compute
from pipelines.errors import ItemError
from pipelines.labels import BODY8, CPVTON20, LIP20
from pipelines.layout import CCP, CP_VTON, VITON_HD, Artifact
from pipelines.preprocess import parsing
from pipelines.preprocess.parser_choice import ParserChoice
from pipelines.preprocess.parsing import ParsedPerson, ParserInfo
from pipelines.relabel import relabel
from pipelines.segmentation.instances import Instances, instances_of
from pipelines.types import Keypoints, ParseMap, Pose
from vtonctl import app
from vtonctl.runs import evaluate_parse
from vtonctl.runs.parse_plan import ParsePlan
from vtonctl.show import jsonout

PARTS = {
    "HAIR": (4, 8, 14, 26), "FACE": (8, 16, 14, 26), "UPPER": (20, 42, 12, 28),
    "PANTS": (42, 60, 12, 28), "RIGHT_ARM": (22, 44, 6, 12), "LEFT_ARM": (22, 44, 28, 34),
}  # fmt: skip
JOINTS = {2: (9, 22), 3: (9, 33), 4: (9, 44), 5: (31, 22), 6: (31, 33), 7: (31, 44)}


def painted(labels, **other):
    ids = np.zeros((64, 40), np.uint8)
    for name, (top, bottom, left, right) in {**PARTS, **other}.items():
        ids[top:bottom, left:right] = labels[name]
    return ParseMap(ids, labels)


def pose():
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    for joint, point in JOINTS.items():
        xy[joint], score[joint] = point, 0.9
    return Pose(Keypoints(xy, score))


def put(layout, root, split, artifact, item, value, labels=LIP20):
    path = layout.path(root, split, artifact, item)
    path.parent.mkdir(parents=True, exist_ok=True)
    place = layout.place(artifact)
    path.write_bytes(codecs.encode(value, place.encoding, labels=labels))


@pytest.fixture
def viton(tmp_path):
    """Four photos in the CP-VTON layout, each as bright as its parse is to be bad."""
    root = tmp_path / "viton"
    for number, item in enumerate(("ann", "bea", "cat", "dora")):
        photo = np.full((64, 40, 3), 60 * number, np.uint8)
        put(CP_VTON, root, "val", Artifact.IMAGE, item, photo)
        put(CP_VTON, root, "val", Artifact.PARSE, item, painted(CPVTON20), CPVTON20)
        put(CP_VTON, root, "val", Artifact.POSE, item, pose())
    return root


class KnownParser:
    """Makes of each photo what its brightness asks for."""

    def __call__(self, image, pose):
        wish = round(int(image.mean()) / 60)
        if wish == 3:
            raise ItemError("nobody is to be seen", code="no_person")
        maps = [
            painted(LIP20, NECK=(16, 20, 16, 24)),
            painted(LIP20, RIGHT_ARM=PARTS["LEFT_ARM"], LEFT_ARM=PARTS["RIGHT_ARM"]),
            painted(LIP20, PANTS=(31, 60, 12, 28)),
        ]
        return ParsedPerson(maps[wish], 1.0, ())

    def instances(self, image):
        whole = instances_of(relabel(painted(LIP20), BODY8))
        return Instances(whole.boxes, whole.masks, whole.labels, np.full(len(whole), 0.5, "f4"))


@pytest.fixture
def known(monkeypatch):
    """The parser ``known``."""
    module = types.ModuleType("known_parser")
    module.load = lambda **_: KnownParser()
    monkeypatch.setitem(sys.modules, "known_parser", module)
    monkeypatch.setitem(parsing.PARSERS, "known", ParserInfo("known_parser:load"))


def run(capsys, root, *arguments, code=0, layout="cp-vton", split="val"):
    words = ["evaluate", "parse", root, "--layout", layout, "--split", split, *arguments, "--json"]
    assert app.run([str(word) for word in words]) == code
    shown = capsys.readouterr().out
    model = jsonout.EvaluateParseDocument if code in (0, 3) else jsonout.ErrorDocument
    return model.model_validate_json(shown, strict=False)


def iou(table, label):
    return next(row.iou for row in table.labels if row.label == label)


@pytest.mark.usefixtures("known")
def test_figures_of_a_parser(capsys, viton):
    found = run(capsys, viton, "--parser", "known", code=3)
    main, strict, _ = found.groupings
    # of 4 photos one failed, one has trousers that hide half of the top, one exchanged arms
    assert iou(main, "hair") == pytest.approx(0.75)
    assert iou(main, "upper") == pytest.approx((3 - 0.5) / 4)
    assert iou(main, "lower") == pytest.approx(3 * 18 / (4 * 18 + 11), abs=1e-6)
    assert iou(main, "left arm") == pytest.approx(2 / 5)
    assert iou(strict, "background") < iou(main, "background") < 1
    assert iou(found.without_failed, "hair") == 1
    assert main.miou == pytest.approx(np.mean([row.iou for row in main.labels]), abs=1e-6)
    assert [(f.item, f.code) for f in found.failed] == [("dora", "no_person")]
    assert found.exit_code == 3
    exchanged = {row.between: row.exchanged for row in found.sides}
    assert exchanged == {
        "prediction and truth": ("bea",), "prediction and pose": ("bea",), "truth and pose": (),
    }  # fmt: skip
    assert found.median_wall_ms > 0
    photos = {photo.item: photo.miou for photo in found.photos}
    assert photos["ann"] == 1 and photos["dora"] == 0


@pytest.mark.usefixtures("known")
def test_the_protocol_is_printed(capsys, viton):
    protocol = run(capsys, viton, "--parser", "known", "--limit", "2", "--tolerance", "3").protocol
    assert protocol["data"] == f"{viton} (layout cp-vton, split val)"
    assert protocol["photos"] == "2 of 4, evenly spread over the list"
    assert protocol["truth"] == "CPVTON20"
    assert protocol["predictions"] == "parser known, which has no weights"
    assert protocol["poses"].startswith("2 given by the data set, 0 our own")
    assert protocol["failed"] == "none"
    assert "tolerance 3 px" in protocol["boundary F"]
    assert f"numpy {np.__version__}" in protocol["versions"]


@pytest.mark.usefixtures("known")
def test_words_and_files(capsys, viton, tmp_path):
    out, sheet = tmp_path / "figures", tmp_path / "sheets" / "worst.png"
    arguments = ["--layout", "cp-vton", "--split", "val", "--parser", "known", "--worst", "2"]
    words = ["evaluate", "parse", str(viton), *arguments, "--out", str(out), "--sheet", str(sheet)]
    assert app.run(words) == 3
    shown = capsys.readouterr().out
    assert "labels (viton7)" in shown and "labels (viton7, strict)" in shown
    assert "dora: no_person: nobody is to be seen" in shown
    assert sorted(path.name for path in out.iterdir()) == ["parse.json", "parse.md", "photos.csv"]
    document = jsonout.EvaluateParseDocument.model_validate_json((out / "parse.json").read_text())
    assert str(sheet) in document.files
    page = (out / "parse.md").read_text()
    accuracy = next(row.accuracy for row in document.groupings[0].labels if row.label == "upper")
    assert f"| upper | {accuracy:.3f} | {iou(document.groupings[0], 'upper'):.3f} |" in page
    rows = {row["item"]: row for row in csv.DictReader((out / "photos.csv").open())}
    assert rows["dora"]["failed"] == "no_person" and rows["ann"]["failed"] == ""
    assert float(rows["cat"]["iou upper"]) == pytest.approx(0.5)
    assert Image.open(sheet).mode == "RGB"
    assert not any(viton.rglob("*worst*")), "a data set is never written"


def test_files_instead_of_a_parser(capsys, viton, tmp_path):
    flat = tmp_path / "maps"
    flat.mkdir()
    for item in ("ann", "bea", "cat"):
        Image.fromarray(painted(LIP20).ids).save(flat / f"{item}.png")
    arguments = ["--predicted", flat, "--predicted-layout", "viton-hd"]
    found = run(capsys, viton, *arguments, code=3)
    assert found.without_failed.miou == 1
    assert [(f.item, f.code) for f in found.failed] == [("dora", "missing_input")]
    assert found.median_wall_ms is None
    assert {row.between for row in found.sides} >= {"prediction and pose", "truth and pose"}


def test_files_of_a_root_in_another_layout(capsys, viton, tmp_path):
    shop = tmp_path / "shop"
    for item in ("ann", "bea", "cat", "dora"):
        put(VITON_HD, shop, "val", Artifact.PARSE, item, painted(LIP20, NECK=(16, 20, 16, 24)))
    found = run(capsys, viton, "--predicted", shop, "--predicted-layout", "viton-hd")
    assert found.groupings[0].miou == 1
    assert "LIP20" in found.protocol["predictions"]
    # the same ids under another layout: 10 are jumpsuits there, so the neck becomes a dress
    found = run(capsys, viton, "--predicted", shop / "val" / "image-parse-v3")
    assert iou(found.groupings[0], "upper") < 1


def test_a_photo_without_a_usable_truth_enters_no_figure(capsys, viton, tmp_path):
    CP_VTON.path(viton, "val", Artifact.PARSE, "bea").write_bytes(b"no picture")
    found = run(capsys, viton, "--predicted", viton, code=3)
    assert [(f.item, f.code) for f in found.left_out] == [("bea", "unreadable")]
    assert found.groupings[0].miou == 1
    assert found.protocol["photos"].startswith("3 of 4; 1 left out")


@pytest.mark.usefixtures("known")
def test_nothing_that_can_be_judged(capsys, viton):
    for item in ("ann", "bea", "cat", "dora"):
        CP_VTON.path(viton, "val", Artifact.PARSE, item).write_bytes(b"")
    found = run(capsys, viton, "--parser", "known", code=66)
    assert found.error.code == "no_items"


@pytest.fixture
def ccp(tmp_path):
    """Twenty photos of Clothing Co-Parsing; two of them are set aside."""
    root = tmp_path / "ccp"
    ids = np.zeros((64, 40), np.uint8)
    for name, (top, bottom, left, right) in PARTS.items():
        tag = {"UPPER": CCP59.DRESS, "PANTS": CCP59.TIGHTS, "HAIR": CCP59.HAIR}.get(name)
        ids[top:bottom, left:right] = CCP59.SKIN if tag is None else tag
    for number in range(20):
        photo = np.zeros((64, 40, 3), np.uint8)
        put(CCP, root, "all", Artifact.IMAGE, f"{number:04d}", photo)
        put(CCP, root, "all", Artifact.PARSE, f"{number:04d}", ParseMap(ids, CCP59), CCP59)
        put(CCP, root, "all", Artifact.POSE, f"{number:04d}", pose())
    return root


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(("split", "photos"), [("val", 2), ("train", 18), ("all", 20)])
def test_splits_of_ccp(capsys, ccp, split, photos):
    found = run(capsys, ccp, "--parser", "known", layout="ccp", split=split)
    assert len(found.photos) == photos
    together, apart = found.groupings
    assert iou(together, "upper") == 1
    # face and arms, and a neck predicted where the truth has background
    assert iou(together, "skin") == pytest.approx(360 / (360 + 32), abs=1e-6)
    assert (iou(apart, "upper"), iou(apart, "dress")) == (0, 0)


@pytest.mark.usefixtures("known")
def test_ccp_in_lip_labels(capsys, ccp):
    """Its skin is divided by the pose, which knows arms, but no legs here."""
    found = run(capsys, ccp, "--parser", "known", "--groups", "viton7", layout="ccp")
    assert "divided by the pose" in found.protocol["truth"]
    assert iou(found.groupings[0], "left arm") > 0.9
    assert all(not row.exchanged for row in found.sides)


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["--groups", "nine"], 2, "unknown_name"),
        (["--groups", "ccp6"], 2, "no_such_groups"),
        (["--layout", "nowhere"], 65, "bad_layout"),
        (["--split", "test"], 66, "no_items"),
        (["--parser", "nobody"], 64, "unknown_name"),
        (["--pose", "guessed"], 2, "usage"),
        (["--worst", "3"], 2, "usage"),
        (["--ap"], 2, "usage"),
        (["--predicted", "."], 2, "usage"),
        (["--weights", "no/such.safetensors"], 64, "no_weights_wanted"),
    ],
)
def test_wishes_that_cannot_be_met(capsys, viton, arguments, code, error):
    given = arguments if "--parser" in arguments else [*arguments, "--parser", "known"]
    found = run(capsys, viton, *given, code=code)
    assert found.error.code == error
    assert found.error.hint


def test_files_have_no_average_precision(capsys, viton):
    found = run(capsys, viton, "--predicted", viton, "--ap", code=2)
    assert "--ap" in found.error.message


def test_predictions_that_are_not_there(capsys, viton):
    found = run(capsys, viton, "--predicted", viton / "nowhere", code=66)
    assert found.error.code == "no_such_folder"


@pytest.mark.usefixtures("known")
def test_average_precision(capsys, viton, monkeypatch):
    pytest.importorskip("faster_coco_eval")
    weights = Weights("known-1", Path("known-1.safetensors"), "0" * 64, "", "open", "BODY8")
    monkeypatch.setattr(
        evaluate_parse,
        "plan_parse",
        lambda *_: ParsePlan(ParserChoice("known", weights), Compute()),
    )
    monkeypatch.setattr(parsing, "check_file", lambda *_: None)
    found = run(capsys, viton, "--ap", code=3)
    everything, *classes = found.instances
    assert (everything.name, everything.images) == ("all", 3)
    named = {row.name: row for row in classes}
    assert named["hair"].mask.ap == pytest.approx(1)
    assert named["neck"].instances == 0 and named["neck"].mask.ap is None
    assert "sha256 " + "0" * 64 in found.protocol["predictions"]
    assert "faster-coco-eval" in found.protocol["versions"]


def test_a_real_parser_agrees_with_itself(capsys, tmp_path, astronaut):
    """The truth is what the parser made before: from photo and our own pose, as in any run."""
    from pipelines.preprocess.geometric_parser import parse_person
    from pipelines.preprocess.pose import find_pose

    root = tmp_path / "shop"
    put(VITON_HD, root, "test", Artifact.IMAGE, "ann", astronaut)
    stored = VITON_HD.path(root, "test", Artifact.IMAGE, "ann")
    photo = codecs.decode(stored.read_bytes(), VITON_HD.place(Artifact.IMAGE).encoding)
    truth = parse_person(photo, find_pose(photo)).parse
    put(VITON_HD, root, "test", Artifact.PARSE, "ann", truth)
    found = run(
        capsys, root, "--parser", "geometric", "--groups", "lip20",
        layout="viton-hd", split="test",
    )  # fmt: skip
    assert found.groupings[0].miou == 1
    assert found.protocol["poses"].startswith("0 given by the data set, 1 our own")
    assert all(row.judged and not row.exchanged for row in found.sides if row.part == "arms")


def test_the_document_in_the_file_is_the_one_that_is_printed(capsys, viton, tmp_path):
    words = ["--predicted", viton, "--out", tmp_path / "out"]
    found = run(capsys, viton, *words)
    written = json.loads((tmp_path / "out" / "parse.json").read_text())
    assert written == json.loads(found.model_dump_json())
