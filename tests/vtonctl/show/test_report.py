"""The report as a file: complete, self-contained, escaped."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from pipelines.errors import InputError
from vtonctl.runs.result import ItemOutcome
from vtonctl.show.report import DataPlace, write_dataset_report, write_tryon_report

VOID = {"meta", "img", "input", "link", "br", "hr"}


class Reader(HTMLParser):
    """Collects tags with attributes, text, and whether tags are closed in order."""

    def __init__(self):
        super().__init__()
        self.tags, self.text, self.open, self.inside = [], [], [], {}

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
        if self.open:
            self.inside.setdefault(self.open[-1], []).append(data)

    def all(self, tag, **wanted):
        return [
            a for t, a in self.tags if t == tag and all(a.get(k) == v for k, v in wanted.items())
        ]


def read(path):
    reader = Reader()
    reader.feed(path.read_text("utf-8"))
    assert reader.open == []
    return reader


def cards(page):
    return [a for a in page.all("article")]


def test_every_pair_has_a_card_with_its_state(results):
    out, place = results(["ann", "bea"], ["tee", "polo", "tank"])
    path, counts = write_tryon_report(out, place)
    page = read(path)
    assert path == out / "report.html"
    assert counts == {"good": 4, "flagged": 1, "failed": 1}
    states = {a["data-item"]: a["data-state"] for a in cards(page)}
    assert states["ann__tee"] == "flagged" and states["bea__tank"] == "failed"
    assert len(states) == 6
    text = " ".join(page.text)
    assert "no person was found in the photo." in text
    assert "back view" in text and "the garment is strongly distorted" in text


def test_a_grid_has_one_head_for_each_person_and_garment(results):
    out, place = results(["ann", "bea"], ["tee", "polo", "tank"])
    page = read(write_tryon_report(out, place)[0])
    heads = [a["data-key"] for a in page.all("div") if "side" in (a.get("class") or "").split()]
    assert sorted(heads) == ["ann", "bea", "polo", "tank", "tee"]


def test_few_pairs_of_many_items_are_a_list(tmp_path):
    lines = [
        {"item": f"p{i}__g{i}", "person": f"p{i}", "garment": f"g{i}", "status": "done"}
        for i in range(30)
    ]
    (tmp_path / "results.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    page = read(write_tryon_report(tmp_path, None)[0])
    assert len(cards(page)) == 30
    assert page.all("main", id="cards")[0]["class"].split()[0] == "list"


def test_the_page_loads_nothing_from_outside(results):
    out, place = results(["ann", "bea"], ["tee", "polo"])
    page = read(write_tryon_report(out, place)[0])
    assert not page.all("link") and not page.all("iframe")
    assert all("src" not in a for a in page.all("script"))
    assert all(a["src"].startswith("data:image/") for a in page.all("img") if a.get("src"))
    assert "http" not in re.sub(r"data:[^\"')]*", "", " ".join(page.inside["style"]))
    assert not [a for _, a in page.tags for name in a if name.startswith("on") or name == "style"]


def test_the_policy_names_exactly_the_style_and_script_of_the_page(results):
    out, place = results(["ann"], ["tee", "polo"])
    page = read(write_tryon_report(out, place)[0])
    policy = page.all("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    for tag in ("style", "script"):
        digest = hashlib.sha256("".join(page.inside[tag]).encode()).digest()
        assert f"'sha256-{base64.b64encode(digest).decode()}'" in policy


@pytest.mark.reliability("R14")
def test_hostile_names_are_words_and_nothing_else(results, hostile_names):
    out, place = results(hostile_names, ["tee"], stored=False)
    path, _ = write_tryon_report(out, place)
    page = read(path)
    assert len(page.all("script")) == 1 and len(page.all("style")) == 1
    assert not [a for a in page.all("img") if a.get("src") == "x" or "onerror" in a]
    shown = {a["data-person"] for a in cards(page)}
    assert shown == set(hostile_names)
    assert "49" not in {a["data-person"] for a in cards(page)}


def test_full_size_files_are_linked_by_relative_address(results):
    out, place = results(["ann"], ["tee", "a b%23"])
    page = read(write_tryon_report(out, place)[0])
    views = [a["data-href"] for a in page.all("img") if a.get("class") == "view"]
    assert views == ["0.png"]
    sides = {a["data-key"]: a["data-href"] for a in page.all("div") if a.get("data-key")}
    assert sides["ann"] == "../root/test/image/ann.jpg"
    assert sides["a b%23"] == "../root/test/cloth/a%20b%2523.jpg"


def test_a_picture_costs_little_so_that_400_pairs_stay_below_15_mb(results, astronaut):
    from PIL import Image

    names = [f"n{i}" for i in range(6)]
    out, place = results(names, names)
    for number in range(36):
        Image.fromarray(astronaut[:, 64:448]).save(out / f"{number}.png", compress_level=1)
    path, _ = write_tryon_report(out, place)
    assert path.stat().st_size / 36 * 400 < 15_000_000


@pytest.fixture
def in_poses(results):
    """Reads the page of one person in two garments and in some poses."""

    def make(poses, **last):
        out, place = results(["ann"], ["tee", "polo"])
        old = [json.loads(entry) for entry in (out / "results.jsonl").read_text().splitlines()]
        asked = {"size": [128, 96], "joints": [[float(10 + n), 50.0] for n in range(25)]}
        lines = [
            {
                **entry, "item": f"{entry['item']}__{pose}", "pose": pose, "target_pose": asked,
                "status": "done", "output": "0.png",
            }
            for entry in old for pose in poses
        ]  # fmt: skip
        lines[-1] |= last
        (out / "results.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
        return read(write_tryon_report(out, place)[0])

    return make


def test_each_pose_has_a_card_with_the_pose_drawn_beside_the_result(in_poses):
    page = in_poses(["sit", "wave"])
    assert {(c["data-garment"], c["data-pose"]) for c in cards(page)} == {
        (garment, pose) for garment in ("tee", "polo") for pose in ("sit", "wave")
    }
    assert all("posed" in c["class"].split() for c in cards(page))
    drawings = page.all("img", **{"data-name": "target pose"})
    assert len(drawings) == 4 and len(page.all("img", **{"data-name": "result"})) == 4
    assert all(d["src"].startswith("data:image/svg+xml;base64,") for d in drawings)
    assert "2 poses" in page.text
    assert {"", "sit", "wave"} <= {option["value"] for option in page.all("option")}


def test_several_poses_are_a_list_and_one_is_a_grid(in_poses):
    """A cell of the grid has room for one card."""
    assert page_view(in_poses(["sit", "wave"])) == "list"
    one = in_poses(["sit"])
    assert page_view(one) == "grid" and not one.all("select", id="pose")


def page_view(page):
    return page.all("main")[0]["class"].split()[0]


def test_a_failed_pose_says_why_and_is_not_drawn(in_poses):
    page = in_poses(["sit", "wave"], status="blocked", output="", message="odd.json: 51 numbers.")
    failed = [c for c in cards(page) if c["data-state"] == "failed"]
    assert [(c["data-garment"], c["data-pose"]) for c in failed] == [("polo", "wave")]
    assert "odd.json: 51 numbers." in page.text
    assert len(page.all("img", **{"data-name": "target pose"})) == 3


def test_no_results_is_an_error_with_a_next_step(tmp_path):
    with pytest.raises(InputError) as refused:
        write_tryon_report(tmp_path, None)
    assert refused.value.code == "no_results" and refused.value.hint


def test_a_data_set_shows_failures_first_then_doubts(results):
    _, place = results(["ann", "bea", "cia"], ["tee"])
    told = [
        ItemOutcome("bea", "parse", "done", flags=("uncertain_parse",), score=0.4),
        ItemOutcome("cia", "pose", "failed", code="no_person", message="nobody there."),
        ItemOutcome("ann", "pose", "done", score=0.9),
        ItemOutcome("zoe", "frame", "failed", code="unreadable", message="not a picture."),
    ]
    path, counts = write_dataset_report(place, told)
    page = read(path)
    assert path == place.root / "report.html"
    assert counts == {"good": 2, "flagged": 1, "failed": 2}
    order = [a["data-item"] for a in cards(page)]
    assert set(order[:2]) == {"cia", "zoe"} and order[2:] == ["bea", "ann", "tee"]
    names = [a["data-name"] for a in page.all("img") if a.get("class") == "view"]
    assert names.count("agnostic") == 3 and names.count("photo") == 3 and names.count("mask") == 1
    assert "pose: nobody there." in " ".join(page.text)


def test_a_data_set_without_ledger_is_shown_too(results):
    _, place = results(["ann"], ["tee"])
    _, counts = write_dataset_report(DataPlace(place.root), [])
    assert counts == {"good": 2, "flagged": 0, "failed": 0}
