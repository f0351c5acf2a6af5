"""Settings of trainers: defaults < ``--config`` file < ``--set``; imports no array library."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pipelines.errors import ConfigError
from pipelines.toml_file import read_toml
from pipelines.training.request import TrainerInfo

NARROWEST = 16
"""Channels below which torch 2.15 writes beyond its memory in the backward pass on a CPU
(channels_last, float32)."""

OPTIMIZERS = ("own", "muon")


@dataclass(frozen=True)
class LoopSettings:
    """How the loop runs a task; trainers offer these among their own settings."""

    batch_size: int = 16
    """Examples of one step, of all processes together."""
    epochs: int = 10
    """Passes over the data where the request says neither epochs nor steps nor minutes."""
    ema_decay: float = 0.999
    """Of the moving average of the weights; 0 = use the weights themselves."""
    optimizer: str = "own"
    """``own``, the published one; or ``muon``, Muon for all large weights and the published one
    for the rest (our choice), from which compact networks learn much faster. For training without
    a discriminator."""
    clip_norm: float = 0.0
    """Largest norm of an optimizer's gradients; 0 = any."""
    channels_last: bool = False
    """Whether networks keep their images as [B, H, W, C] in memory; faster in bf16."""
    log_every: int = 50
    """Steps between lines of ``metrics.jsonl``."""
    validate_every: int = 0
    """Steps between validations; 0 = after each epoch. There is always one at the end."""
    checkpoint_every: int = 0
    """Steps between checkpoints; 0 = with each validation."""
    checkpoint_minutes: float = 10.0
    """Longest time between checkpoints."""

    def __post_init__(self) -> None:
        """Refuse numbers that make no sense. Raises ``ConfigError``."""
        for name in ("batch_size", "epochs", "log_every"):
            _need(name, getattr(self, name), getattr(self, name) >= 1, "at least 1")
        for name in ("clip_norm", "validate_every", "checkpoint_every", "checkpoint_minutes"):
            _need(name, getattr(self, name), getattr(self, name) >= 0, "0 or more")
        _need("optimizer", self.optimizer, self.optimizer in OPTIMIZERS, " or ".join(OPTIMIZERS))
        _need("ema_decay", self.ema_decay, 0 <= self.ema_decay < 1, "0 up to, not including, 1")

    def defaults(self) -> dict[str, Any]:
        """By name, for ``TrainerInfo.defaults``."""
        return asdict(self)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> LoopSettings:
        """Pick the loop's own out of a trainer's settings; missing ones have their defaults."""
        return cls(**{f.name: settings[f.name] for f in fields(cls) if f.name in settings})


def _need(name: str, value: object, good: bool, wanted: str) -> None:
    if not good:
        raise ConfigError(f"{name} = {value!r}: wanted {wanted}", code="bad_setting")


def settle(
    info: TrainerInfo,
    config: Path | None = None,
    pairs: Sequence[str] = (),
    earlier: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """All settings of a trainer: its defaults, those of a TOML file, and ``key=value`` pairs.

    A run that goes on has ``earlier`` settings, which stand in the place of the defaults; what
    the trainer no longer knows is left out. Raises ``ConfigError`` for an unreadable file, an
    unknown key (with the known ones) and a value of another type than the default's.
    """
    values = dict(info.defaults)
    for key in values.keys() & (earlier or {}).keys():
        values[key] = checked(info, key, (earlier or {})[key], "the run to go on with")
    for key, value in (_read(config) if config else {}).items():
        values[key] = checked(info, key, value, str(config))
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            raise ConfigError(
                f"--set {pair}: wanted key=value", code="bad_setting", hint="See --list."
            )
        values[key.strip()] = parsed(info, key.strip(), text.strip(), "--set")
    return values


def parsed(info: TrainerInfo, key: str, text: str, origin: str) -> Any:
    """The value that a text means for a key: JSON's notation, or just the words of a string."""
    _known(info, key, origin)
    if isinstance(info.defaults[key], str):
        return text
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    return checked(info, key, value, origin)


def checked(info: TrainerInfo, key: str, value: Any, origin: str) -> Any:
    """The value, if its type is that of the key's default (an int serves as a float)."""
    _known(info, key, origin)
    wanted = type(info.defaults[key])
    if wanted is float and type(value) is int:
        return float(value)
    if isinstance(value, list) and wanted is tuple:
        return tuple(value)
    if info.defaults[key] is not None and type(value) is not wanted:
        raise ConfigError(
            f"{origin}: {key} = {value!r}; wanted {_words(wanted)}",
            code="bad_setting",
            hint=f"The default is {info.defaults[key]!r}.",
        )
    return value


def _known(info: TrainerInfo, key: str, origin: str) -> None:
    if key in info.defaults:
        return
    close = difflib.get_close_matches(key, info.defaults, n=1, cutoff=0.75)
    meant = f" Did you mean {close[0]}?" if close else ""
    raise ConfigError(
        f"{origin}: {info.name} has no setting {key!r}.{meant}",
        code="unknown_setting",
        hint=f"Known: {', '.join(sorted(info.defaults))}.",
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        return read_toml(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(
            f"{path}: cannot be read as TOML: {reason}",
            code="bad_settings",
            hint="Correct the file or the path.",
        ) from None


def _words(kind: type) -> str:
    return {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}.get(
        kind, f"a {kind.__name__}"
    )
