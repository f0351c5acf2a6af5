"""Inside a worker process: read, run the stages, write atomically, tell what happened.

Every stage sees its inputs as they are stored (decoded from the bytes of the file), also when
they were made a moment before, so that a resumed run gives the same bytes as an uninterrupted one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from pipelines import codecs
from pipelines.errors import ItemError, VtonError
from pipelines.layout import Artifact, find_layout
from pipelines.stage import Outputs
from pipelines.store_path import as_store, fetched
from vtonctl.runs.filehash import FileState, hash_file, sha256_of
from vtonctl.runs.fingerprint import fingerprint
from vtonctl.runs.item_files import failure, label_set, read_bytes, unreadable, write_file
from vtonctl.runs.pair_worker import run_pair
from vtonctl.runs.tasks import ChainTask, Outcome, PairTask, StageSpec, Step, Task

_WRITERS = 4
_built: dict[str, Any] = {}


def warm_up(specs: Sequence[StageSpec], threads: int) -> None:
    """Import and build what the next tasks need, outside of any item's time limit."""
    for spec in specs:
        build(spec)
    limit_threads(threads)


def run_task(task: Task) -> tuple[Outcome, ...]:
    """Do one task. An item's failure is an outcome; ``StorageError`` ends the run."""
    if isinstance(task, PairTask):
        finder = task.pose.finder if task.pose else None
        return (run_pair(task, build(task.spec), build(finder) if finder else None),)
    return _Chain(task).run()


def build(spec: StageSpec) -> Any:
    """The stage or system of a spec, made once per process."""
    if spec.key not in _built:
        module, _, attribute = spec.target.partition(":")
        _built[spec.key] = getattr(import_module(module), attribute)(**spec.keywords)
    return _built[spec.key]


def limit_threads(threads: int) -> None:
    """Keep libraries that are loaded from taking every core in every worker."""
    if cv2 := sys.modules.get("cv2"):
        cv2.setNumThreads(threads)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(threads)


class _Chain:
    """One item on its way through its stages."""

    def __init__(self, task: ChainTask) -> None:
        self.task = task
        self.layout = find_layout(task.layout)
        self.labels = label_set(self.layout)
        self.known = dict(task.known)
        self.lost = dict(task.lost)
        self.bytes: dict[Artifact, bytes] = {}
        self.values: dict[Artifact, Any] = {}
        self.writing: dict[str, dict[str, tuple[Path, Future[FileState]]]] = {}
        self.fetched: dict[str, FileState] = {}

    def run(self) -> tuple[Outcome, ...]:
        with ThreadPoolExecutor(_WRITERS) as self.writers:
            outcomes = [(self.step(step), step.spec.info.name) for step in self.task.steps]
            # nothing is told before it is on disk
            return tuple(
                replace(o, outputs=self.written(stage), fetched=self.fetched)
                for o, stage in outcomes
            )

    def step(self, step: Step) -> Outcome:
        info, started = step.spec.info, time.perf_counter()
        if reasons := [self.lost[a] for a in info.inputs if a in self.lost]:
            self.lose(step, reasons[0])
            return Outcome(self.task.item, info.name, "blocked", code="blocked", message=reasons[0])
        try:
            values = {a: self.value(a) for a in info.inputs}
            inputs, mark = self.mark(step.spec)
            if mark == step.unless:
                self.known.update(step.recorded)
                return Outcome(self.task.item, info.name, "current", mark, inputs)
            made = _call(step.spec, values)
            self.write(step, made)
        except Exception as error:  # noqa: BLE001 - one item must not end the run
            if isinstance(error, VtonError) and not isinstance(error, ItemError):
                raise
            inputs, mark = self.mark(step.spec)
            outcome = failure(self.task.item, info.name, error, mark, inputs, started)
            self.lose(step, f"{info.name}: {outcome.message}")
            return outcome
        return Outcome(
            item=self.task.item,
            stage=info.name,
            status="done",
            fingerprint=mark,
            inputs=inputs,
            flags=tuple(flag.value for flag in made.flags),
            score=float(made.score),
            seconds=time.perf_counter() - started,
            record=made.record,
        )

    def mark(self, spec: StageSpec) -> tuple[dict[str, str], str]:
        """Input hashes and fingerprint; "" while an input could not be read at all."""
        inputs = {a.value: self.known[a] for a in spec.info.inputs if a in self.known}
        whole = len(inputs) == len(spec.info.inputs)
        return inputs, fingerprint(spec.info, spec.params, inputs, spec.weights) if whole else ""

    def lose(self, step: Step, reason: str) -> None:
        self.lost.update(dict.fromkeys(step.write, reason))

    def value(self, artifact: Artifact) -> Any:
        """The decoded file; ``known`` holds the hash of the bytes it was decoded from."""
        if artifact not in self.values:
            read = self.source if artifact is Artifact.SOURCE else self.decoded
            self.values[artifact] = read(artifact)
        return self.values[artifact]

    def decoded(self, artifact: Artifact) -> Any:
        path = self.layout.path(self.task.root, self.task.split, artifact, self.task.item)
        data = self.bytes.pop(artifact, None)
        if data is None:
            data = read_bytes(path)
            self.known[artifact] = sha256_of(data)
        encoding = self.layout.place(artifact).encoding
        return codecs.decode(data, encoding, labels=self.labels, name=str(path))

    def source(self, artifact: Artifact) -> Any:
        path = self.task.source
        if path is None:
            raise ItemError("the photo it is made from is not known", code="missing_input")
        try:
            remote, path = as_store(path), fetched(path)
            while True:
                state = hash_file(path)
                self.known[artifact] = state.sha256
                if remote:
                    self.fetched[str(path)] = state
                image = codecs.read_photo(path)
                if hash_file(path) == state:  # else it was replaced while we read it
                    return image
        except OSError as error:
            if remote:
                self.known.pop(artifact, None)  # the next run looks again
            raise unreadable(path, error) from error

    def write(self, step: Step, made: Outputs) -> None:
        """Encode now, write while the next stage works: the disk takes as long as a stage."""
        stage = step.spec.info.name
        encodings = {a: self.layout.place(a).encoding for a in step.write}
        encoded = {
            a: codecs.encode(made.values[a], encoding, labels=self.labels)
            for a, encoding in encodings.items()
        }
        for artifact, data in encoded.items():
            path = self.layout.path(self.task.root, self.task.split, artifact, self.task.item)
            self.known[artifact], self.bytes[artifact] = sha256_of(data), data
            self.values.pop(artifact, None)
            future = self.writers.submit(write_file, path, data, self.known[artifact])
            self.writing.setdefault(stage, {})[artifact.value] = (path, future)

    def written(self, stage: str) -> dict[str, tuple[str, FileState]]:
        """The files of a stage, once they are written. Raises ``StorageError``."""
        return {
            name: (path.relative_to(self.task.root).as_posix(), future.result())
            for name, (path, future) in self.writing.get(stage, {}).items()
        }


def _call(spec: StageSpec, values: dict[Artifact, Any]) -> Outputs:
    made: Outputs | ItemError = build(spec)([values])[0]
    if isinstance(made, ItemError):
        raise made
    return made
