"""Nothing leaves the machine: a run and its workers open no connection."""

import os

import pytest
from run_harness import HERE, REPO, finish, make_wardrobe, start

# every Python process of the run loads this first
WATCH = """
import os, sys
def watch(event, args):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"):
        with open(os.environ["WATCHED"], "a") as file:
            file.write(f"{event} {args[1:]!r}\\n" if event == "socket.connect" else f"{event}\\n")
with open(os.environ["WATCHED"], "a") as file:
    file.write("loaded\\n")
sys.addaudithook(watch)
"""


@pytest.mark.reliability("R19")
def test_a_run_opens_no_connection(tmp_path, figure):
    make_wardrobe(tmp_path, 2, 1)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(WATCH)
    watched = tmp_path / "watched"
    path = os.pathsep.join(map(str, (tmp_path / "site", HERE, REPO)))
    env = {"WATCHED": str(watched), "PYTHONPATH": path}
    code, told, error = finish(start(tmp_path, "--jobs", "2", env=env))
    assert code == 0, error
    lines = watched.read_text().splitlines()
    assert lines.count("loaded") >= 2, "the workers were not watched"
    # sockets within the machine's own file system are no connections to anywhere
    seen = [line for line in lines if line != "loaded" and "('/" not in line]
    assert not seen
    figure(f"{lines.count('loaded')} processes watched, 0 connections")


def test_the_watch_sees_connections(tmp_path):
    """The test above would notice one."""
    import subprocess
    import sys

    (tmp_path / "sitecustomize.py").write_text(WATCH)
    code = "import socket; s = socket.socket(); s.settimeout(.1); s.connect_ex(('127.0.0.1', 9))"
    watched = tmp_path / "watched"
    env = {**os.environ, "WATCHED": str(watched), "PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
    assert "socket.connect (('127.0.0.1', 9),)" in watched.read_text()
