"""Every person in every garment in every pose: names, records, what is done again, what fails."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import run_harness
from PIL import Image

from pipelines.errors import InputError, ListError, UsageError
from vtonctl.runs import pair_plan
from vtonctl.runs.filehash import HashCache
from vtonctl.runs.ledger import read_ledger
from vtonctl.runs.pair_plan import in_good_order, in_poses
from vtonctl.runs.recall import recall_request
from vtonctl.runs.requests import RunOptions, TryOnRequest
from vtonctl.runs.retry import run_retry
from vtonctl.runs.rundir import RunDir
from vtonctl.runs.status import read_status
from vtonctl.runs.target_poses import find_poses, pose_name
from vtonctl.runs.tasks import PoseSource
from vtonctl.runs.tryon import run_tryon

OPTIONS = RunOptions(jobs=1)
PERSONS, GARMENTS = 4, 2
PAIRS = PERSONS * GARMENTS


def write_pose(path, joints=25, at=5, key="pose_keypoints_2d"):
    """A pose whose joint n is at (at + n, 2 at)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = [value for n in range(joints) for value in (at + n, 2 * at, 0.9)]
    path.write_text(json.dumps({"people": [{key: numbers}]}))
    return path


@pytest.fixture
def poses(tmp_path):
    """A folder with a BODY_25 pose and a COCO-18 one."""
    write_pose(tmp_path / "poses" / "arms_keypoints.json", at=5)
    write_pose(tmp_path / "poses" / "stand.json", joints=18, at=9, key="pose_keypoints")
    return tmp_path / "poses"


@pytest.fixture
def posed(finished, poses):
    """A request for two poses of four persons in two garments, all prepared."""
    out = finished.out.parent / "posed"
    return replace(finished, prepare=None, out=out, system="fake-posed", pose=poses)


def run(request, **options):
    return run_tryon(request, replace(OPTIONS, **options), run_harness.Sink())


def lines(request):
    text = RunDir(request.out).results.read_text().splitlines()
    return {line["item"]: line for line in map(json.loads, text)}


def test_every_pose_of_every_pair_has_a_result_of_its_own(posed):
    assert Counter(o.status for o in run(posed).outcomes) == {"done": 2 * PAIRS}
    written = lines(posed)
    assert set(written) == {
        f"p{p:03}__g{g}__{pose}" for p in range(4) for g in (500, 501) for pose in ("arms", "stand")
    }
    line = written["p001__g501__stand"]
    assert (line["person"], line["garment"], line["pose"]) == ("p001", "g501", "stand")
    assert line["target_pose"]["size"] == [32, 24]
    # the joints as they were in the file; COCO-18 has no big toes
    joints = line["target_pose"]["joints"]
    assert len(joints) == 25 and joints[0] == [9.0, 18.0] and joints[19] is None
    assert set(line["inputs"]) >= {"target-pose", "pose", "cloth"}
    pixels = {
        pose: np.asarray(Image.open(posed.out / f"p001__g501__{pose}.png"))[22, 4, 0]
        for pose in ("arms", "stand")
    }
    assert pixels == {"arms": 15, "stand": 27}


def test_only_what_changed_is_done_again(posed, poses):
    run(posed)
    assert Counter(o.status for o in run(posed).outcomes) == {"current": 2 * PAIRS}
    write_pose(poses / "arms_keypoints.json", at=6)
    write_pose(poses / "sit.json", at=7)
    dry = run(posed, dry_run=True)
    assert Counter(o.status for o in dry.outcomes) == {"current": PAIRS, "pending": 2 * PAIRS}
    assert not (posed.out / "p000__g500__sit.png").exists()
    outcomes = run(posed).outcomes
    done = Counter(o.item.rpartition("__")[2] for o in outcomes if o.status == "done")
    assert done == {"arms": PAIRS, "sit": PAIRS}
    (posed.out / "p000__g500__sit.png").unlink()
    again = [o.item for o in run(posed).outcomes if o.status == "done"]
    assert again == ["p000__g500__sit"]


def test_a_pose_is_no_part_of_results_without_one(posed, poses):
    run(posed)
    plain = replace(posed, pose=None, system="fake")
    assert Counter(o.status for o in run(plain).outcomes) == {"done": PAIRS}
    line = lines(plain)["p000__g500"]
    assert line["pose"] == "" and "target_pose" not in line and "target-pose" not in line["inputs"]


