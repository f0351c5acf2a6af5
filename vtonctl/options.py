"""Options that several commands share, as groups that a command takes as one argument.

A group is a frozen dataclass of annotated fields. ``expand`` turns a command function that takes
groups into one that takes their fields, which is what Typer reads.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from pipelines.preprocess.parsing import PARSERS

T = TypeVar("T")

LOG_FORMATS = ("text", "json")


@dataclass(frozen=True)
class OutputFlags:
    """What is shown and where."""

    json: Annotated[
        bool,
        typer.Option("--json", help="Print one JSON document on stdout."),
    ] = False
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose", "-v", count=True, show_default=False, help="Say more; -vv for all."
        ),
    ] = 0
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Say only what went wrong."),
    ] = False
    log_file: Annotated[
        Path | None,
        typer.Option("--log-file", metavar="FILE", help="Append the full log to FILE."),
    ] = None
    log_format: Annotated[
        str,
        typer.Option(
            "--log-format",
            metavar="NAME",
            show_default=False,
            help=f"Of stderr and the log file: {' or '.join(LOG_FORMATS)}. [default: text]",
        ),
    ] = LOG_FORMATS[0]


MetricsFile = Annotated[
    Path | None,
    typer.Option(
        "--metrics-file",
        metavar="FILE",
        help="Write what the run did to FILE for Prometheus (see docs/operations.md).",
    ),
]


Device = Annotated[
    str | None,
    typer.Option(
        "--device", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps. [default: auto]"
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(
        "--precision", metavar="NAME", help="Of networks: auto, fp32 or bf16. [default: auto]"
    ),
]


@dataclass(frozen=True)
class RunFlags:
    """How to run; None = from ``vtonctl.toml`` or the environment."""

    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            metavar="N",
            help="Worker processes. [default: usable cores; all workers of dask:ADDRESS]",
        ),
    ] = None
    executor: Annotated[
        str | None,
        typer.Option(
            "--executor",
            metavar="NAME",
            help="Where tasks run: local, dask (its own workers) or dask:ADDRESS (a cluster's), "
            "as in dask:tcp://10.0.0.5:8786. [default: local]",
        ),
    ] = None
    dask_resources: Annotated[
        str | None,
        typer.Option(
            "--dask-resources",
            metavar="NAME=N",
            help="What each task needs of a worker of dask:ADDRESS, as in GPU=1. [default: none]",
        ),
    ] = None
    device: Device = None
    precision: Precision = None
    item_timeout: Annotated[
        float | None,
        typer.Option(
            "--item-timeout",
            metavar="SECONDS",
            help="Give an item up after so long. [default: never]",
        ),
    ] = None


Seed = Annotated[
    int | None,
    typer.Option("--seed", metavar="N", help="Seed of the run. [default: 0]"),
]
Commercial = Annotated[
    bool | None,
    typer.Option("--commercial", help="Use only weights that allow commercial use."),
]
TrainingDevice = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="NAME",
        envvar="VTONCTL_DEVICE",
        show_envvar=False,
        show_default=False,
        help="auto, cpu, cuda, cuda:N or mps. [default: auto, the best there is]",
    ),
]
RetryFailed = Annotated[
    bool,
    typer.Option("--retry-failed", help="Try again what failed before."),
]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Print the plan; write nothing."),
]
ShowSettings = Annotated[
    bool,
    typer.Option("--show-settings", help="Print every setting and where it came from, and end."),
]


ParserWeights = Annotated[
    str | None,
    typer.Option(
        "--parser-weights",
        metavar="FILE|NAME",
        help="Its weights: a .safetensors file, or a name of: vtonctl weights list.",
    ),
]
PoseModel = Annotated[
    str | None,
    typer.Option(
        "--pose-model", metavar="NAME", help="full, heavy, lite or FILE.task. [default: full]"
    ),
]


@dataclass(frozen=True)
class DataFlags:
    """Which part of which layout."""

    layout: Annotated[
        str | None,
        typer.Option("--layout", metavar="NAME", help="Data-set layout. [default: viton-hd]"),
    ] = None
    split: Annotated[
        str | None,
        typer.Option("--split", metavar="NAME", help="Part of the data set. [default: test]"),
    ] = None


@dataclass(frozen=True)
class PrepareFlags:
    """How photos are prepared."""

    size: Annotated[
        str | None,
        typer.Option("--size", metavar="HxW", help="Size of stored pictures. [default: 1024x768]"),
    ] = None
    parser: Annotated[
        str | None,
        typer.Option(
            "--parser",
            metavar="NAME",
            help=f"Who finds body parts: auto, {', '.join(PARSERS)}. [default: auto, the best]",
        ),
    ] = None
    parser_weights: ParserWeights = None
    commercial: Commercial = None
    pose_model: PoseModel = None
    agnostic: Annotated[
        str | None,
        typer.Option(
            "--agnostic", metavar="FORM", help="Agnostic maps: v3.2 or viton-hd. [default: v3.2]"
        ),
    ] = None


def expand(command: Callable[..., T]) -> Callable[..., T]:
    """Replace each parameter that is a group by the group's fields, all keyword-only."""
    signature = inspect.signature(command, eval_str=True)
    groups: dict[str, Any] = {
        name: parameter.annotation
        for name, parameter in signature.parameters.items()
        if isinstance(parameter.annotation, type) and is_dataclass(parameter.annotation)
    }
    flat = [p for name, p in signature.parameters.items() if name not in groups]
    for group in groups.values():
        hints = get_type_hints(group, vars(sys.modules[group.__module__]), include_extras=True)
        flat += [
            inspect.Parameter(
                f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=hints[f.name]
            )
            for f in fields(group)
        ]

    @functools.wraps(command)
    def flattened(**given: Any) -> T:
        for name, group in groups.items():
            given[name] = group(**{f.name: given.pop(f.name) for f in fields(group)})
        return command(**given)

    flattened.__signature__ = signature.replace(parameters=flat)  # type: ignore[attr-defined]  # Typer reads it
    flattened.__annotations__ = {p.name: p.annotation for p in flat}
    del flattened.__wrapped__
    return flattened
