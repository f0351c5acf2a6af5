"""What the documents of ``--json`` are made of."""

from __future__ import annotations

import json
from typing import Literal

from pydantic import BaseModel, ConfigDict

from pipelines.json_values import finite


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
        return json.dumps(finite(self.model_dump()), indent=2, default=str)
