"""Reading a TOML file, on every Python that the project supports."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any


def read_toml(path: Path) -> dict[str, Any]:
    """The tables and values of a TOML file. Raises ``OSError``, ``ValueError`` (with the place)."""
    # tomllib is part of Python from 3.11 on; tomli is the same for 3.10
    tomllib = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    values: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    return values
