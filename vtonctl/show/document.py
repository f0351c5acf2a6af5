"""What the documents of ``--json`` are made of."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A part of a document."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Document(Part):
    """What every document starts with."""

    schema_version: Literal[1] = 1
    command: str
