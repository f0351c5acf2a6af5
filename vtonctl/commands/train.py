"""``vtonctl train``: networks of the pipeline, trained on data-set roots."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.errors import ConfigError, UsageError
from pipelines.registry import TRAINERS
from pipelines.training.ablation import Variant, find_variants
from pipelines.training.request import Progress, TrainerInfo, TrainRequest, TrainResult
from pipelines.training.settings import settle
from vtonctl import options
from vtonctl.commands import setup
from vtonctl.options import OutputFlags
from vtonctl.show.screen import Screen

EXAMPLE = """
vtonctl train --list
vtonctl train parser.ours ./viton --out ./runs/parser --minutes 60 --set batch_size=32
vtonctl train parser.ours ./viton --out ./runs/parser --resume
vtonctl train parser.ours ./viton --steps 2000 --ablate equalised=true,false
"""


def run(
    stage: Annotated[
        str | None, typer.Argument(metavar="STAGE", help="What to train; --list shows all.")
    ] = None,
    roots: Annotated[
        list[Path] | None, typer.Argument(metavar="ROOT...", help="Data-set roots to train on.")
    ] = None,
    *,
    list_: Annotated[
        bool, typer.Option("--list", help="Show what can be trained, on what, and its settings.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder of the run. [default: runs/STAGE]"),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", metavar="N", min=1, help="Passes over the data.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", metavar="N", min=1, help="Steps, instead of epochs.")
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            "--minutes", metavar="M", help="Time budget; the learning rate falls with its rest."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint of the folder.")
    ] = False,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="Settings, as TOML.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="One setting; may be given again."),
    ] = None,
    ablate: Annotated[
        list[str] | None,
        typer.Option(
            "--ablate", metavar="KEY=A,B", help="Train with each value and compare; repeatable."
        ),
    ] = None,
    device: options.TrainingDevice = "auto",
    precision: Annotated[
        str,
        typer.Option(
            "--precision",
            metavar="NAME",
            show_default=False,
            help="auto, fp32 or bf16. [default: auto, bf16 where a GPU computes in it]",
        ),
    ] = "auto",
    num_processes: Annotated[
        int, typer.Option("--num-processes", metavar="N", min=1, help="Processes, one for a GPU.")
    ] = 1,
    seed: options.Seed = None,
    output: OutputFlags,
) -> int:
    """Train a network; checkpoints, curves, sample sheets and the weights go into one folder.

    The first Ctrl-C ends the run with a checkpoint; --resume goes on from there, with the settings
    of the run where no others are given, and with the same losses as a run that was never
    interrupted. --ablate trains once for each value of a setting, with equal seed and steps, and
    writes one table.
    """
    screen = setup.begin(output)
    if list_:
        return _show_trainers(screen)
    info = _find(stage)
    if not roots:
        raise UsageError("no ROOT given", hint=f"{info.name} needs: {', '.join(info.inputs)}.")
    _check_budget(epochs, steps, minutes, ablate)
    if num_processes > 1 and ":" in device:
        raise UsageError(
            f"--device {device} is one GPU, and {num_processes} processes want one each",
            hint="Leave the number of the GPU out.",
        )
    from vtonctl.runs.training import recall

    folder = (out or Path("runs") / info.name).absolute()
    earlier = recall(folder, info.name) if resume and not ablate else {}
    if epochs is None and steps is None and minutes is None:
        epochs, steps, minutes = (earlier.get(name) for name in ("epochs", "steps", "minutes"))
    request = TrainRequest(
        stage=info.name,
        roots=tuple(setup.need_folder(root, "the data-set root").resolve() for root in roots),
        out=folder,
        epochs=epochs,
        steps=steps,
        minutes=minutes,
        resume=resume,
        settings=settle(info, config, set_ or (), earlier.get("settings")),
        device=device,
        precision=earlier.get("precision", "auto") if precision == "auto" else precision,
        seed=earlier.get("seed", 0) if seed is None else seed,
        num_processes=num_processes,
    )
    if ablate:
        return _compare(screen, request, find_variants(info, ablate))
    return _train(screen, request)


def _find(stage: str | None) -> TrainerInfo:
    if stage is None:
        raise UsageError("no STAGE given", hint="See what there is with: vtonctl train --list")
    if stage not in TRAINERS:
        raise ConfigError(
            f"nothing called {stage!r} can be trained",
            code="unknown_name",
            hint=f"Known: {', '.join(TRAINERS)}.",
        )
    return TRAINERS[stage][0]


def _check_budget(
    epochs: int | None, steps: int | None, minutes: float | None, ablate: list[str] | None
) -> None:
    if epochs is not None and steps is not None:
        raise UsageError("--epochs and --steps contradict each other", hint="Give one of them.")
    if minutes is not None and minutes <= 0:
        raise UsageError(f"--minutes {minutes:g}: wanted more than 0", hint="Try --minutes 60.")
    if minutes is not None and ablate:
        raise UsageError(
            "--ablate compares runs of equal steps, which --minutes would not give",
            hint="Use --steps or --epochs.",
        )


def _show_trainers(screen: Screen) -> int:
    infos = [info for info, _ in TRAINERS.values()]
    if screen.json:
        from vtonctl.show.jsonout import Trainer, TrainersDocument
        from vtonctl.show.screen import write_json

        listed = tuple(Trainer(**asdict(info)) for info in infos)
        write_json(TrainersDocument(command="train", trainers=listed))
        return 0
    from vtonctl.show import train_tables
    from vtonctl.show.screen import write_words

    write_words(*train_tables.trainers(infos))
    return 0


def _train(screen: Screen, request: TrainRequest) -> int:
    from vtonctl.runs.training import leads, run_training
    from vtonctl.show.train_progress import training_progress

    with training_progress(quiet=screen.quiet or not leads()) as report:
        result = run_training(request, report)
    code = 128 + result.interrupted_by if result.interrupted_by else 0
    if not leads():
        return code
    # no pydantic for words: training runs on machines that have little installed
    if screen.json:
        from vtonctl.show.screen import write_json
        from vtonctl.show.train_json import train_document

        resume = resume_command(request) if result.interrupted_by else None
        write_json(train_document(request, result, code, resume))
    elif result.interrupted_by or not screen.quiet:
        from vtonctl.show import train_tables
        from vtonctl.show.screen import write_words

        write_words(*train_tables.training(result, resume_command(request)))
    return code


def _compare(screen: Screen, request: TrainRequest, variants: tuple[Variant, ...]) -> int:
    from vtonctl.runs.training import leads, run_ablation
    from vtonctl.show.train_progress import training_progress

    with training_progress(quiet=screen.quiet or not leads()) as report:

        def begin(variant: Variant) -> None:
            report(Progress(0, None, 0, 0.0, 0.0, note=f"variant {variant.name}"))

        runs = run_ablation(request, variants, report, begin)
    last = runs[-1][1]
    code = 128 + last.interrupted_by if last.interrupted_by else 0
    if leads():
        _show_comparison(screen, request, runs, code)
    return code


def _show_comparison(
    screen: Screen, request: TrainRequest, runs: tuple[tuple[Variant, TrainResult], ...], code: int
) -> None:
    from pipelines.training.ablation import comparison
    from pipelines.training.run_folder import RunFolder

    if screen.json:
        from vtonctl.show.screen import write_json
        from vtonctl.show.train_json import ablation_document

        write_json(ablation_document(request, runs, code))
        return
    from vtonctl.show import train_tables
    from vtonctl.show.screen import write_words

    if code:
        write_words(*train_tables.training(runs[-1][1], "the same command and --resume"))
    elif not screen.quiet:
        table = str(RunFolder(request.out).ablation)
        write_words(*train_tables.ablation(comparison(runs), table))


def resume_command(request: TrainRequest) -> str:
    """The command line that goes on with an interrupted run."""
    words = ["vtonctl", "train", request.stage, *map(str, request.roots)]
    words += ["--out", str(request.out), "--resume"]
    for name in ("epochs", "steps", "minutes", "device", "precision", "seed", "num_processes"):
        value, default = getattr(request, name), getattr(TrainRequest, name)
        if value != default:
            text = f"{value:g}" if isinstance(value, float) else str(value)
            words += ["--" + name.replace("_", "-"), text]
    defaults: Any = TRAINERS[request.stage][0].defaults
    for key, value in request.settings.items():
        if value != defaults[key]:
            text = str(value).lower() if isinstance(value, bool) else _text(value)
            words += ["--set", f"{key}={text}"]
    return shlex.join(words)


def _text(value: Any) -> str:
    return str(list(value)).replace("'", '"') if isinstance(value, list | tuple) else str(value)
