"""How executors and the resources of their workers are written on the command line."""

from __future__ import annotations

import math
import re

EXECUTORS = "local, dask or dask:ADDRESS, as in dask:tcp://10.0.0.5:8786"
RESOURCES = "NAME=NUMBER, several separated by commas, as in GPU=1"
_DASK = re.compile(r"dask(?::((?:tcp|tls)://[^\s/]+:\d{1,5}))?")
_RESOURCE = re.compile(r"\s*([\w.-]+)\s*=\s*([\w.+-]+)\s*")


def is_executor(name: str) -> bool:
    """Whether an executor is called so."""
    return name == "local" or _DASK.fullmatch(name) is not None


def address_of(name: str) -> str | None:
    """The address of the scheduler; "" for a cluster of one's own, None for no cluster."""
    found = _DASK.fullmatch(name)
    return (found[1] or "") if found else None


def read_resources(text: str) -> dict[str, float]:
    """Name -> amount, of ``GPU=1,MEMORY=2e9``. Raises ``ValueError``."""
    resources = {}
    for part in filter(str.strip, text.split(",")):
        found = _RESOURCE.fullmatch(part)
        try:
            amount = float(found[2]) if found else math.nan
        except ValueError:
            amount = math.nan
        if found is None or not (math.isfinite(amount) and amount > 0):
            raise ValueError(f"wanted {RESOURCES}")
        resources[found[1]] = amount
    return resources
