"""``vtonctl evaluate tryon`` and ``seg`` from the command line to the files, by known systems."""

import csv
import json
import sys
import types

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from pipelines import codecs, registry
from pipelines.errors import ItemError
from pipelines.labels import CPVTON20, LIP20, VITONHD13
from pipelines.layout import CP_VTON, VITON_HD, Artifact
from pipelines.relabel import relabel
from pipelines.stage import StageInfo, Subject, TryOnResult
from pipelines.types import Keypoints, ParseMap, Pose
from vtonctl import app
from vtonctl.runs import worker
from vtonctl.show import jsonout

SIZE = (64, 48)
PARTS = {
    "HAIR": (2, 8, 18, 30), "FACE": (8, 16, 18, 30), "UPPER": (20, 44, 16, 32),
    "PANTS": (44, 62, 16, 32), "RIGHT_ARM": (22, 46, 10, 16), "LEFT_ARM": (22, 46, 32, 38),
}  # fmt: skip
JOINTS = {0: (24, 12), 1: (24, 18), 2: (14, 22), 3: (13, 33), 4: (13, 44), 5: (34, 22),
          6: (35, 33), 7: (35, 44), 9: (19, 44), 12: (29, 44)}  # fmt: skip
PEOPLE = ("ann", "bea", "cat")


def parse():
    ids = np.zeros(SIZE, np.uint8)
    for name, (top, bottom, left, right) in PARTS.items():
        ids[top:bottom, left:right] = LIP20[name]
    return ParseMap(ids, LIP20)


def pose():
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    for joint, point in JOINTS.items():
        xy[joint], score[joint] = point, 0.9
    return Pose(Keypoints(xy, score))


def picture(seed):
    noise = np.random.default_rng(seed).uniform(0, 255, (*SIZE, 3))
    return ndimage.gaussian_filter(noise, (4, 4, 0)).astype(np.uint8)


def put(root, artifact, item, value, *, layout=CP_VTON, split="val", labels=CPVTON20):
    path = layout.path(root, split, artifact, item)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(codecs.encode(value, layout.place(artifact).encoding, labels=labels))


@pytest.fixture
def viton(tmp_path):
    """Three persons with their garments in the CP-VTON layout."""
    root = tmp_path / "viton"
    for seed, name in enumerate(PEOPLE):
        put(root, Artifact.IMAGE, f"{name}_0", picture(seed))
        put(root, Artifact.PARSE, f"{name}_0", parse())
        put(root, Artifact.POSE, f"{name}_0", pose())
        put(root, Artifact.CLOTH, f"{name}_1", picture(10 + seed))
        put(root, Artifact.CLOTH_MASK, f"{name}_1", np.ones(SIZE, bool))
    return root


class Mirror:
    """Gives the photo back as it is, and says that it painted everything."""

    def prepare_person(self, person):
        return person

    def prepare_garment(self, garment):
        return garment

    def dress(self, person, garment, *, seed, save_stages=False):
        return TryOnResult(person.image.copy(), np.ones(person.image.shape[:2], np.float32), 1.0)


class Painter(Mirror):
    """Paints the garment's mean colour where the parse has a top; predicts the right layout."""

    def dress(self, person, garment, *, seed, save_stages=False):
        top = person.parse.mask(LIP20.UPPER)
        image = person.image.copy()
        image[top] = garment.image[garment.mask].mean(0)
        return TryOnResult(image, top.astype(np.float32), 1.0)

    def predict_layout(self, person, garment):
        return relabel(person.parse, VITONHD13)


class Fussy(Painter):
    """Refuses one photo in a proper way and falls over another."""

    def prepare_person(self, person):
        brightness = [float(picture(seed).mean()) for seed in range(3)]
        nearest = int(np.argmin([abs(b - person.image.mean()) for b in brightness]))
        if nearest == 1:
            raise ItemError("nobody is to be seen", code="uncertain_pose", hint="Look at it.")
        if nearest == 2:
            raise RuntimeError("a fault")
        return person


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """The systems ``mirror``, ``painter`` and ``fussy`` beside the real ones."""
    module = types.ModuleType("known_systems")
    module.Mirror, module.Painter, module.Fussy = Mirror, Painter, Fussy
    monkeypatch.setitem(sys.modules, "known_systems", module)
    monkeypatch.setattr(worker, "_built", {})
    for name in ("mirror", "painter", "fussy"):
        info = StageInfo(f"tryon-{name}", 1, Subject.PAIR, (), (), layouts=name != "mirror")
        entry = (info, f"known_systems:{name.title()}")
        monkeypatch.setitem(registry.SYSTEMS, name, entry)


