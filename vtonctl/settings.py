"""Settings of a run: ``vtonctl.toml`` in the root < environment ``VTONCTL_*`` < flags.

``resolve`` returns the frozen settings together with where each value came from.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pipelines.checkpoint_manifest import SUFFIX
from pipelines.errors import ConfigError
from pipelines.toml_file import read_toml
from vtonctl.executors.names import EXECUTORS, RESOURCES, is_executor, read_resources

FILE_NAME = "vtonctl.toml"
PREFIX = "VTONCTL_"
MAX_SIDE = 8192


class Settings(BaseModel):
    """Everything that may stand in ``vtonctl.toml``; the field name is the key."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    jobs: int = Field(0, ge=0, description="worker processes; 0 = one per usable core")
    executor: str = Field("local", description=f"where tasks run: {EXECUTORS}")
    dask_resources: str = Field(
        "", description=f"what each task needs of a Dask worker: {RESOURCES}"
    )
    device: str = Field("auto", description="auto, cpu, cuda, cuda:N or mps")
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="of networks: auto, fp32 or bf16"
    )
    seed: int = Field(0, ge=0, lt=2**63, description="seed of the run")
    item_timeout: float = Field(0.0, ge=0, description="seconds per item; 0 = no limit")
    layout: str = Field("viton-hd", description="data-set layout")
    split: str = Field("test", description="part of the data set")
    size: tuple[int, int] = Field((1024, 768), description="stored HEIGHTxWIDTH")
    parser: str = Field("auto", description="who finds body parts; auto = the best")
    parser_weights: str = Field("", description="its weights: a .safetensors file or a name")
    commercial: bool = Field(False, description="only weights that allow commercial use")
    pose_model: str = Field("full", description="full, heavy, lite or the path of a .task file")
    agnostic: Literal["v3.2", "viton-hd"] = Field("v3.2", description="form of agnostic maps")
    system: str = Field("auto", description="try-on system; auto = the best")
    weights: tuple[str, ...] = Field((), description="its weights: .safetensors files or names")
    format: Literal["png", "jpg", "webp"] = Field("png", description="format of results")
    quality: int = Field(95, ge=1, le=100, description="quality of JPEG and WEBP results")

    @field_validator("executor")
    @classmethod
    def _check_executor(cls, value: str) -> str:
        if not is_executor(value):
            raise ValueError(f"wanted {EXECUTORS}")
        return value

    @field_validator("dask_resources")
    @classmethod
    def _check_resources(cls, value: str) -> str:
        read_resources(value)
        return value

    @field_validator("size", mode="before")
    @classmethod
    def _parse_size(cls, value: Any) -> Any:
        """Accept ``"1024x768"``."""
        if not isinstance(value, str):
            return value
        match = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", value.strip())
        if match is None:
            raise ValueError("wanted HEIGHTxWIDTH, for example 1024x768")
        return int(match[1]), int(match[2])

    @field_validator("pose_model")
    @classmethod
    def _check_pose_model(cls, value: str) -> str:
        """Make the path of a model absolute: workers have a folder of their own."""
        if value in ("full", "heavy", "lite"):
            return value
        if not value.endswith(".task") or not Path(value).is_file():
            raise ValueError("wanted full, heavy, lite or an existing .task file")
        return str(Path(value).resolve())

    @field_validator("parser_weights")
    @classmethod
    def _settle_weights(cls, value: str) -> str:
        """Make the path of a file absolute; a name has neither a slash nor a suffix."""
        is_file = "/" in value or value.endswith(SUFFIX)
        return str(Path(value).absolute()) if is_file else value

    @field_validator("weights", mode="before")
    @classmethod
    def _split_weights(cls, value: Any) -> Any:
        """Accept ``"a,b"``; make paths of files absolute, as for the parser's."""
        wanted = value.split(",") if isinstance(value, str) else value
        if not isinstance(wanted, (list, tuple)) or not all(isinstance(w, str) for w in wanted):
            raise ValueError("wanted names or files, separated by commas")
        return tuple(cls._settle_weights(name.strip()) for name in wanted if name.strip())

    @field_validator("size")
    @classmethod
    def _check_size(cls, value: tuple[int, int]) -> tuple[int, int]:
        if not all(64 <= side <= MAX_SIDE for side in value):
            raise ValueError(f"height and width must lie in 64..{MAX_SIDE}")
        return value


@dataclass(frozen=True)
class Resolved:
    """Settings and, for each, where its value came from."""

    settings: Settings
    origins: Mapping[str, str]
    """``default``, the path of the file, the name of the variable, or the flag."""


def resolve(
    root: Path | None, flags: Mapping[str, Any], environ: Mapping[str, str] | None = None
) -> Resolved:
    """Combine file, environment and flags (those that are not None), later wins.

    Raises ``ConfigError`` for an unreadable file, an unknown key or a bad value, naming its
    origin.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    origins = dict.fromkeys(Settings.model_fields, "default")
    if root is not None and (root / FILE_NAME).is_file():
        from_file = _read_toml(root / FILE_NAME)
        values |= from_file
        origins |= dict.fromkeys(from_file, str(root / FILE_NAME))
    for name in Settings.model_fields:
        variable = PREFIX + name.upper()
        if environ.get(variable):
            values[name], origins[name] = environ[variable], variable
        if flags.get(name) is not None:
            values[name], origins[name] = flags[name], "--" + name.replace("_", "-")
    try:
        return Resolved(Settings.model_validate(values), origins)
    except ValidationError as error:
        raise _config_error(error, origins) from None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return read_toml(path)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path}: cannot be read as TOML: {error}",
            code="bad_settings",
            hint="Correct or remove the file.",
        ) from None


def _config_error(error: ValidationError, origins: Mapping[str, str]) -> ConfigError:
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    origin = origins.get(name, "settings")
    if first["type"] == "extra_forbidden":
        return ConfigError(
            f"{origin}: unknown setting {name!r}",
            code="unknown_setting",
            hint=f"Known: {', '.join(Settings.model_fields)}.",
        )
    reason = first["msg"].removeprefix("Value error, ")
    reason = reason[:1].lower() + reason[1:]
    return ConfigError(
        f"{origin}: {name} = {first['input']!r}: {reason}",
        code="bad_setting",
        hint=f"{name}: {Settings.model_fields[name].description}.",
    )
