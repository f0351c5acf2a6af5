"""Results and data-set roots made of coloured cards, for tests of the report."""

import json

import numpy as np
import pytest
from PIL import Image

HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert('x')>",
    "line\nbreak & co",
    "\u202eright-to-left",
    "emoji \U0001f457\u200d",
    "'; --",
    "</style><script>alert(2)</script>",
    "{{ 7 * 7 }}",
)


def picture(path, colour, size=(128, 96)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), colour, np.uint8)).save(path)


def line(person, garment, number, **more):
    return {
        "item": f"{person}__{garment}",
        "person": person,
        "garment": garment,
        "status": "done",
        "output": f"{number}.png",
        "system": "tryon-geometric",
        "seconds": 0.5,
        "score": 0.9,
        "flags": [],
        "measures": {"warp_energy": 0.25},
        "edited_fraction": 0.3,
        **more,
    }


def make_results(out, persons, garments):
    """Results of all pairs in ``out``: the first is flagged, the last has failed."""
    lines = []
    for i, person in enumerate(persons):
        for j, garment in enumerate(garments):
            number = len(lines)
            lines.append(line(person, garment, number))
            picture(out / f"{number}.png", (40 * i % 256, 60 * j % 256, 200))
    lines[0] |= {"flags": ["back_view", "strong_warp"], "score": 0.42}
    lines[-1] |= {
        "status": "failed",
        "output": "",
        "code": "no_person",
        "message": "no person was found in the photo.",
        "hint": "Use a photo that shows the upper body.",
    }
    write_lines(out, lines)
    return lines


def write_lines(out, lines):
    text = "".join(json.dumps(entry) + "\n" for entry in lines)
    (out / "results.jsonl").write_text(text, "utf-8")


def make_root(root, persons, garments):
    """A data-set root in the viton-hd layout with plain pictures."""
    for name in persons:
        picture(root / "test" / "image" / f"{name}.jpg", (200, 180, 160))
        picture(root / "test" / "agnostic-v3.2" / f"{name}.jpg", (128, 128, 128))
    for name in garments:
        picture(root / "test" / "cloth" / f"{name}.jpg", (250, 250, 250))
        picture(root / "test" / "cloth-mask" / f"{name}.jpg", (255, 255, 255))


@pytest.fixture
def hostile_names():
    """Names that would do harm in a page that does not escape them."""
    return HOSTILE


@pytest.fixture
def results(tmp_path):
    """Makes results and their data-set root: (persons, garments) -> (out, place)."""
    from vtonctl.show.report import DataPlace

    def make(persons, garments, stored=True):
        out, root = tmp_path / "out", tmp_path / "root"
        make_results(out, persons, garments)
        if stored:
            make_root(root, persons, garments)
        return out, DataPlace(root)

    return make
