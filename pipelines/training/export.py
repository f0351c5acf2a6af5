"""Final weights: a safetensors file in half precision that says in itself what it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from pipelines.atomic import write_atomic
from pipelines.checkpoint_manifest import TIERS, TrainingData
from pipelines.training.run_config import code_version


@dataclass(frozen=True)
class WeightsMetadata:
    """What a file of weights tells of itself; see ``pipelines.checkpoint_files``."""

    family: str
    """What can load it, for example ``parser.ours``."""
    config: Mapping[str, Any]
    """Keyword arguments of the network, JSON values."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """Final validation figures, flat."""
    data: tuple[TrainingData, ...] = ()
    tier: str = ""
    """``open`` or ``research``; empty if the data's terms are not known."""
    label_set: str = ""
    """Class of ``pipelines.labels``; empty if outputs are no labels."""
    run: Mapping[str, Any] = field(default_factory=dict)
    """How it was trained (settings, seed, step, ...), JSON values; absolute paths are left out."""

    def __post_init__(self) -> None:
        """Refuse a tier that there is not."""
        if self.tier not in ("", *TIERS):
            raise ValueError(f"tier = {self.tier!r}; wanted {' or '.join(TIERS)}")

    def strings(self) -> dict[str, str]:
        """As safetensors stores it: strings by name."""
        return {
            "family": self.family,
            "config": json.dumps(dict(self.config), sort_keys=True),
            "figures": json.dumps(dict(self.figures), sort_keys=True),
            "data": json.dumps([asdict(row) for row in self.data]),
            "tier": self.tier,
            "label_set": self.label_set,
            "code_version": code_version(),
            "run": json.dumps(_portable(self.run), sort_keys=True),
        }


def _portable(value: Any) -> Any:
    """The same without what only says where something lies on this machine."""
    if isinstance(value, Mapping):
        return {name: _portable(one) for name, one in value.items() if not _is_place(one)}
    if isinstance(value, list | tuple):
        return [_portable(one) for one in value if not _is_place(one)]
    return value


def _is_place(value: Any) -> bool:
    if isinstance(value, list | tuple) and value:
        return all(map(_is_place, value))
    return isinstance(value, PurePath) or (isinstance(value, str) and Path(value).is_absolute())


def write_weights(
    path: Path,
    modules: nn.Module | Mapping[str, nn.Module],
    metadata: WeightsMetadata | Mapping[str, Any],
    *,
    half: bool = True,
) -> Path:
    """Write weights; the same weights and metadata give the same bytes.

    Several networks have their names before those of their tensors. Parameters become float16
    unless a value is beyond its range; buffers (statistics of normalisation, counters) keep
    their type, since they are few and their range is wide; without ``half`` all keep theirs.
    Metadata that come as a mapping are stored as they are, values that are no strings as JSON.
    """
    if isinstance(modules, nn.Module):
        tensors = _tensors(modules, half)
    elif len(modules) == 1:
        tensors = _tensors(next(iter(modules.values())), half)
    else:
        tensors = {
            f"{name}.{key}": tensor
            for name, module in modules.items()
            for key, tensor in _tensors(module, half).items()
        }
    strings = metadata.strings() if isinstance(metadata, WeightsMetadata) else _strings(metadata)
    write_atomic(path, _ordered(save(tensors, metadata=strings)))
    return path


def _tensors(module: nn.Module, half: bool) -> dict[str, Tensor]:
    parameters = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    return {
        name: _stored(tensor, half=half and name in parameters)
        for name, tensor in module.state_dict().items()
    }


def _stored(tensor: Tensor, *, half: bool) -> Tensor:
    # a copy: safetensors refuses tensors that share memory, and a channels-last layout
    kept = tensor.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
    if not (half and kept.is_floating_point()):
        return kept
    halved = kept.to(torch.float16)
    return halved if bool(torch.isfinite(halved).all()) else kept


def _ordered(data: bytes) -> bytes:
    """The same file with its header in order; safetensors shuffles the metadata.

    Source: the format of safetensors: 8 bytes of length, a JSON object, the tensors' bytes.
    """
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8:end]), sort_keys=True, separators=(",", ":")).encode()
    # tensors begin at a multiple of 8 bytes
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[end:]


def _strings(metadata: Mapping[str, Any]) -> dict[str, str]:
    stored = {
        name: value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        for name, value in metadata.items()
    }
    return {"code_version": code_version(), **stored}