def run(capsys, root, *arguments, part="tryon", code=0, layout="cp-vton", split="val"):
    words = ["evaluate", part, root, "--layout", layout, "--split", split, *arguments, "--json"]
    assert app.run([str(word) for word in words]) == code
    shown = capsys.readouterr().out
    models = {"tryon": jsonout.EvaluateTryonDocument, "seg": jsonout.EvaluateSegDocument}
    model = models[part] if code in (0, 3) else jsonout.ErrorDocument
    return model.model_validate_json(shown, strict=False)


def test_several_systems_stand_in_one_table(capsys, viton):
    found = run(capsys, viton, "--systems", "mirror,painter")
    floor, mirror, painter = found.systems
    assert [row.name for row in found.systems] == ["mean colour", "mirror", "painter"]
    assert mirror.ssim == mirror.region_ssim == 1 and mirror.psnr == 100
    assert mirror.kept == 1, "what only copies is found out"
    assert painter.ssim < 1 and painter.repainted == 1 and painter.outside == 0
    assert floor.region_ssim < 1 and floor.dress_s is None and floor.peak_mb is None
    assert painter.dress_s > 0 and painter.processor_s >= 0 and painter.peak_mb > 10
    assert found.compared == mirror.made == len(mirror.pairs) == 3
    assert found.paired and found.exit_code == 0
    assert [pair.item for pair in mirror.pairs] == [f"{p}_0__{p}_1" for p in PEOPLE]


def test_all_systems_whose_weights_are_there(capsys, viton, monkeypatch, shelf):
    few = {name: registry.SYSTEMS[name] for name in ("mirror", "viton-hd", "painter")}
    monkeypatch.setattr("pipelines.system_choice.SYSTEMS", few)
    # the shelf has no weights of viton-hd
    found = run(capsys, viton, "--systems", "all")
    assert [row.name for row in found.systems] == ["mean colour", "mirror", "painter"]
    for more in (("--systems", "all,mirror"), ("--systems", "all", "--weights", "x")):
        assert "--system all" in run(capsys, viton, *more, code=2).error.message


def test_what_became_of_the_parts_to_be_kept(capsys, viton, tmp_path, monkeypatch):
    def spoilt(self, person, garment, *, seed, save_stages=False):
        image = person.image.copy()
        trousers = person.parse.mask(LIP20.PANTS)
        image[trousers] ^= 4
        return TryOnResult(image, trousers.astype(np.float32), 1.0)

    monkeypatch.setattr(Painter, "dress", spoilt)
    found = run(capsys, viton, "--systems", "mirror,painter", "--out", tmp_path)
    _, mirror, painter = found.systems
    lower = painter.parts["lower clothes"]
    assert (lower.whole, lower.inside) == (4, 4) and painter.parts["hair"].whole == 0
    assert {part.whole for part in mirror.parts.values()} <= {0, None}
    page = (tmp_path / "tryon.md").read_text()
    assert "| system | face | hair | lower clothes | hands |" in page
    assert "| 4.000 / 4.000 |" in page and "2 px at 256 rows" in found.protocol["parts to be kept"]


