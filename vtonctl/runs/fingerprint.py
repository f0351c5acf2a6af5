"""What a result depends on, as one hash; equal fingerprints mean that nothing is to do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pipelines.stage import StageInfo

_in_order = json.JSONEncoder(sort_keys=True).encode
_quoted = lru_cache(maxsize=100_000)(json.dumps)
"""A name in JSON: each is in many pairs, of which there may be a million."""


def fingerprint(
    info: StageInfo, params: Mapping[str, Any], inputs: Mapping[str, str], weights: str = ""
) -> str:
    """sha256 (hex) over stage name, version, parameters, weights hash and input hashes.

    ``inputs`` maps the name of each input to the sha256 of its bytes. The order of either
    mapping does not matter; tuples and lists are the same.
    """
    facts = {
        "stage": info.name,
        "version": info.version,
        "params": dict(params),
        "weights": weights,
        "inputs": dict(inputs),
    }
    return hashlib.sha256(_in_order(facts).encode()).hexdigest()


def item_seed(person: str, garment: str, seed: int, pose: str = "") -> int:
    """The seed of one pair, 0..2**32-1: the same whatever else runs, in any order.

    ``pose`` is the name of the pose that the person is to take, "" for their own.
    """
    names = [_quoted(person), _quoted(garment), str(seed), *([_quoted(pose)] if pose else [])]
    text = f"[{', '.join(names)}]"  # a list in JSON
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
