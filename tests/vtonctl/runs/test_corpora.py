"""Every file of other projects' test pictures, offered as a photo.

Set ``VTONCTL_CORPORA`` to folders of such files, with ``:`` between them: ``Tests/images`` of
Pillow, ``test/test-suite/images`` of libvips, ``test/images`` of libtiff, ``contrib/testpngs`` of
libpng. They are not part of this project.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from run_harness import REPO

CORPORA = os.environ.get("VTONCTL_CORPORA", "")
LIMIT_S, LIMIT_GB = 20, 1.5
REFUSED = {"empty", "not_an_image", "too_large", "too_small", "unreadable"}
NO_POSE = {"no_person", "uncertain_pose"}


class PeakMemory(threading.Thread):
    """Looks ten times a second how much memory each process of a group has had at most."""

    def __init__(self, process):
        super().__init__(daemon=True)
        self.process, self.peak = process, 0

    def run(self):
        while self.process.poll() is None:
            for stat in Path("/proc").glob("[0-9]*/stat"):
                try:
                    group = int(stat.read_text().rpartition(")")[2].split()[2])
                    if group == self.process.pid:
                        status = (stat.parent / "status").read_text()
                        words = status.partition("VmHWM:")[2].split()
                        self.peak = max(self.peak, int(words[0]) * 1024 if words else 0)
                except OSError:
                    continue  # it has ended since
            time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.skipif(not CORPORA, reason="VTONCTL_CORPORA names no folder of test pictures")
@pytest.mark.reliability("R9")
def test_foreign_test_pictures(tmp_path, figure):
    photos = tmp_path / "photos"
    photos.mkdir()
    for folder in map(Path, CORPORA.split(os.pathsep)):
        assert folder.is_dir(), folder
        for number, path in enumerate(sorted(p for p in folder.rglob("*") if p.is_file())):
            # as a photo, whatever it is
            shutil.copyfile(path, photos / f"{folder.name}-{number:04}-{path.name}.jpg")
    offered = len(list(photos.iterdir()))
    assert offered >= 200
    command = [sys.executable, "-m", "vtonctl", "preprocess", str(photos)]
    command += ["--root", str(tmp_path / "root"), "--size", "256x192", "--jobs", "2", "--json"]
    command += ["--item-timeout", str(LIMIT_S), "--parser", "geometric"]
    process = subprocess.Popen(
        command,
        cwd=REPO,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    memory = PeakMemory(process)
    memory.start()
    out, error = process.communicate(timeout=1800)
    assert process.returncode in (0, 3), error
    assert "Traceback" not in error
    told = json.loads(out)
    done = {stage: counts.get("done", 0) for stage, counts in told["stages"].items()}
    codes = {stage: Counter() for stage in told["stages"]}
    for failure in told["failures"]:
        assert failure["message"], failure
        assert failure["hint"] or failure["code"] == "blocked", failure
        codes[failure["stage"]][failure["code"]] += 1
    # a photo is framed about its person
    assert set(codes["frame"]) <= REFUSED | NO_POSE, codes["frame"]
    assert set(codes["pose"]) <= NO_POSE | {"blocked"}, codes["pose"]
    later = [codes[stage] for stage in codes.keys() - {"frame", "pose"}]
    assert {code for stage in later for code in stage} <= {"blocked"}
    assert done["frame"] + codes["frame"].total() == offered
    assert memory.peak < LIMIT_GB * 1e9
    refused = sum(codes["frame"][code] for code in REFUSED)
    figure(f"{offered} files of other projects' tests: {offered - refused} read, {refused} refused "
           f"with a reason, a person found in {done['pose']}; none took {LIMIT_S} s, no process "
           f"had over {memory.peak / 1e9:.2f} GB")  # fmt: skip
