"""The request of a run that the ledger remembers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.errors import InputError
from vtonctl.runs.ledger import RunRecord
from vtonctl.runs.requests import PreprocessRequest, TryOnRequest


def recall_request(run: RunRecord) -> tuple[PreprocessRequest | TryOnRequest, int]:
    """The request and the seed of a run. Raises ``InputError`` if it cannot be understood."""
    try:
        asked, seed = dict(run.request["request"]), int(run.request["seed"])
        if run.command == "preprocess":
            return _preprocess(asked), seed
        prepare = _preprocess(asked["prepare"]) if asked["prepare"] else None
        return TryOnRequest(**{**_paths(asked, "root", "out", "pairs"), "prepare": prepare}), seed
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"the last run ({run.command} of {run.started}) is of another version: {error}",
            hint="Give the whole command once more.",
        ) from error


def _preprocess(asked: Mapping[str, Any]) -> PreprocessRequest:
    height, width = asked["size_hw"]
    made = _paths(asked, "root", "photos", "garments")
    made |= {"size_hw": (int(height), int(width)), "only": tuple(asked["only"])}
    return PreprocessRequest(**made)


def _paths(asked: Mapping[str, Any], *names: str) -> dict[str, Any]:
    paths = {name: Path(asked[name]) for name in names if asked[name] is not None}
    return {**asked, **paths}
