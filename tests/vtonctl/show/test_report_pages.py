"""Reports of more results than one page shows: every result once, every link leads somewhere."""

import json
import re
from html import unescape
from urllib.parse import unquote

import pytest
from PIL import Image

from pipelines.atomic import write_atomic
from pipelines.store_path import StorePath
from vtonctl.show import report
from vtonctl.show.report import DataPlace, write_tryon_report
from vtonctl.show.report_pages import PAGE_CARDS, SINGLE_PAGE

COUNT = 1250


def line(person, garment):
    return {
        "item": f"{person}__{garment}", "person": person, "garment": garment, "status": "done",
        "output": "0.png", "system": "tryon-geometric", "score": 0.9, "flags": [],
    }  # fmt: skip


def many(out, count=COUNT, person="p"):
    """So many results of 50 garments: every tenth flagged, every hundredth failed."""
    out.mkdir(exist_ok=True)
    lines = [line(f"{person}{n // 50:04}", f"g{n % 50:02}") for n in range(count)]
    for number, one in enumerate(lines):
        if number % 10 == 0:
            one |= {"flags": ["strong_warp"], "score": (number * 7919 % count) / count}
        if number % 100 == 1:
            one |= {"status": "failed", "output": "", "message": "nobody."}
    text = "".join(json.dumps(one) + "\n" for one in lines)
    (out / "results.jsonl").write_text(text, "utf-8")
    Image.new("RGB", (96, 128), (40, 60, 80)).save(out / "0.png")
    return lines


def items(path):
    return [unescape(i) for i in re.findall(r'<article[^>]* data-item="([^"]*)"', path.read_text())]


def links(path):
    return re.findall(r'<a (?:rel="(\w+)" )?href="([^"]+)"', path.read_text())


@pytest.fixture
def paged(tmp_path):
    out = tmp_path / "out"
    lines = many(out)
    path, counts = write_tryon_report(out, DataPlace(tmp_path / "root"))
    return path, counts, lines


def walk(path):
    """Page after page by its link to the next one."""
    yield path
    while following := [href for rel, href in links(path) if rel == "next"]:
        path = path.parent / following[0]
        yield path


def test_every_result_is_on_one_page_in_order(paged):
    path, counts, lines = paged
    pages = list(walk(path))
    assert len(pages) == 3
    assert [len(items(page)) for page in pages] == [PAGE_CARDS, PAGE_CARDS, COUNT - 2 * PAGE_CARDS]
    assert [item for page in pages for item in items(page)] == [one["item"] for one in lines]
    assert counts == {"good": 1112, "flagged": 125, "failed": 13}


def test_every_link_leads_to_a_file(paged):
    path, _, _ = paged
    files = [path, *path.with_name("report-pages").iterdir()]
    assert len(files) == 6
    for file in files:
        assert links(file)
        for _, href in links(file):
            assert (file.parent / unquote(href)).is_file(), f"{file.name}: {href}"
        for href in re.findall(r'data-href="([^"]+\.png)"', file.read_text()):
            assert (file.parent / unquote(href)).is_file(), f"{file.name}: {href}"


def test_the_worst_and_the_failed_are_shown_apart(paged):
    path, _, lines = paged
    folder = path.with_name("report-pages")
    flagged = sorted((one["score"], one["item"]) for one in lines if one["flags"])
    failed = [one["item"] for one in lines if one["status"] == "failed"]
    flagged = [item for _, item in flagged if item not in failed]
    assert items(folder / "worst.html") == flagged
    assert items(folder / "failed.html") == failed


def test_a_page_carries_no_more_pictures_than_it_has_cards(paged):
    for page in walk(paged[0]):
        assert page.read_text().count("data:image/webp") <= len(items(page))


def test_of_very_many_results_the_files_themselves_are_shown_when_in_sight(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "EMBEDDED", COUNT - 1)
    many(tmp_path / "out")
    path, _ = write_tryon_report(tmp_path / "out", None)
    *_, last = walk(path)
    found = re.findall(r'<img class="view" loading="(\w+)"[^>]* src="([^"]+)"', last.read_text())
    assert len(found) > 200 and set(found) == {("lazy", "../0.png")}
    assert "data:image" not in last.read_text()


def test_pages_of_a_longer_report_go_and_files_of_others_stay(tmp_path):
    out = tmp_path / "out"
    many(out)
    path, _ = write_tryon_report(out, None)
    theirs = out / "report-pages" / "notes.html"
    theirs.write_text("mine")
    many(out, SINGLE_PAGE + 1)
    write_tryon_report(out, None)
    pages = sorted(p.name for p in theirs.parent.glob("page-*"))
    assert pages == ["page-00002.html", "page-00003.html"]
    many(out, 20)
    write_tryon_report(out, None)
    assert [p.name for p in theirs.parent.iterdir()] == ["notes.html"]
    theirs.unlink()
    write_tryon_report(out, None)
    assert not theirs.parent.exists() and len(items(path)) == 20


def test_names_are_words_in_the_list_of_pages(tmp_path, hostile_names):
    for number, name in enumerate(hostile_names):
        out = tmp_path / str(number)
        many(out, person=name)
        write_tryon_report(out, None)
        text = (out / "report-pages" / "contents.html").read_text()
        first = json.loads((out / "results.jsonl").read_text().splitlines()[0])
        assert f"<bdi>{first['item']}</bdi>" in unescape(text)
        assert "<script" not in text and "<img" not in text


@pytest.mark.parametrize("protocol", ["memory", "file"])
def test_pages_in_a_store(tmp_path, protocol):
    fsspec = pytest.importorskip("fsspec", reason="the extra stores is absent")
    many(tmp_path / "local")
    out = StorePath(protocol, f"{tmp_path}/store/out")
    for name in ("results.jsonl", "0.png"):
        write_atomic(out / name, (tmp_path / "local" / name).read_bytes())
    path, counts = write_tryon_report(out, None)
    assert counts == {"good": 1112, "flagged": 125, "failed": 13}
    pages = path.with_name("report-pages")
    assert {page.name for page in pages.iterdir()} == {
        *("page-00002.html", "page-00003.html"),
        *("worst.html", "failed.html", "contents.html"),
    }
    assert 'data-href="0.png"' in path.read_text()
    assert 'data-href="../0.png"' in (pages / "page-00002.html").read_text()
    many(tmp_path / "local", 10)
    write_atomic(out / "results.jsonl", (tmp_path / "local" / "results.jsonl").read_bytes())
    write_tryon_report(out, None)
    assert not pages.exists(), "what is no longer a page of the report is gone"
    assert path.exists()
    fsspec.filesystem(protocol).rm(out.key, recursive=True)