def test_figures_by_level(capsys, viton, tmp_path):
    bent = pose()
    bent.body.xy[7] = (24, 33)
    put(viton, Artifact.POSE, "bea_0", bent)
    out = tmp_path / "figures"
    found = run(capsys, viton, "--system", "painter", "--out", out)
    assert found.levels == {"easy": 2, "medium": 0, "hard": 1}
    painter = found.systems[1]
    assert [pair.level for pair in painter.pairs] == ["easy", "hard", "easy"]
    assert set(painter.levels) == {"easy", "hard"}
    assert painter.levels["hard"].psnr == painter.pairs[1].psnr
    easy = (painter.pairs[0].region_ssim + painter.pairs[2].region_ssim) / 2
    assert painter.levels["easy"].region_ssim == pytest.approx(easy, abs=1e-4)
    assert "arms in front of the trunk" in found.protocol["levels"]
    page = (out / "tryon.md").read_text()
    assert "Pairs: easy 2, medium 0, hard 1" in page
    assert f"| painter | hard | {painter.levels['hard'].ssim:.3f} |" in page
    with (out / "pairs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["item"]: row["level"] for row in rows}["bea_0__bea_1"] == "hard"


def test_the_agnostic_mask_is_judged(capsys, viton):
    mask = run(capsys, viton, "--system", "mirror").agnostic_mask
    assert mask.persons == 3 and mask.below == 0
    assert 0.9 <= mask.least <= mask.mean <= 1


def test_the_protocol_is_printed(capsys, viton):
    protocol = run(capsys, viton, "--system", "mirror", "--limit", "2", "--seed", "9").protocol
    assert protocol["data"] == f"{viton} (layout cp-vton, split val)"
    assert protocol["pairs"].startswith("2 of 3, evenly spread over the list; each person in the")
    assert protocol["system mirror"] == "has no weights"
    assert protocol["parses"] == protocol["garment masks"] == (
        "2 given by the data set, 0 our own"
    )  # fmt: skip
    assert protocol["seed"] == "9"
    assert "sigma 1.5" in protocol["SSIM"] and "5 px at 256" in protocol["region SSIM"]
    assert f"numpy {np.__version__}" in protocol["versions"]
    assert "torchmetrics" in protocol["versions"]


def test_figures_without_their_weights_are_left_out_with_the_reason(capsys, viton, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(viton / "no-weights-here"))
    found = run(capsys, viton, "--system", "mirror")
    assert set(found.left_out_figures) == {"LPIPS", "FID, KID"}
    assert "alexnet" in found.protocol["LPIPS, left out"]
    assert all(row.lpips is None and row.fid is None for row in found.systems)


def test_words_and_files(capsys, viton, tmp_path):
    out = tmp_path / "figures"
    words = ["evaluate", "tryon", str(viton), "--layout", "cp-vton", "--split", "val",
             "--system", "painter", "--out", str(out)]  # fmt: skip
    assert app.run(words) == 0
    shown = capsys.readouterr().out
    assert "mean colour" in shown and "region SSIM" in shown and "worn garment" in shown
    assert "MS-SSIM" not in shown.split("figures")[1], "no picture is large enough"
    names = ["pairs.csv", "sheet-1.png", "tryon.json", "tryon.md"]
    assert sorted(path.name for path in out.iterdir()) == names
    document = jsonout.EvaluateTryonDocument.model_validate_json((out / "tryon.json").read_text())
    assert sorted(document.files) == [str(out / name) for name in names]
    painter = document.systems[1]
    assert f"| painter | 3 | {painter.ssim:.3f} | {painter.region_ssim:.3f} |" in (
        (out / "tryon.md").read_text()
    )
    rows = list(csv.DictReader((out / "pairs.csv").open()))
    assert [row["system"] for row in rows] == ["mean colour"] * 3 + ["painter"] * 3
    mean = np.mean([float(row["region_ssim"]) for row in rows[3:]])
    assert painter.region_ssim == pytest.approx(mean, abs=1e-5)
    assert Image.open(out / "sheet-1.png").mode == "RGB"
    assert not [p for p in viton.rglob("*") if p.suffix in (".md", ".csv")], "data is only read"


def test_the_document_in_the_file_is_the_one_that_is_printed(capsys, viton, tmp_path):
    found = run(capsys, viton, "--system", "mirror", "--out", tmp_path, "--sheet", "0")
    assert json.loads((tmp_path / "tryon.json").read_text()) == json.loads(found.model_dump_json())
    assert not list(tmp_path.glob("sheet*"))


def test_pairs_that_fail_do_not_end_the_run(capsys, viton):
    found = run(capsys, viton, "--systems", "fussy,mirror", code=3)
    _, fussy, mirror = found.systems
    assert [(f.item, f.code) for f in fussy.failed] == [
        ("bea_0__bea_1", "uncertain_pose"), ("cat_0__cat_1", "unexpected"),
    ]  # fmt: skip
    assert fussy.failed[0].hint == "Look at it." and "a fault" in fussy.failed[1].message
    assert found.compared == 1 and (fussy.made, mirror.made) == (1, 3)


def test_a_file_that_cannot_be_read_leaves_its_pair_out(capsys, viton):
    CP_VTON.path(viton, "val", Artifact.PARSE, "bea_0").write_bytes(b"no picture")
    found = run(capsys, viton, "--system", "mirror", code=3)
    assert [(f.item, f.code) for f in found.left_out] == [("bea_0__bea_1", "unreadable")]
    assert found.protocol["pairs"].startswith("2 of 3; 1 left out")
    assert found.systems[1].ssim == 1


def test_nothing_that_can_be_judged(capsys, viton):
    for name in PEOPLE:
        CP_VTON.path(viton, "val", Artifact.IMAGE, f"{name}_0").write_bytes(b"")
    assert run(capsys, viton, "--system", "mirror", code=66).error.code == "no_items"


def test_another_size(capsys, viton):
    found = run(capsys, viton, "--system", "painter", "--size", "256x192")
    assert found.protocol["size"].startswith("256x192 (HEIGHTxWIDTH)")
    # now there is room for all five scales
    assert found.systems[1].ms_ssim is not None and found.systems[1].outside == 0


def test_a_list_says_who_wears_what(capsys, viton, tmp_path):
    path = tmp_path / "own.txt"
    path.write_text("bea_0.jpg bea_1.jpg\n")
    found = run(capsys, viton, "--system", "mirror", "--pairs", path)
    assert [pair.item for pair in found.systems[1].pairs] == ["bea_0__bea_1"]
    assert str(path) in found.protocol["pairs"]


def test_unpaired(capsys, viton, tmp_path):
    found = run(capsys, viton, "--system", "painter", "--unpaired", "--out", tmp_path)
    (painter,) = found.systems
    assert not found.paired and painter.ssim is None and painter.dress_s > 0
    assert all(pair.item[:3] != pair.item[7:10] for pair in painter.pairs)
    assert (tmp_path / "sheet-1.png").is_file()
    assert "SSIM" not in found.protocol and "there is no truth" in found.protocol["pairs"]


class KnownParser:
    """Knows of no top at all."""

    def __call__(self, batch):
        from pipelines.stage import Outputs

        blank = ParseMap(np.where(parse().ids == LIP20.UPPER, 0, parse().ids), LIP20)
        return [Outputs({Artifact.PARSE: blank}) for _ in batch]


def test_own_parses_go_to_the_systems_alone(capsys, viton, monkeypatch):
    """The region and the worn garment stay those of the data set, or figures would not compare."""
    monkeypatch.setattr("vtonctl.runs.judged_pairs._parser", lambda plan: KnownParser())
    found = run(capsys, viton, "--system", "painter", "--parse", "own", "--parser", "geometric")
    assert found.protocol["parses"] == (
        "0 given by the data set, 3 our own (parser geometric)"
    )  # fmt: skip
    assert found.systems[1].repainted == 0, "a system that is not told of a top paints none"
    assert found.systems[1].kept == 1
    given = run(capsys, viton, "--system", "painter")
    assert found.systems[0].region_ssim == given.systems[0].region_ssim
    assert given.systems[1].repainted == 1


def test_own_parses_fill_in_where_there_is_none(capsys, viton, monkeypatch):
    monkeypatch.setattr("vtonctl.runs.judged_pairs._parser", lambda plan: KnownParser())
    CP_VTON.path(viton, "val", Artifact.PARSE, "bea_0").unlink()
    found = run(capsys, viton, "--system", "mirror", "--parser", "geometric")
    assert found.protocol["parses"].startswith("2 given by the data set, 1 our own")
    only = run(capsys, viton, "--system", "mirror", "--parse", "given", code=3)
    assert [f.code for f in only.left_out] == ["missing_input"]


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["--system", "nobody"], 2, "usage"),
        (["--parse", "guessed"], 2, "usage"),
        (["--pose", "guessed"], 2, "usage"),
        (["--sheet", "3"], 2, "usage"),
        (["--unpaired"], 2, "usage"),
        (["--layout", "nowhere"], 65, "bad_layout"),
        (["--split", "test"], 66, "no_items"),
        (["--size", "nine"], 64, "bad_setting"),
        (["--pairs", "no/such/list.txt"], 66, "no_list"),
        (["--device", "cuda:7"], 64, "no_such_device"),
        (["--weights", "no/such.safetensors"], 66, "unusable_weights"),
    ],
)
def test_wishes_that_cannot_be_met(capsys, viton, arguments, code, error):
    given = arguments if "--system" in arguments else [*arguments, "--system", "mirror"]
    told = run(capsys, viton, *given, code=code)
    assert (told.exit_code, told.error.code) == (code, error)
    assert told.error.hint


