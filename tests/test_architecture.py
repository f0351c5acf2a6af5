"""The rules of the house, kept by reading the source."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
PACKAGES = ("vtonctl", "pipelines")
SOURCES = sorted(p for package in PACKAGES for p in (REPO / package).rglob("*.py"))
NAMES = [str(p.relative_to(REPO)) for p in SOURCES]
HEAVY = ("torch", "numpy", "cv2", "mediapipe", "ultralytics", "joblib", "scipy", "PIL", "sqlite3")
MAX_LINES = 400
MAX_FUNCTION = 60


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


@cache
def imports(path: Path) -> set[str]:
    """Dotted names of the modules that a file imports (type checking blocks left out)."""
    module = tree(path)
    unseen = {
        id(node)
        for block in ast.walk(module)
        if isinstance(block, ast.If) and ast.unparse(block.test).endswith("TYPE_CHECKING")
        for node in ast.walk(block)
    }
    found: set[str] = set()
    for node in ast.walk(module):
        if id(node) in unseen:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def imports_package(path: Path, package: str) -> bool:
    return any(name == package or name.startswith(package + ".") for name in imports(path))


def below(folder: str) -> list[Path]:
    return [p for p, name in zip(SOURCES, NAMES, strict=True) if name.startswith(folder + "/")]


def users_of(package: str) -> set[str]:
    return {name for p, name in zip(SOURCES, NAMES, strict=True) if imports_package(p, package)}


def test_there_are_sources_to_look_at():
    assert len(SOURCES) > 40


def test_imports_go_one_way():
    assert not [p for p in below("pipelines") if imports_package(p, "vtonctl")]


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("vtonctl/runs", ("vtonctl.commands", "vtonctl.show", "vtonctl.app")),
        ("vtonctl/executors", ("vtonctl.commands", "vtonctl.show", "vtonctl.app")),
        ("vtonctl/show", ("vtonctl.commands", "vtonctl.executors", "vtonctl.app")),
        ("pipelines/networks", ("pipelines.systems", "pipelines.preprocess", "pipelines.datasets")),
        ("pipelines/rendering", ("pipelines.systems", "pipelines.datasets")),
        ("pipelines/garments", ("pipelines.systems", "pipelines.datasets")),
        ("pipelines/preprocess", ("pipelines.systems", "pipelines.datasets")),
        ("pipelines/systems", ("pipelines.datasets",)),
        ("pipelines/evaluation", ("pipelines.systems", "pipelines.preprocess")),
    ],
)
def test_who_may_not_import_whom(folder, forbidden):
    wrong = [
        (str(p.relative_to(REPO)), other)
        for p in below(folder)
        for other in forbidden
        if imports_package(p, other)
    ]
    assert not wrong


def test_no_system_imports_another_system():
    wrong = []
    for path in below("pipelines/systems"):
        own = path.relative_to(REPO / "pipelines/systems").parts[0]
        for name in imports(path):
            parts = name.split(".")
            if parts[:2] == ["pipelines", "systems"] and len(parts) > 2 and parts[2] != own:
                wrong.append((str(path), name))
    assert not wrong


def test_sqlite_is_the_ledgers():
    assert users_of("sqlite3") <= {"vtonctl/runs/ledger.py"}


def test_executors_alone_start_workers():
    users = users_of("joblib") | users_of("distributed") | users_of("dask")
    assert all(name.startswith("vtonctl/executors/") for name in users), users


def test_dask_is_imported_in_one_file():
    assert users_of("distributed") | users_of("dask") == {"vtonctl/executors/dask_cluster.py"}


def test_show_alone_imports_rich():
    users = users_of("rich")
    assert users
    assert all(name.startswith("vtonctl/show/") for name in users), users


def test_the_agpl_package_is_imported_in_one_file_at_most():
    assert users_of("ultralytics") <= {"pipelines/segmentation/yolo.py"}


def test_device_alone_names_cuda():
    """In code; a comment or docstring may say the word, and options list the choice."""
    may = {"pipelines/device.py", "vtonctl/options.py", "vtonctl/settings.py"}
    wrong = []
    for path, name in zip(SOURCES, NAMES, strict=True):
        module = tree(path)
        documented = {
            id(node.value)
            for node in ast.walk(module)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(module):
            text = node.value if isinstance(node, ast.Constant) else getattr(node, "attr", "")
            named = isinstance(text, str) and re.search(r"\bcuda\b", text)
            if named and id(node) not in documented and name not in may:
                wrong.append((name, node.lineno))
    assert not wrong


def test_vtonctl_touches_no_pixel():
    arrays = ("numpy", "cv2", "PIL", "scipy", "torch", "skimage")
    wrong = [(a, name) for a in arrays for name in users_of(a) if name.startswith("vtonctl/")]
    # a worker limits the threads of libraries that are loaded, without importing them
    assert not wrong


def test_stages_and_systems_know_no_paths():
    """Models that an installed package carries are no data of the user."""
    may = {"pipelines/preprocess/landmarks.py"}
    folders = ("pipelines/preprocess", "pipelines/systems", "pipelines/networks")
    wrong = [
        str(p.relative_to(REPO))
        for folder in folders
        for p in below(folder)
        if imports_package(p, "pathlib") or imports_package(p, "os.path")
    ]
    assert set(wrong) <= may


@pytest.mark.parametrize(
    "module",
    ["registry", "layout", "labels", "flags", "errors", "stage", "checkpoints", "checkpoint_check"]
    + ["checkpoint_families", "checkpoint_import"]
    + ["preprocess.parsing", "preprocess.parser_choice", "system_choice"],
)
def test_descriptions_import_no_array_library(module):
    code = f"import sys, pipelines.{module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & set(HEAVY)


@pytest.mark.parametrize(
    "system", ["geometric", "viton", "viton_hd", "cp_vton", "acgpn", "multipose"]
)
def test_systems_do_without_what_takes_long_to_load(system):
    """torchvision takes 2 s and 160 MB in each worker."""
    code = f"import sys, pipelines.systems.{system}.tryon; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "torchvision" not in done.stdout.split()


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_each_file_is_of_a_readable_size(path):
    assert len(path.read_text("utf-8").splitlines()) < MAX_LINES
    assert path.stem not in {"utils", "helpers", "misc", "common"}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.end_lineno - node.body[0].lineno + 1
            assert body <= MAX_FUNCTION, f"{node.name}: {body} lines"


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_each_module_says_what_it_is(path):
    module = tree(path)
    assert ast.get_docstring(module), "no module docstring"
    if path.name == "__init__.py":
        assert len(module.body) == 1, "an __init__.py holds a docstring and nothing more"


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_no_module_works_at_import_time(path):
    """Loops, context managers and bare calls at module level are work."""
    if path.name == "__main__.py":
        return
    for node in tree(path).body:
        assert not isinstance(node, ast.For | ast.While | ast.With), f"line {node.lineno}"
        if isinstance(node, ast.Expr):
            assert isinstance(node.value, ast.Constant), f"line {node.lineno}"
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
            called = ast.unparse(node.value.func)
            assert called not in {"open", "print", "subprocess.run", "np.load"}, called


def test_tests_are_no_package():
    assert not list((REPO / "tests").rglob("__init__.py"))


def test_test_files_have_unique_names():
    names = [p.name for p in (REPO / "tests").rglob("test_*.py")]
    assert len(names) == len(set(names)), sorted(n for n in names if names.count(n) > 1)
