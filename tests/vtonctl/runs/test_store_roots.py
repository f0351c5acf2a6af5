"""Photos, data-set roots and results in an object store: as on a disk, byte for byte."""

import io
import json
import os
import random
import signal
import time
from itertools import count as numbers
from pathlib import Path

import pytest
from fake_run import make_request
from PIL import Image
from run_harness import ON_EACH_EXECUTOR_SLOWLY, finish, make_photo, make_wardrobe, products, start

pytest.importorskip("s3fs", reason="the extra stores is absent")
pytest.importorskip("moto", reason="moto is absent")

import s3fs
from store_harness import ObjectStore

from pipelines.errors import StorageError
from pipelines.store_access import filesystem
from pipelines.store_path import listed, place
from vtonctl import app
from vtonctl.commands.tryon import write_report
from vtonctl.runs.ledger import read_ledger
from vtonctl.runs.lock import hold
from vtonctl.runs.rundir import RunDir

PERSONS, GARMENTS, JOBS = 2, 2, 1
_numbers = numbers()


@pytest.fixture(scope="module")
def server():
    return ObjectStore()


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return make_wardrobe(tmp_path_factory.mktemp("photos"), PERSONS, GARMENTS)


@pytest.fixture(scope="module")
def on_disk(photos):
    """The files of a run that nobody disturbed, on the local disk."""
    code, _, error = finish(start(photos, "--jobs", "1"), timeout=240)
    assert code == 0, error
    return products(photos / "out")


class Shop:
    """A bucket with persons and garments, and the ledgers of what is made in it."""

    def __init__(self, server, photos, state):
        self.server, self.state = server, state
        self.bucket = f"shop-{os.getpid()}-{next(_numbers)}"
        for folder in ("persons", "garments"):
            server.upload(photos / folder, self.bucket, folder)
        self.base = place(f"s3://{self.bucket}")
        self.out = self.base / "out"

    def start(self, *args, env=None):
        more = {"VTONCTL_STATE": str(self.state), **self.server.environ, **(env or {})}
        return start(self.base, "--jobs", str(JOBS), *args, env=more)

    def run(self, *args):
        self.server.asked.clear()
        return finish(self.start(*args), timeout=240)

    def replace(self, key, content):
        self.server.client.put_object(Bucket=self.bucket, Key=key, Body=content)

    def remove(self, key):
        self.server.client.delete_object(Bucket=self.bucket, Key=key)

    def contents(self, prefix="out/"):
        return self.server.contents(self.bucket, prefix)

    def products(self):
        return self.server.products(self.bucket)


@pytest.fixture
def shop(server, photos, tmp_path, monkeypatch):
    for name, value in server.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("VTONCTL_STATE", str(tmp_path / "state"))
    server.heal()
    open_anew()
    yield Shop(server, photos, tmp_path / "state")
    server.heal()
    open_anew()


def open_anew():
    """Let this process forget the stores that it has open."""
    filesystem.cache_clear()
    s3fs.S3FileSystem.clear_instance_cache()


def jpeg(tmp_path, seed):
    make_photo(tmp_path / "photo.jpg", seed)
    return (tmp_path / "photo.jpg").read_bytes()


@ON_EACH_EXECUTOR_SLOWLY
def test_a_run_in_a_store_makes_the_files_of_a_local_run(
    shop, on_disk, tmp_path, executor, fakes, capsys
):
    code, told, error = shop.run("--executor", executor)
    assert (code, set(told["counts"])) == (0, {"done"}), error
    assert shop.products() == on_disk
    written = shop.server.put()
    # one PUT each: what is half sent is never seen, and nothing waits to be completed
    assert len(written) == len(set(written)) == len(shop.contents())
    assert all(query in ("", "x-id=PutObject") for _, query in written)
    photos = [path for path in shop.server.fetched() if "/out/" not in path]
    assert len(photos) == len(set(photos)) == PERSONS + GARMENTS, "each photo is fetched once"
    lines = [json.loads(line) for line in shop.contents()["results.jsonl"].splitlines()]
    assert len(lines) == PERSONS * GARMENTS
    sources = shop.contents()[".vtonctl/data/sources.jsonl"].decode().splitlines()
    assert json.loads(sources[0])["path"] == f"s3://{shop.bucket}/persons/p000.jpg"
    # the ledger is on this machine, and says whose it is
    assert not [name for name in shop.contents() if "ledger" in name or "journal" in name]
    assert RunDir(shop.out).state.parent == shop.state
    assert RunDir(shop.out).address.read_text() == f"s3://{shop.bucket}/out\n"
    nothing_is_done_again(shop)
    commands_take_its_address(shop, capsys)
    only_what_changed_is_done_again(shop, tmp_path)