@pytest.mark.parametrize(
    ("joints", "words"), [(17, "51 body numbers"), (33, "99 body numbers"), (0, "0 body numbers")]
)
def test_a_bad_pose_file_costs_no_other_pose_its_result(posed, poses, joints, words):
    bad = write_pose(poses / "odd.json", joints=joints)
    result = run(posed)
    assert Counter(o.status for o in result.outcomes) == {"done": 2 * PAIRS, "blocked": PAIRS}
    assert result.exit_code() == 3
    line = lines(posed)["p002__g500__odd"]
    assert (line["status"], line["pose"], line["garment"]) == ("blocked", "odd", "g500")
    assert str(bad) in line["message"] and words in line["message"]
    assert "75 (BODY_25) or 54 (COCO-18)" in line["message"]
    # mended, it is made, and nothing else is
    write_pose(bad)
    outcomes = Counter(o.status for o in run(posed).outcomes)
    assert outcomes == {"done": PAIRS, "current": 2 * PAIRS}


def test_a_pose_that_shows_too_little_fails_by_itself(posed, poses):
    path = poses / "feet.json"
    path.write_text(json.dumps({"people": [{"pose_keypoints_2d": [0, 0, 0] * 24 + [5, 5, 0.9]}]}))
    result = run(posed)
    assert Counter(o.status for o in result.outcomes) == {"done": 2 * PAIRS, "failed": PAIRS}
    line = lines(posed)["p002__g500__feet"]
    assert (line["code"], line["person"], line["pose"]) == ("uncertain_pose", "p002", "feet")
    # it is not tried again until something changes
    assert Counter(o.status for o in run(posed).outcomes)["failed"] == PAIRS


def test_a_person_that_cannot_be_used_costs_only_their_own_results(posed):
    parse = next(posed.root.rglob("p003.png"))
    parse.write_bytes(b"no picture")
    outcomes = run(posed).outcomes
    assert Counter(o.status for o in outcomes) == {"done": 2 * (PAIRS - GARMENTS), "blocked": 4}
    assert {o.item for o in outcomes if o.status == "blocked"} == {
        f"p003__g{g}__{pose}" for g in (500, 501) for pose in ("arms", "stand")
    }


def test_a_pose_is_found_in_a_photo(posed, tmp_path):
    photo = tmp_path / "Dancer One.jpg"
    run_harness.make_photo(photo, 77)
    request = replace(posed, pose=None, pose_from=photo)
    outcomes = run(request).outcomes
    assert {(o.status, o.message) for o in outcomes} == {("done", "")}
    name = pose_name(photo)
    line = lines(request)[f"p000__g500__{name}"]
    expected = int(np.asarray(Image.open(photo))[0, 0, 0]) % 24
    assert line["target_pose"]["joints"][0][0] == expected
    assert Counter(o.status for o in run(request).outcomes) == {"current": PAIRS}
    # another way of finding it makes another result
    other = replace(request, pose_model="heavy")
    assert Counter(o.status for o in run(other, dry_run=True).outcomes) == {"pending": PAIRS}


def test_a_system_without_networks_for_poses_is_shown_turned_limbs(posed, poses, monkeypatch):
    path = poses / "arms_keypoints.json"
    numbers = json.loads(path.read_text())["people"][0]["pose_keypoints_2d"]
    numbers[3 * 2] = numbers[3 * 5]  # shoulders one above the other: a body seen from its side
    path.write_text(json.dumps({"people": [{"pose_keypoints_2d": numbers}]}))
    request = replace(posed, system="fake", pose=path)
    assert Counter(o.status for o in run(request).outcomes) == {"done": PAIRS}
    for line in lines(request).values():
        assert line["measures"]["pose_distance"] >= 0
        assert len(line["target_pose"]["joints"]) == 25
    assert Counter(o.status for o in run(request).outcomes) == {"current": PAIRS}
    # people in their own pose are none of these
    own = run(replace(request, pose=None))
    assert Counter(o.status for o in own.outcomes) == {"done": PAIRS}
    assert "pose_distance" not in lines(request)["p000__g500"]["measures"]
    # another way of turning limbs makes other pictures
    monkeypatch.setattr(pair_plan, "REPOSING_VERSION", pair_plan.REPOSING_VERSION + 1)
    again = run(request, dry_run=True)
    assert Counter(o.status for o in again.outcomes) == {"pending": PAIRS}


