"""What the documents of ``--json`` are made of."""

from __future__ import annotations

import json
import math
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A part of a document."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Document(Part):
    """What every document starts with."""

    schema_version: Literal[1] = 1
    command: str

    def to_json(self) -> str:
        r"""The document in ASCII, which every terminal and log passes on unchanged.

        A byte of a file name that is not UTF-8 stands as ``\udc80`` to ``\udcff``, and what is no
        finite number as null.
        """
        return json.dumps(_finite(self.model_dump()), indent=2, default=str)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, (list, tuple)) else value
