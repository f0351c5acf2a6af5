"""Inside the process that reads a foreign PyTorch checkpoint; see ``checkpoint_import``.

The order comes as JSON on stdin; the last line of stdout is the answer: ``family`` and ``words``,
or ``code``, ``message`` and ``hint`` of an ``InputError``.
"""

from __future__ import annotations

import json
import re
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.checkpoint_families import Published, known_networks, recognise
from pipelines.checkpoint_files import load_into
from pipelines.checkpoint_manifest import RESEARCH
from pipelines.errors import InputError
from pipelines.systems.acgpn import config as acgpn_config
from pipelines.systems.acgpn import weights as acgpn
from pipelines.systems.cp_vton import config as cp_vton_config
from pipelines.systems.cp_vton import weights as cp_vton
from pipelines.systems.viton_hd import config as viton_hd_config
from pipelines.systems.viton_hd import weights as viton_hd
from pipelines.training.export import WeightsMetadata, write_weights

_WRAPPERS = ("state_dict", "model", "model_state_dict")
"""Names under which trainers put the tensors of one network."""
_PARALLEL = "module."
"""What training on several GPUs puts before every name."""
_FORBIDDEN = re.compile(r"GLOBAL ([\w.]+)|Unsupported (?:global|class)")
_SPARE_BYTES = 256 << 20
_COPIES = 6
"""File, tensors, network, halved tensors and bytes to write are in memory at once."""


def main() -> None:
    """Read the order, do it, answer."""
    order = json.load(sys.stdin)
    source = Path(order["source"])
    _limit(_COPIES * source.stat().st_size + _SPARE_BYTES, order["time_limit_s"])
    answer: dict[str, str]
    try:
        network = convert(source, Path(order["target"]), order["about"], half=order["half"])
        answer = {"family": network.family, "words": network.words}
    except InputError as error:
        answer = {"code": error.code, "message": error.message, "hint": error.hint}
    sys.stdout.write(f"\n{json.dumps(answer)}\n")


def convert(source: Path, target: Path, about: Mapping[str, str], *, half: bool) -> Published:
    """Write the weights of a checkpoint as safetensors; returns whose they are.

    ``about`` is added to the metadata. Raises ``InputError``.
    """
    state = read_state(source)
    network = recognise({name: tuple(tensor.shape) for name, tensor in state.items()})
    if network is None:
        raise InputError(
            f"{source}: {len(state)} tensors of no network that is known",
            code="wrong_weights",
            hint=f"Known: {', '.join(known_networks())}.",
        )
    if not network.importable:
        raise InputError(
            f"{source}: this is {network.words}; no system of this version uses it",
            code="later_version",
            hint=f"It comes with a later version. Known now: {', '.join(known_networks())}.",
        )
    module, config = _published_network(network.family)
    try:
        load_into(module, state, source)
    except InputError as error:
        raise InputError(
            f"{error.message} (it looks like {network.words})",
            code="wrong_weights",
            hint="Give the published file, or one that was trained with the published code.",
        ) from None
    metadata = WeightsMetadata(
        family=network.family,
        config=config,
        tier=RESEARCH,
        label_set=network.label_set,
    )
    write_weights(target, module, {**metadata.strings(), **about}, half=half)
    return network


def _published_network(family: str) -> tuple[nn.Module, dict[str, Any]]:
    """A network as it was published, and its config to store."""
    if family in acgpn_config.FAMILIES:
        shape = acgpn_config.ACGPNConfig()
        return acgpn.build_network(family, shape), acgpn_config.config_to_json(shape)
    if family in (*cp_vton_config.FAMILIES, *cp_vton_config.PLUS_FAMILIES):
        made = cp_vton_config.config_from_json(family, {})
        return cp_vton.build_network(family, made), cp_vton_config.config_to_json(made)
    config = viton_hd_config.config_from_json(family, {})
    return viton_hd.build_network(config), viton_hd_config.config_to_json(config)


def read_state(source: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name, all of them finite numbers. Raises ``InputError``."""
    _refuse_compressed(source)
    try:
        loaded = torch.load(source, map_location="cpu", weights_only=True)
    except MemoryError:
        raise _damaged(source, "it asks for more memory than a file of its size holds") from None
    except Exception as error:  # noqa: BLE001 - whatever a foreign file makes the reader raise
        raise _refusal(source, str(error)) from None
    for name in _WRAPPERS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(name), Mapping):
            loaded = loaded[name]
    if not isinstance(loaded, Mapping) or not loaded:
        raise _damaged(source, f"wanted tensors by name, found {type(loaded).__name__}")
    return {
        name.removeprefix(_PARALLEL): _plain(source, name, value) for name, value in loaded.items()
    }


def _refuse_compressed(source: Path) -> None:
    """Raise for an archive that unpacks to more than it is; PyTorch's are not compressed."""
    try:
        if not zipfile.is_zipfile(source):
            return  # the older form, or no checkpoint at all
        with zipfile.ZipFile(source) as archive:
            held = sum(entry.file_size for entry in archive.infolist())
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
        raise _damaged(source, f"not a whole archive: {error}") from None
    if held > source.stat().st_size:
        raise _damaged(source, f"it would unpack to {held} bytes, more than it has")


def _plain(source: Path, name: Any, value: Any) -> Tensor:
    if not isinstance(name, str) or not isinstance(value, Tensor):
        raise _damaged(source, f"wanted tensors by name, found {name!r}: {type(value).__name__}")
    if value.layout != torch.strided or value.is_quantized or value.is_complex():
        raise _damaged(source, f"{name} is no plain array of numbers")
    # a tensor can claim to be far larger than what is stored of it
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        raise _damaged(source, f"{name} holds less than its shape {list(value.shape)}")
    if value.is_floating_point() and not bool(torch.isfinite(value).all()):
        raise _damaged(source, f"{name} holds values that are no finite numbers")
    return value.detach()


def _refusal(source: Path, said: str) -> InputError:
    """What torch's reader says, without its advice to switch the protection off."""
    if found := _FORBIDDEN.search(said):
        what = f" ({found[1]})" if found[1] else ""
        return InputError(
            f"{source}: holds code or objects besides tensors{what}; nothing of it was run",
            code="unsafe_checkpoint",
            hint="Don't open this file elsewhere. Get the checkpoint from where it was published.",
        )
    if "allocate memory" in said:
        return _damaged(source, "it asks for more memory than a file of its size holds")
    return _damaged(source, "not a whole PyTorch checkpoint")


def _damaged(source: Path, reason: str) -> InputError:
    return InputError(
        f"{source}: cannot be imported: {reason}",
        code="damaged_weights",
        hint="Get the file again from where it was published, and compare its size.",
    )


def _limit(more_bytes: int, seconds: float) -> None:
    """Keep this process from growing by more than ``more_bytes`` and from computing for ever."""
    if sys.platform != "linux":
        return  # elsewhere the limit on time, which the other process keeps, has to do
    import resource

    now = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    for kind, limit in (
        (resource.RLIMIT_AS, now + more_bytes),
        (resource.RLIMIT_CPU, int(seconds) + 1),
    ):
        hard = resource.getrlimit(kind)[1]
        allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (allowed, hard))
