"""docs/layout.md says what the code does: folders, ids, merges, joints, examples."""

import json
import re
from pathlib import Path, PurePath

import pytest

from pipelines import labels as L
from pipelines.body import Body25
from pipelines.datasets.naming import item_id
from pipelines.layout import LAYOUTS, SplitStyle

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "layout.md").read_text("utf-8")


def rows(header: str) -> list[list[str]]:
    """The cells of the table whose header line starts so."""
    lines = PAGE[PAGE.index(header) :].splitlines()[2:]
    table = lines[: next(i for i, line in enumerate(lines) if not line.startswith("|"))]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_folder_is_described(name):
    start = PAGE.index(f"\n### {name}\n")
    section = PAGE[start : PAGE.index("\n##", start + 5)]
    if name == "viton-hd-code":
        section += PAGE[PAGE.index("\n### viton-hd\n") : start]
    if name == "cp-vton-plus":
        section += PAGE[PAGE.index("\n### cp-vton\n") : start]
    prefix = "test_" if LAYOUTS[name].split_style is SplitStyle.PREFIX else ""
    for place in LAYOUTS[name].places.values():
        assert re.search(rf"`{prefix}{re.escape(place.folder)}[`/]", section), place.folder
    for folder in LAYOUTS[name].empty_folders:
        assert f"`test_{folder}`" in section


def test_label_table():
    table = rows("| id | LIP20")
    assert [int(row[0]) for row in table] == [int(i) for i in L.CPVTONPlus21]
    for number, row in enumerate(table):
        assert row[2] == ",".join(map(str, L.palette(L.CPVTONPlus21)[number]))
    assert "neck" in table[L.LIP20.NECK][1] and table[L.CPVTONPlus21.NECK][4] == "neck"


def test_merge_table():
    described = set()
    for source, target, rule in rows("| from | to |"):
        sets = getattr(L, source), getattr(L, target)
        described.add(sets)
        table = L.MERGES[sets]
        written = {}
        for left, right in re.findall(r"([\d,]+)->(\d+)", rule):
            written |= {int(i): int(right) for i in left.split(",")}
        assert all(table[i] == j for i, j in written.items()), (source, target)
        assert all(table[i] == i for i in table if i not in written), (source, target)
    assert described == set(L.MERGES)


def test_joint_table():
    words = " ".join(row[1].replace("*", "") for row in rows("| # | BODY_25"))
    sides = re.findall(r"(?:(right|left) )?(nose|neck|mid-hip|shoulder|elbow|wrist|hip|knee|ankle|"
                       r"eye|ear|big toe|small toe|heel)", words)  # fmt: skip
    side, names = "", []
    for given, part in sides:
        side = given or side
        alone = part in ("nose", "neck", "mid-hip")
        names.append((part if alone else f"{side} {part}").replace(" ", "_").replace("-", "_"))
    assert [name.upper() for name in names] == [joint.name for joint in Body25]


def test_examples():
    for line in re.findall(r'^\{"item".*\}$', PAGE, re.MULTILINE):
        assert json.loads(line)["item"] == "a"
    examples = re.findall(r"`([^`]+\.(?:jpg|JPG|png))` ->\s+`([^`]+)`", PAGE)
    assert len(examples) >= 5
    for name, item in examples:
        assert item_id(PurePath(name)) == item