def test_a_root_that_is_not_there(capsys, tmp_path):
    assert run(capsys, tmp_path / "nowhere", code=66).error.code == "no_such_folder"


def test_layouts_are_judged(capsys, viton, tmp_path):
    found = run(capsys, viton, "--system", "painter", "--out", tmp_path, part="seg")
    given, painter = found.systems
    assert (given.name, painter.name, painter.miou) == ("given", "painter", 1)
    assert list(painter.iou) == ["upper", "arms", "lower", "hair", "face"]
    # what the clothing-agnostic parse has needs no prediction
    assert given.iou["hair"] == given.iou["lower"] == 1 and given.iou["upper"] == 0
    assert set(painter.photos) == {f"{p}_0__{p}_1" for p in PEOPLE}
    page = (tmp_path / "seg.md").read_text()
    assert "| painter | 1.000 | 1.000 | 1.000 | 1.000 | 1.000 | 1.000 |" in page
    assert json.loads((tmp_path / "seg.json").read_text()) == json.loads(found.model_dump_json())


def test_failed_layouts_count_as_wrong(capsys, viton):
    found = run(capsys, viton, "--system", "fussy", part="seg", code=3)
    assert found.systems[1].iou["hair"] == pytest.approx(1 / 3, abs=1e-6)
    assert {f.code for f in found.systems[1].failed} == {"uncertain_pose", "unexpected"}
    words = ["evaluate", "seg", str(viton), "--layout", "cp-vton", "--split", "val"]
    assert app.run([*words, "--system", "fussy", "--quiet"]) == 3
    shown = capsys.readouterr().out
    assert "nobody is to be seen" in shown and "protocol" not in shown


