"""Fixtures that several test folders share."""

import hashlib
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from pipelines import registry

REPO = Path(__file__).resolve().parents[1]
# the numbers of published networks are compared in several folders
sys.path.insert(0, str(REPO / "tests" / "golden"))


def pytest_collection_modifyitems(items):
    """Reports in XML tell which line of ``docs/reliability.md`` a test is of."""
    for item in items:
        for mark in item.iter_markers("reliability"):
            item.user_properties += [("reliability", line) for line in mark.args]


@pytest.fixture(autouse=True)
def _the_registry_as_it_was():
    """What a test leaves in the registry, the next one sees: names, and their order."""
    tables = (registry.STAGES, registry.SYSTEMS, registry.TRAINERS)
    before = [list(table) for table in tables]
    yield
    assert [list(table) for table in tables] == before, "put the registry back as it was"


@pytest.fixture
def figure(request):
    """Tells what was measured: ``figure("3 of 200 redone")``; shown in docs/reliability.md."""

    def tell(text):
        line = next(request.node.iter_markers("reliability")).args[0]
        request.node.user_properties.append((f"figure {line}", text))

    return tell


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the research photographs, which are not part of the project."""
    folder = Path(os.environ.get("VTONCTL_SHARED_DATA", REPO.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("the research photographs are not on this machine")
    return folder


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """A real person (public domain): uint8 [512, 512, 3] RGB."""
    from skimage import data

    return data.astronaut()


@pytest.fixture(scope="session")
def grace_hopper() -> np.ndarray:
    """Another real person (public domain): uint8 [606, 512, 3] RGB."""
    import matplotlib.cbook
    from PIL import Image

    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        return np.asarray(Image.open(file).convert("RGB"))


class Shelf:
    """A folder of weights like ``weights/``: files, cards and manifest that agree."""

    def __init__(self, folder):
        self.folder = folder
        self.tables = {}
        self.write()

    def add(self, name, *, family="parser.toy", tier="open", value=0.5, tensors=None, about=()):
        """Add weights; ``about`` replaces what the file says of itself. Returns the file."""
        data = [{"name": "Drawn people", "licence": "CC0-1.0", "images": 7}]
        stated = {
            "family": family,
            "tier": tier,
            "label_set": "LIP20",
            "config": "{}",
            "figures": json.dumps({"miou": value}),
            "data": json.dumps(data),
            "code_version": "0.0",
        }
        tensors = tensors or {"layer.weight": np.ones((3, 2), np.float16)}
        content = save(tensors, {**stated, **dict(about)})
        path = self.folder / f"{name}.safetensors"
        path.write_bytes(content)
        self.tables[name] = {
            "family": family,
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
            "tier": tier,
            "licence": "Apache-2.0" if tier == "open" else "research only",
            "terms": "As the licence says.",
            "label_set": "LIP20",
            "data": data,
            "figures": [{"protocol": "drawn val", "metric": "mean IoU", "value": value}],
        }
        self.write()
        self.write_card(name)
        return path

    def write(self):
        """The manifest; values of these kinds look the same in JSON and in TOML."""
        lines = []
        for name, table in self.tables.items():
            lines.append(f"[{name}]")
            plain = {k: v for k, v in table.items() if not isinstance(v, list)}
            lines += [f"{key} = {json.dumps(value)}" for key, value in plain.items()]
            for key, rows in table.items():
                for row in rows if isinstance(rows, list) else []:
                    lines.append(f"[[{name}.{key}]]")
                    lines += [f"{k} = {json.dumps(v)}" for k, v in row.items()]
        (self.folder / "manifest.toml").write_text("\n".join(lines) + "\n")

    def write_card(self, name):
        """A card that says all it must."""
        table = self.tables[name]
        text = f"# {name}\n\n{table['family']}. Tier: {table['tier']}. Labels: LIP20.\n"
        for section in ("Use", "Data", "Recipe", "Figures", "Limits", "Licence"):
            text += f"\n## {section}\n"
        text += table["licence"] + "\n"
        text += "".join(f"{d['name']}, {d['licence']}\n" for d in table["data"])
        text += "".join(f"{f['metric']} {f['value']} on {f['protocol']}" for f in table["figures"])
        (self.folder / f"{name}.md").write_text(text)


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """An empty folder of weights, in the place of the package's own."""
    folder = tmp_path / "weights-shelf"
    folder.mkdir()
    monkeypatch.setattr("pipelines.checkpoints.weights_folder", lambda: folder)
    monkeypatch.setattr("pipelines.checkpoints.user_folder", lambda: tmp_path / "weights-of-users")
    return Shelf(folder)
