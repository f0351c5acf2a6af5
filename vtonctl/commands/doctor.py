"""``vtonctl doctor``: the state of the installation, each finding with its cure."""

from __future__ import annotations

import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vtonctl.commands import setup
from vtonctl.options import OutputFlags

if TYPE_CHECKING:
    from vtonctl.show.jsonout import Check

EXAMPLE = """
vtonctl doctor
vtonctl doctor ./shop
"""
LOW_DISK_GB = 5
State = Literal["ok", "note", "problem"]


def run(
    root: Annotated[
        Path | None,
        typer.Argument(metavar="ROOT", help="Data-set root or results folder to look at, too."),
    ] = None,
    *,
    output: OutputFlags,
) -> int:
    """Look at Python, packages, weights, GPU, disk, ledger; say what to do about each finding."""
    from pipelines.errors import ConfigError
    from vtonctl.show import tables
    from vtonctl.show.jsonout import DoctorDocument

    screen = setup.begin(output)
    checks = [python(), *packages(), weights(), gpu(), memory(), disk(root or Path.cwd())]
    if root is not None:
        checks.append(ledger(root))
    ok = all(c.state != "problem" for c in checks)
    document = DoctorDocument(command="doctor", ok=ok, checks=tuple(checks))
    screen.result(document, lambda: tables.doctor(document))
    return 0 if ok else ConfigError.exit_code


def python() -> Check:
    """The interpreter's version."""
    good = (3, 10) <= sys.version_info[:2] <= (3, 12)
    return _check(
        "Python",
        "ok" if good else "problem",
        f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "" if good else "Make an environment with Python 3.10, 3.11 or 3.12.",
    )


def packages() -> list[Check]:
    """Each required package: installed, and in a version that is accepted."""
    from packaging.requirements import Requirement

    checks = []
    for line in requires("vtonctl") or []:
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(wanted.name)
        except PackageNotFoundError:
            checks.append(_package(wanted.name, "problem", "not installed", str(wanted)))
            continue
        good = wanted.specifier.contains(found, prereleases=True)
        checks.append(_package(wanted.name, "ok" if good else "problem", found, str(wanted)))
    return checks


def _package(name: str, state: State, found: str, wanted: str) -> Check:
    return _check(name, state, found, "" if state == "ok" else f"pip install '{wanted}'")


def _check(name: str, state: State, found: str, fix: str = "") -> Check:
    from vtonctl.show.jsonout import Check

    return Check(name=name, state=state, found=found, fix=fix)


def weights() -> Check:
    """Whether the weights that the package carries are there and whole."""
    from pipelines.checkpoints import manifest, verified
    from pipelines.errors import VtonError

    try:
        found = [verified(entry) for entry in manifest().values()]
    except VtonError as error:
        return _check("weights", "problem", error.message, "Install the package again.")
    words = ", ".join(f"{each.name} ({each.tier})" for each in found)
    return _check("weights", "ok", f"whole: {words}" if found else "the package carries none")


def gpu() -> Check:
    """What PyTorch can compute on."""
    from pipelines.device import probe

    found = probe()
    if not found.torch:
        return _check("GPU", "problem", found.problem, "pip install torch")
    names = [*found.gpus, *(["mps"] if found.mps else [])]
    if not names:
        words = f"none (PyTorch {found.torch})"
        return _check("GPU", "note", words, "None needed: all runs on the CPU.")
    return _check("GPU", "ok", ", ".join(names), "")


def memory() -> Check:
    """Free memory, where the system tells."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return _check("memory", "note", "unknown on this system", "")
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    free_gb = int(fields["MemAvailable"].split()[0]) / 2**20
    good = free_gb >= 2
    return _check(
        "memory",
        "ok" if good else "note",
        f"{free_gb:.1f} GB free",
        "" if good else "Use fewer workers: --jobs 1.",
    )


def disk(folder: Path) -> Check:
    """Free space where results would go."""
    there = next(p for p in (folder, *folder.resolve().parents) if p.exists())
    free_gb = shutil.disk_usage(there).free / 1e9
    good = free_gb >= LOW_DISK_GB
    return _check(
        "disk",
        "ok" if good else "note",
        f"{free_gb:.1f} GB free at {there}",
        "" if good else "A thousand try-on pictures take about 2 GB; free some space.",
    )


def ledger(root: Path) -> Check:
    """Whether the ledger of a root can be read."""
    from pipelines.errors import VtonError
    from vtonctl.runs.status import read_status

    try:
        read_status(root)
    except VtonError as error:
        return _check("ledger", "problem", error.message, error.hint)
    return _check("ledger", "ok", f"{root}: readable", "")
