"""What a check of a data set finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Severity(str, Enum):
    """Whether a finding keeps the data set from being used."""

    ERROR = "error"
    WARNING = "warning"
    """vtonctl copes; published code may not, or a result may suffer."""


@dataclass(frozen=True, order=True)
class Finding:
    """One fault: where it is, a stable code, what was found and wanted, and the next step."""

    path: Path
    code: str
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR
