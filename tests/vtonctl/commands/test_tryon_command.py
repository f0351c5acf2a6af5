"""What ``vtonctl tryon`` asks the runtime for."""

from pathlib import Path

import pytest

from pipelines.system_choice import choose_system
from vtonctl import app


@pytest.fixture
def folders(tmp_path):
    for name in ("people", "tops"):
        (tmp_path / name).mkdir()
    return tmp_path / "people", tmp_path / "tops", tmp_path / "out"


def two_folders(folders, *more):
    people, tops, out = map(str, folders)
    return ["tryon", "--persons", people, "--garments", tops, "--out", out, *more]


def test_two_folders_are_prepared_inside_out_and_all_pairs_made(asked, folders):
    people, tops, out = folders
    assert app.run(two_folders(folders)) == 3
    request = asked.request
    assert request.out == out
    assert request.root == request.prepare.root == out / ".vtonctl" / "data"
    assert (request.prepare.photos, request.prepare.garments) == (people, tops)
    assert request.all_pairs and request.pairs is None
    assert request.system == "auto"


def test_a_list_limits_the_pairs_of_two_folders(asked, folders, tmp_path):
    listed = tmp_path / "list.txt"
    listed.write_text("ann.jpg tee.jpg\n")
    app.run(two_folders(folders, "--pairs", str(listed)))
    assert asked.request.pairs == listed and not asked.request.all_pairs


def test_a_root_keeps_its_files_and_gets_results(asked, root):
    app.run(["tryon", str(root), "--commercial"])
    assert asked.request.prepare is None
    assert asked.request.root == root
    assert asked.request.out == root / "results" / "geometric"
    app.run(["tryon", str(root)])
    assert asked.request.out == root / "results" / choose_system().name
    assert not asked.request.all_pairs and asked.request.pairs is None


def test_options_reach_the_request(asked, root):
    app.run(
        ["tryon", str(root), "--all-pairs", "--native", "--format", "webp", "--quality", "80"]
        + ["--save-stages", "--seed", "9"]
    )
    request = asked.request
    assert request.all_pairs and request.native and request.save_stages
    assert (request.image_format, request.quality, asked.options.seed) == ("webp", 80, 9)


@pytest.mark.parametrize(
    "arguments",
    [
        ["tryon"],
        ["tryon", "--persons", "{people}"],
        ["tryon", "--persons", "{people}", "--garments", "{tops}"],
        ["tryon", "{people}", "--garments", "{tops}"],
        ["tryon", "{people}", "--pairs", "list.txt", "--all-pairs"],
        ["tryon", "{people}", "--pose", "a.json", "--pose-from", "b.jpg"],
    ],
)
def test_contradictions_are_wrong_use(asked, folders, arguments):
    places = dict(zip(("people", "tops", "out"), map(str, folders), strict=True))
    assert app.run([a.format(**places) for a in arguments]) == 2
    assert asked.request is None


def test_poses_reach_the_request(asked, root):
    folder = ["tryon", str(root), "--out", str(root.parent / "out")]
    app.run([*folder, "--pose", "poses", "--pose-model", "heavy"])
    request = asked.request
    assert (request.pose, request.pose_from) == (Path("poses"), None)
    assert request.pose_model == "heavy"
    app.run([*folder, "--pose-from", "her.jpg"])
    assert (asked.request.pose, asked.request.pose_from) == (None, Path("her.jpg"))
    app.run(folder)
    assert (asked.request.pose, asked.request.pose_from) == (None, None)


def test_the_summary_names_failures_doubts_and_counts(asked, root, capsys):
    app.run(["tryon", str(root)])
    shown = capsys.readouterr().out
    assert "bea" in shown and "nobody." in shown
    assert "worth a look: 1 (1 x side view)" in shown
    assert "0 made, 1 up to date, 1 failed, in 1 s" in shown
