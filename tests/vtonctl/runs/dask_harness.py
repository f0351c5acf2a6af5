"""A Dask cluster of others: a scheduler and workers that know nothing of a run."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPO = HERE.parents[2]
PATIENCE_S = 60


class OthersDask:
    """Programs as an administrator starts them, in the folder given, with these variables.

    ``host`` is the scheduler's address, ``prefix`` what its command begins with.
    """

    def __init__(self, folder, *, host="127.0.0.1", prefix=(), **environ):
        self.folder, self.environ = folder, environ
        folder.mkdir(exist_ok=True)
        note = folder / "scheduler.json"
        self.scheduler = self.start("scheduler", "--host", host, "--port", "0",
                                    "--scheduler-file", str(note), prefix=prefix)  # fmt: skip
        self.workers = []
        deadline = time.monotonic() + PATIENCE_S
        while not note.is_file() or not note.read_text():
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.05)
        self.address = json.loads(note.read_text())["address"]
        self.executor = f"dask:{self.address}"

    def start(self, what, *args, prefix=()):
        module = f"distributed.cli.dask_{what}"
        return subprocess.Popen(
            [*prefix, sys.executable, "-m", module, *args, "--no-dashboard"],
            cwd=self.folder,
            env={**os.environ, **self.environ, "PYTHONPATH": f"{HERE}{os.pathsep}{REPO}"},
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "log").open("a"),
        )

    def add_worker(self, *args, host="127.0.0.1", prefix=()):
        more = ("--host", host, "--memory-limit", "0", "--local-directory", str(self.folder))
        self.workers.append(self.start("worker", self.address, *more, *args, prefix=prefix))

    def close(self):
        for process in (*self.workers, self.scheduler):
            process.kill()  # a nanny's worker ends with it
            process.wait(PATIENCE_S)
