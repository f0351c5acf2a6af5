"""Nothing is sent or asked for while people are dressed: the kernel ends whoever opens a socket."""

import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from pipelines.demo_garments import draw_garment

WATCHED = [sys.executable, str(Path(__file__).with_name("no_network.py")), sys.executable]
pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"),
    reason="the watch is written for Linux on x86-64 and ARM64",
)


def watched(*arguments):
    return subprocess.run([*WATCHED, *map(str, arguments)], capture_output=True, text=True)


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6"])
def test_the_watch_would_notice(family):
    code = f"import socket; socket.socket(socket.AF_UNIX); socket.socket(socket.{family})"
    assert watched("-c", code).returncode == -signal.SIGSYS
    child = f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', {code!r}]))"
    assert watched("-c", child).returncode != 0, "processes that it starts are watched, too"


def test_people_are_dressed_and_reported_without_a_socket(tmp_path, astronaut):
    """A worker that opened one would die, and its items would fail."""
    for folder in ("people", "tops"):
        (tmp_path / folder).mkdir()
    Image.fromarray(astronaut).save(tmp_path / "people" / "eileen.jpg", quality=95)
    Image.fromarray(draw_garment("striped-long-sleeve")).save(tmp_path / "tops" / "stripes.png")
    done = watched(
        *("-m", "vtonctl", "tryon", "--persons", tmp_path / "people", "--garments"),
        *(tmp_path / "tops", "--out", tmp_path / "out", "--size", "512x384", "--jobs", "1"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "out" / "eileen__stripes_png.png").is_file()
    assert (tmp_path / "out" / "report.html").is_file()
    again = watched("-m", "vtonctl", "status", tmp_path / "out", "--json")
    assert again.returncode == 0, again.stderr
