"""Files of weights: safetensors with what they are in their own metadata; nothing else is read.

Metadata are strings by name; a file that ``vtonctl train`` writes has these:

=============  =====================================================================
``family``     what can load it, for example ``parser.ours``
``config``     JSON object: keyword arguments of the network
``figures``    JSON object: final validation figures, flat
``data``       JSON list of objects with ``name``, ``licence`` and ``images``
``tier``       ``open`` or ``research``; absent or empty if the data's terms are not known
``label_set``  class of ``pipelines.labels``; empty if outputs are no labels
``code_version``  version of this package
=============  =====================================================================

One that ``vtonctl weights import`` writes has ``licence`` (what the user knows about the terms),
``source_file`` and ``source_sha256`` (the checkpoint that it was made of) besides.

No array library is imported before a file is opened.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pipelines.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor, nn

C = TypeVar("C")
N = TypeVar("N", bound="nn.Module")

_BLOCK = 1 << 20
_SHOWN = 4
_MAX_HEADER = 8 << 20
"""Bytes; those of published networks have 30,000 and take a thousandth of a second to read."""
_MAX_NUMBER = 1 << 14
"""The largest whole number in a config: no network here is as wide or as deep."""


def sha256_of_file(path: Path) -> str:
    """sha256 (hex), computed once per process unless the file changes. Raises ``InputError``."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # a device or a pipe may have no end
            raise _unusable(path, "is a folder" if path.is_dir() else "is no regular file")
        return _hashed(path, found.st_size, found.st_mtime_ns)
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from None


@lru_cache(maxsize=64)
def _hashed(path: Path, size: int, mtime_ns: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def check_file(path: Path, sha256: str, size: int | None = None) -> None:
    """Raise ``InputError`` (``damaged_weights``) unless the file has this content."""
    if not path.is_file():
        raise _unusable(path, "does not exist")
    found = path.stat().st_size
    if size is not None and found != size:
        raise _damaged(path, f"{found} bytes, wanted {size}")
    if (digest := sha256_of_file(path)) != sha256:
        raise _damaged(path, f"sha256 {digest[:12]}..., wanted {sha256[:12]}...")


def check_files(files: Mapping[str, Path], sha256: Mapping[str, str] | None) -> None:
    """``check_file`` for each of the files by family that has a hash; none for None."""
    for family, wanted in (sha256 or {}).items():
        check_file(files[family], wanted)


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata of a file, whose structure is checked on the way. Raises ``InputError``."""
    with _opened(path, "np") as file:
        return dict(file.metadata() or {})


def tensor_types(path: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Name of each tensor -> type as safetensors calls it (``F16``) and shape.

    Raises ``InputError``.
    """
    with _opened(path, "np") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}
        return {n: (str(s.get_dtype()), tuple(s.get_shape())) for n, s in slices.items()}


def load_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """All tensors, on the CPU, and the metadata. Raises ``InputError`` that names the file."""
    with _opened(path, "pt") as file:
        state = {name: file.get_tensor(name) for name in file.keys()}
        return state, dict(file.metadata() or {})


def read_network(
    path: Path, family: str, config_of: Callable[[Mapping[str, Any]], C], build: Callable[[C], N]
) -> tuple[N, C, dict[str, str]]:
    """The network that a file was written for, on the CPU, its config and the file's metadata.

    ``config_of`` makes the config of the stored values and ``build`` the network of it. Raises
    ``InputError`` (``wrong_weights``) for a file that is not of ``family``.
    """
    import torch

    state, metadata = load_safetensors(path)
    try:
        if metadata["family"] != family:
            raise ValueError("another network")
        config = config_of(bounded(json.loads(metadata["config"])))
        # a config may ask for far more memory than the file has numbers
        with torch.device("meta"):
            _check_fit(build(config), state, path)
        network = build(config)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        said = metadata.get("family") or "unknown"
        raise InputError(
            f"{path}: no weights of {family} (family: {said}; config: {error}).",
            code="wrong_weights",
            hint=f"Name a file that vtonctl train {family} or vtonctl weights import has written.",
        ) from None
    load_into(network, state, path)
    return network, config, metadata


def load_into(module: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Copy ``state`` into a network; names and shapes must be exactly those of the network.

    Raises ``InputError`` that names ``path``, what is missing and what is too much. Half
    precision tensors take the network's own type.
    """
    _check_fit(module, state, path)
    module.load_state_dict(dict(state), strict=True)


def bounded(config: Any) -> Any:
    """``config`` itself. Raises ``ValueError`` for a whole number that no network is built with."""
    if isinstance(config, int) and abs(config) > _MAX_NUMBER:
        raise ValueError(f"{config} is more than {_MAX_NUMBER}")
    inner = config.values() if isinstance(config, dict) else config
    for value in inner if isinstance(config, (dict, list)) else ():
        bounded(value)
    return config


def _check_fit(module: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    wanted = module.state_dict()
    missing = [name for name in wanted if name not in state]
    surplus = [name for name in state if name not in wanted]
    if missing or surplus:
        words = [named(missing, "missing"), named(surplus, "not of this network")]
        raise _unusable(path, "; ".join(filter(None, words)), code="wrong_weights")
    shapes = [
        f"{name} {list(state[name].shape)} instead of {list(tensor.shape)}"
        for name, tensor in wanted.items()
        if state[name].shape != tensor.shape
    ]
    if shapes:
        raise _unusable(path, named(shapes, "of another shape"), code="wrong_weights")


def _opened(path: Path, framework: str) -> Any:
    if not path.is_file():
        raise _unusable(path, "is a folder" if path.is_dir() else "does not exist")
    from safetensors import SafetensorError, safe_open

    try:
        with path.open("rb") as file:
            claimed = int.from_bytes(file.read(8), "little")
        if claimed > _MAX_HEADER:
            raise _damaged(path, f"its header claims {claimed} bytes, wanted at most {_MAX_HEADER}")
        return safe_open(path, framework=framework)
    except (SafetensorError, OSError) as error:
        raise _damaged(path, str(error)) from None


def named(names: Sequence[str], what: str) -> str:
    """``what: a, b, c, d and 3 more``; empty where there are no names."""
    if not names:
        return ""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{what}: {', '.join(names[:_SHOWN])}{more}"


def _unusable(path: Path, reason: str, code: str = "unusable_weights") -> InputError:
    return InputError(
        f"{path}: these weights cannot be used: {reason}",
        code=code,
        hint="See what there is with: vtonctl weights list",
    )


def _damaged(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path}: not a whole file of weights in safetensors format: {reason}",
        code="damaged_weights",
        hint="Copy or install it again, then: vtonctl weights verify",
    )
