"""What commands make of addresses in stores, and of those that they cannot use."""

import json

import pytest

from pipelines.errors import UsageError
from pipelines.store_path import StorePath, place
from vtonctl import app
from vtonctl.commands.preprocess import _beside
from vtonctl.runs.guard import check_preprocess, check_tryon
from vtonctl.runs.ledger import RunRecord
from vtonctl.runs.recall import recall_request
from vtonctl.runs.requests import PreprocessRequest, TryOnRequest
from vtonctl.runs.rundir import RunDir
from vtonctl.runs.session import plain


def test_addresses_reach_the_request(asked, root):
    app.run(["preprocess", f"file://{root.parent}", "--root", f"file://{root}/new/"])
    assert asked.request.photos == StorePath("file", str(root.parent))
    assert asked.request.root == StorePath("file", f"{root}/new")


def test_a_root_in_a_store_is_recognised_and_one_beside_photos_is_made(asked, root, tmp_path):
    app.run(["preprocess", f"file://{root}"])
    assert (asked.request.root, asked.request.photos) == (StorePath("file", str(root)), None)
    (tmp_path / "photos").mkdir()
    app.run(["preprocess", f"file://{tmp_path}/photos"])
    assert asked.request.root == StorePath("file", f"{tmp_path}/photos-vton")
    with pytest.raises(UsageError, match="no place beside it"):
        _beside(place("s3://bucket"))


def test_the_file_in_a_root_in_a_store_counts(asked, root):
    (root / "vtonctl.toml").write_text("jobs = 7\n")
    app.run(["preprocess", f"file://{root}"])
    assert asked.options.jobs == 7


def test_a_try_on_of_two_folders_keeps_its_data_beside_the_results(asked, tmp_path):
    for name in ("people", "tops"):
        (tmp_path / name).mkdir()
    app.run(
        ["tryon", "--persons", f"file://{tmp_path}/people", "--garments", str(tmp_path / "tops")]
        + ["--out", f"file://{tmp_path}/out", "--no-report"]
    )
    assert asked.request.out == StorePath("file", f"{tmp_path}/out")
    assert asked.request.root == StorePath("file", f"{tmp_path}/out/.vtonctl/data")
    assert asked.request.prepare.photos == StorePath("file", f"{tmp_path}/people")
    assert asked.request.prepare.garments == tmp_path / "tops"


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "s3://bucket/root"],
        ["doctor", "gs://bucket/root"],
        ["tryon", "ROOT", "--pairs", "s3://bucket/pairs.txt"],
        ["tryon", "ROOT", "--pose", "az://box/pose.json"],
    ],
)
def test_where_no_address_can_be_given(asked, root, capsys, arguments):
    assert app.run([str(root) if a == "ROOT" else a for a in arguments]) == 2
    assert f"{arguments[-1]}: no place in a store can be given here" in capsys.readouterr().err


def test_secrets_in_an_address_are_not_repeated(capsys):
    assert app.run(["preprocess", "s3://key:hunter2@bucket/photos"]) == 2
    told = capsys.readouterr()
    assert "hunter2" not in told.out + told.err
    assert "docs/stores.md" in told.err


def test_a_folder_that_is_not_there(asked, tmp_path, capsys):
    assert app.run(["preprocess", f"file://{tmp_path}/none", "--root", str(tmp_path / "r")]) == 66
    assert f"file://{tmp_path}/none: the folder of photos does not exist" in capsys.readouterr().err


def test_photos_and_results_in_one_place_are_refused(tmp_path):
    shop = place(f"file://{tmp_path}/shop")
    for photos in (shop, shop / "test/image", shop / "test/cloth/new"):
        with pytest.raises(UsageError, match="would be written while"):
            check_preprocess(PreprocessRequest(root=shop, photos=photos))
    check_preprocess(PreprocessRequest(root=shop, photos=place(f"file://{tmp_path}/shop-photos")))
    with pytest.raises(UsageError, match="would be written while"):
        check_tryon(TryOnRequest(root=shop, out=shop))
    # a folder is itself, also under its address
    with pytest.raises(UsageError, match="would be written while"):
        check_preprocess(PreprocessRequest(root=place(f"file://{tmp_path}"), photos=tmp_path))


def test_ledgers_of_roots_in_stores_lie_in_the_folder_of_states(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("VTONCTL_STATE", raising=False)
    ours = RunDir(place("s3://bucket/shop"))
    assert ours.state.parent == tmp_path / "vtonctl" / "roots"
    assert ours.state == RunDir(place("S3://bucket/shop/")).state
    assert ours.state != RunDir(place("s3://bucket/other/shop")).state
    assert ours.results == place("s3://bucket/shop/results.jsonl")
    monkeypatch.setenv("VTONCTL_STATE", str(tmp_path / "elsewhere"))
    assert ours.state.parent == tmp_path / "elsewhere"
    assert RunDir(tmp_path).state == tmp_path / ".vtonctl"


def test_a_request_is_remembered_with_its_addresses(tmp_path):
    prepare = PreprocessRequest(root=place("s3://b/out/data"), photos=place("s3://b/people"))
    request = TryOnRequest(
        root=prepare.root, out=place("gs://c/out"), prepare=prepare, pairs=tmp_path / "pairs.txt"
    )
    asked = json.loads(json.dumps({"request": plain(request), "seed": 3}))
    recalled = recall_request(RunRecord("tryon", asked, "", "", ""))
    assert recalled.request == request