def test_a_system_without_layouts_is_refused(capsys, viton):
    found = run(capsys, viton, "--system", "mirror", part="seg", code=2)
    assert found.error.code == "no_layout" and "evaluate tryon" in found.error.hint


def test_all_are_those_that_predict_layouts(capsys, viton, monkeypatch):
    few = {name: registry.SYSTEMS[name] for name in ("mirror", "painter")}
    monkeypatch.setattr("pipelines.system_choice.SYSTEMS", few)
    found = run(capsys, viton, "--systems", "all", part="seg")
    assert [system.name for system in found.systems] == ["given", "painter"]


def test_photos_in_another_layout(capsys, tmp_path):
    """Without a parse of the data set the own one judges."""
    root = tmp_path / "shop"
    for artifact, value in ((Artifact.IMAGE, picture(1)), (Artifact.POSE, pose()),
                            (Artifact.PARSE, parse()), (Artifact.CLOTH, picture(2)),
                            (Artifact.CLOTH_MASK, np.ones(SIZE, bool))):  # fmt: skip
        put(root, artifact, "ann", value, layout=VITON_HD, split="test", labels=LIP20)
    found = run(capsys, root, "--system", "mirror", layout="viton-hd", split="test")
    assert found.systems[1].pairs[0].item == "ann__ann"