def nothing_is_done_again(shop):
    before = shop.contents()
    code, told, error = shop.run()
    assert (code, set(told["counts"])) == (0, {"current"}), error
    assert not shop.server.fetched()
    assert not shop.server.put()
    assert shop.contents() == before


def commands_take_its_address(shop, capsys):
    assert app.run(["status", str(shop.out), "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["root"] == str(shop.out)
    assert status["stages"]["tryon"]["done"] == PERSONS * GARMENTS
    assert app.run(["report", str(shop.out)]) == 0
    page = shop.contents()["report.html"].decode()
    assert 'data-href="p000__g500.png"' in page
    assert 'data-href=".vtonctl/data/test/cloth/g500.jpg"' in page
    assert page.count("data:image/webp") == PERSONS * GARMENTS + PERSONS + GARMENTS
    shop.server.asked.clear()
    assert write_report(make_request(shop.base)) == shop.out / "report.html"
    assert not shop.server.fetched(), "the page shows these results already"
    assert app.run(["retry", str(shop.out), "--quiet"]) == 0
    shop.remove("out/report.html")


def only_what_changed_is_done_again(shop, tmp_path):
    before = shop.products()
    shop.replace("persons/p000.jpg", jpeg(tmp_path, 99))
    shop.remove("out/p001__g500.png")
    content = bytearray(shop.contents()["p001__g501.png"])
    content[len(content) // 2] ^= 255
    shop.replace("out/p001__g501.png", bytes(content))  # of the same size
    shop.remove("out/.vtonctl/data/test/openpose_img/p001_rendered.png")
    code, told, error = shop.run()
    assert code == 0, error
    of_p000 = [f"{stage}/p000" for stage in ("agnostic", "frame", "parse", "pose")]
    pairs = ["p000__g500", "p000__g501", "p001__g500", "p001__g501"]
    assert told["done"] == sorted([*of_p000, "pose/p001", *(f"tryon/{pair}" for pair in pairs)])
    assert sum("/persons/" in path for path in shop.server.fetched()) == 1
    made = shop.products()
    changed = {name for name in before if made[name] != before[name]}
    assert len(changed) > GARMENTS
    assert all("p000" in name for name in changed), "what was damaged or lost is as before"


def rows(shop):
    done = set()
    for root, scope in ((shop.out, "results"), (shop.out / ".vtonctl" / "data", "viton-hd/test")):
        ledger = read_ledger(RunDir(root))
        done |= {f"{r.stage}/{r.item}" for r in ledger.rows(scope).values() if r.status == "done"}
        ledger.close()
    return done


def check_whole(shop, finished):
    """Every picture decodes and is one that an undisturbed run makes."""
    for name, content in shop.contents().items():
        if name.endswith((".png", ".jpg")):
            Image.open(io.BytesIO(content)).load()
    made = shop.products()
    assert made == {name: finished[name] for name in made}


def kill_and_rerun(shop, on_disk, seed, points):
    rng = random.Random(seed)
    for _ in range(points):
        before, puts = rows(shop), rng.randrange(1, len(on_disk) // points)
        shop.server.asked.clear()
        process = shop.start(env={"FAKE_STAGE_S": "0.02"})
        # in the middle of the work, wherever a slow or a fast machine has got to
        deadline = time.monotonic() + 120
        while len(shop.server.put()) < puts and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        assert process.poll() is None, "it is to be killed while it works"
        os.killpg(process.pid, signal.SIGKILL)
        finish(process)
        assert before <= rows(shop)
        check_whole(shop, on_disk)
    before = rows(shop)
    code, told, error = shop.run()
    assert code == 0, error
    assert not before & set(told["done"]), "finished items were done again"
    assert shop.products() == on_disk


def test_killed_at_any_point_nothing_is_lost_or_half_written(shop, on_disk):
    kill_and_rerun(shop, on_disk, seed=1, points=2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_killed_at_twenty_points(shop, on_disk, seed):
    kill_and_rerun(shop, on_disk, seed=100 + seed, points=4)


def test_a_denied_photo_costs_only_its_own_results(shop, on_disk):
    shop.server.denied = r"/persons/p001"
    code, told, error = shop.run()
    assert code == 3, error
    assert told["counts"] == {"failed": 1, "blocked": 3 + GARMENTS, "done": len(told["done"])}
    kept = shop.products()
    assert kept == {name: value for name, value in on_disk.items() if "p001" not in name}
    lost = json.loads(shop.contents()["results.jsonl"].splitlines()[GARMENTS])
    assert f"s3://{shop.bucket}/persons/p001.jpg: access is denied" in lost["message"]
    shop.server.heal()
    assert shop.run()[0] == 0
    assert shop.products() == on_disk


def test_a_broken_connection_ends_the_run_and_loses_nothing(shop, on_disk):
    shop.server.break_at = 12
    code, _, error = shop.run()
    assert code == 74
    assert error.splitlines()[-1].startswith("store_lost: s3://")
    assert "Traceback" not in error
    assert shop.server.environ["AWS_SECRET_ACCESS_KEY"] not in error
    shop.server.heal()
    check_whole(shop, on_disk)
    code, told, error = shop.run()
    assert code == 0, error
    assert "failed" not in told["counts"]
    assert shop.products() == on_disk


def test_a_root_that_may_not_be_written(shop):
    shop.server.denied = r"/out/.*frame|/out/.*image/"
    code, _, error = shop.run()
    assert code == 74
    assert "cannot be written: access is denied" in error


def test_buckets_that_are_not_there_or_denied(shop, tmp_path, capsys):
    here, root = str(shop.base / "persons"), str(tmp_path / "root")
    assert app.run(["preprocess", "s3://no-such-bucket-here/photos", "--root", root]) == 66
    assert "is in no bucket that is there" in capsys.readouterr().err
    assert app.run(["preprocess", str(shop.base / "none"), "--root", root]) == 66
    assert app.run(["preprocess", here, "--root", "s3://no-such-bucket-here/root"]) == 74
    assert "s3://no-such-bucket-here/root: there is no such bucket." in capsys.readouterr().err
    shop.server.denied = f"^/{shop.bucket}/?$"
    assert app.run(["preprocess", here, "--root", root]) == 66
    told = capsys.readouterr().err
    assert "cannot be looked at: access is denied" in told
    assert "docs/stores.md" in told
    # a listing that is denied does not look like files that are gone
    with listed(), pytest.raises(StorageError, match="cannot be listed: access is denied"):
        (shop.out / "a.png").exists()
    assert not (tmp_path / "root").exists()
    assert not shop.server.put()


def test_one_run_at_a_time(shop):
    with hold(RunDir(shop.out), "tryon"):
        code, _, error = shop.run()
    assert code == 75
    assert f"s3://{shop.bucket}/out: process {os.getpid()} (tryon)" in error
    assert not shop.contents()


def test_a_folder_as_a_store(photos, on_disk, tmp_path):
    """``file://`` writes by renaming, and keeps the ledger elsewhere."""
    base = tmp_path / "share"
    for folder in ("persons", "garments"):
        (base / folder).mkdir(parents=True)
        for path in (photos / folder).iterdir():
            (base / folder / path.name).write_bytes(path.read_bytes())
    env = {"VTONCTL_STATE": str(tmp_path / "state")}
    for wanted in ("done", "current"):
        code, told, error = finish(start(f"file://{base}", env=env), timeout=240)
        assert (code, set(told["counts"])) == (0, {wanted}), error
    assert products(base / "out") == on_disk
    assert not list(base.rglob("ledger.sqlite"))
    assert len(list((tmp_path / "state").glob("*/ledger.sqlite"))) == 2
    assert not list(Path(base).rglob(".vton-*"))
