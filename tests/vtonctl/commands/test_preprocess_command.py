"""What ``vtonctl preprocess`` asks the runtime for."""

import pytest

from vtonctl import app


def folder(path):
    path.mkdir(parents=True)
    return path


def test_photos_make_a_root_beside_them(asked, tmp_path):
    photos = folder(tmp_path / "photos")
    assert app.run(["preprocess", str(photos)]) == 3
    assert asked.request.photos == photos
    assert asked.request.root == tmp_path / "photos-vton"
    assert asked.request.garments is None
    assert (asked.request.split, asked.request.layout) == ("test", "viton-hd")
    assert asked.request.size_hw == (1024, 768)


def test_the_current_folder_has_a_name_too(asked, tmp_path, monkeypatch):
    monkeypatch.chdir(folder(tmp_path / "photos"))
    app.run(["preprocess", "."])
    assert asked.request.root == tmp_path / "photos-vton"


def test_garments_alone_and_both(asked, tmp_path):
    photos, garments = folder(tmp_path / "photos"), folder(tmp_path / "tops")
    app.run(["preprocess", "--garments", str(garments)])
    assert (asked.request.photos, asked.request.garments) == (None, garments)
    assert asked.request.root == tmp_path / "tops-vton"
    app.run(["preprocess", str(photos), "--garments", str(garments)])
    assert asked.request.root == tmp_path / "photos-vton"
    app.run(["preprocess", str(photos), "--garments", str(garments), "--root", str(tmp_path / "r")])
    assert asked.request.root == tmp_path / "r"


def test_an_existing_root_is_filled_in(asked, root, tmp_path):
    app.run(["preprocess", str(root)])
    assert (asked.request.root, asked.request.photos) == (root, None)
    garments = folder(tmp_path / "tops")
    app.run(["preprocess", str(root), "--garments", str(garments)])
    assert (asked.request.root, asked.request.garments) == (root, garments)


def test_a_root_is_told_by_its_split(asked, root, tmp_path):
    app.run(["preprocess", str(root), "--split", "train"])
    assert asked.request.photos == root
    assert asked.request.root == tmp_path / "shop-vton"


def test_options_reach_the_request(asked, root):
    app.run(
        ["preprocess", str(root), "--only", "pose, cloth-mask", "--size", "512x384"]
        + ["--pose-model", "lite", "--agnostic", "viton-hd", "--jobs", "2"]
        + ["--item-timeout", "30", "--retry-failed", "--dry-run"]
    )
    assert asked.request.only == ("pose", "cloth-mask")
    assert asked.request.size_hw == (512, 384)
    assert (asked.request.pose_model, asked.request.agnostic_variant) == ("lite", "viton-hd")
    options = asked.options
    assert (options.jobs, options.item_timeout_s, options.device) == (2, 30.0, "auto")
    assert options.retry_failed and options.dry_run


def test_the_file_in_the_root_counts(asked, root):
    (root / "vtonctl.toml").write_text('jobs = 1\npose_model = "heavy"\n')
    app.run(["preprocess", str(root)])
    assert (asked.options.jobs, asked.request.pose_model) == (1, "heavy")
    app.run(["preprocess", str(root), "--pose-model", "lite"])
    assert asked.request.pose_model == "lite"


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (["--only", "poses"], 2),
        (["--executor", "cluster"], 64),
        (["--executor", "dask:tcp://nowhere"], 64),
        (["--dask-resources", "GPU"], 64),
    ],
)
def test_what_is_refused(asked, root, flags, code):
    assert app.run(["preprocess", str(root), *flags]) == code
    assert asked.request is None