def test_a_photo_without_a_pose_is_named(posed, tmp_path):
    photo = tmp_path / "nobody.jpg"
    run_harness.make_trouble(photo, (0, 0, 255))
    result = run(replace(posed, pose=None, pose_from=photo))
    assert {(o.status, o.code) for o in result.outcomes} == {("failed", "no_person")}
    assert all(str(photo) in o.message for o in result.outcomes)


def test_the_request_is_remembered_for_status_and_retry(posed, poses, fakes):
    run(posed)
    ledger = read_ledger(RunDir(posed.out))
    recalled = recall_request(ledger.last_run()).request
    ledger.close()
    assert recalled.pose == poses and recalled.pose_from is None
    counted = {entry.stage: entry.done for entry in read_status(posed.out).stages}
    assert counted["tryon"] == 2 * PAIRS
    result = run_retry(posed.out, OPTIONS, run_harness.Sink())
    assert Counter(o.status for o in result.outcomes) == {"current": 2 * PAIRS}


def wish(tmp_path, **poses):
    return TryOnRequest(root=tmp_path, out=tmp_path / "out", **poses)


def test_poses_that_cannot_be_are_refused_before_anything_is_done(tmp_path, poses):
    def refused(kind, **wanted):
        with pytest.raises(kind) as error:
            find_poses(wish(tmp_path, **wanted), HashCache())
        return str(error.value)

    lonely = write_pose(tmp_path / "lonely.json", joints=17)
    message = refused(InputError, pose=lonely)
    assert str(lonely) in message and "51 body numbers" in message and "54 (COCO-18)" in message
    assert "--pose-from" in refused(InputError, pose=tmp_path / "nothing.json")
    (tmp_path / "empty").mkdir()
    assert "no pose file" in refused(InputError, pose=tmp_path / "empty")
    assert "no such photo" in refused(InputError, pose_from=tmp_path / "nothing.jpg")
    photo = tmp_path / "a.jpg"
    run_harness.make_photo(photo, 1)
    assert f"--pose-from {photo}" in refused(UsageError, pose=photo)
    refused(UsageError, pose=poses, pose_from=photo)
    write_pose(poses / "arms.json")
    assert "arms_keypoints.json" in refused(ListError, pose=poses)


def test_results_do_not_land_among_poses(posed, poses):
    with pytest.raises(UsageError) as error:
        run(replace(posed, out=poses))
    assert error.value.code == "same_folder"


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("sit.json", "sit"),
        ("sit_keypoints.json", "sit"),
        ("_keypoints.json", "keypoints"),
        ("00891_00_keypoints.json", "00891_00"),
        ("dancer.JPG", "dancer_JPG"),
    ],
)
def test_a_pose_is_called_as_its_file(tmp_path, file, name):
    assert pose_name(tmp_path / file).startswith(name)


def test_names_of_poses_are_portable_short_and_distinct(tmp_path):
    names = {pose_name(tmp_path / f"{'x' * 150}{n}.json") for n in range(20)}
    names |= {pose_name(tmp_path / name) for name in ("a__b.json", "Größe.json", "../c.json")}
    assert len(names) == 23
    assert all(len(name) <= 48 and "__" not in name and name.isascii() for name in names)


def test_a_person_takes_one_pose_after_the_other():
    """So that a placed pose serves all garments of a tile."""
    poses = [PoseSource(name, None) for name in ("x", "y", "z")]
    pairs = [(p, f"g{n}") for p in "ab" for n in range(30)]
    order = in_poses(in_good_order(pairs), poses)
    assert len(order) == len(set(order)) == 2 * 30 * 3
    changes = sum(
        (one[1], one[3]) != (other[1], other[3]) or one[0] != other[0]
        for one, other in zip(order, order[1:], strict=False)
    )
    assert changes + 1 == 2 * 3 * 2  # persons x poses x tiles
    plain = in_poses(in_good_order(pairs), [])
    assert [entry[:3] for entry in plain] == in_good_order(pairs)
    assert {entry[3] for entry in plain} == {None}
