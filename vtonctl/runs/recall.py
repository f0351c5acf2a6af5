"""The request of a run that the ledger remembers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.device import Compute
from pipelines.errors import InputError
from pipelines.store_path import place
from vtonctl.runs.ledger import RunRecord
from vtonctl.runs.requests import PreprocessRequest, TryOnRequest


@dataclass(frozen=True)
class Recalled:
    """What an earlier run was asked for, and where its networks computed (None: it had none)."""

    request: PreprocessRequest | TryOnRequest
    seed: int
    compute: Compute | None


def recall_request(run: RunRecord) -> Recalled:
    """What a run was asked for. Raises ``InputError`` if it cannot be understood."""
    try:
        asked, seed = dict(run.request["request"]), int(run.request["seed"])
        settled = run.request.get("compute")
        compute = Compute(**settled) if settled else None
        if run.command == "preprocess":
            return Recalled(_preprocess(asked), seed, compute)
        prepare = _preprocess(asked["prepare"]) if asked["prepare"] else None
        made = {**_paths(asked, "root", "out", "pairs", "pose", "pose_from"), "prepare": prepare}
        request = TryOnRequest(**{**made, "weights": tuple(asked.get("weights", ()))})
        return Recalled(request, seed, compute)
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
    # a request of an earlier version has no poses
    paths = {name: place(asked[name]) for name in names if asked.get(name) is not None}
    return {**asked, **paths}
