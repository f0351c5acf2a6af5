"""The parser ``maskrcnn``: instances of 15 classes, merged to a map that the pose divides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.models.detection import MaskRCNN

from pipelines import device as devices
from pipelines.checkpoint_files import bounded, load_into, load_safetensors
from pipelines.clothing_labels import FASHION15
from pipelines.errors import ConfigError, InputError, WeightsMissing
from pipelines.flags import Flag
from pipelines.preprocess.parsing import ParsedPerson
from pipelines.segmentation.instances import Instances
from pipelines.segmentation.maskrcnn_merge import (
    MIN_SCORE,
    fashion15_of_instances,
    lip20_of_fashion15,
    of_person,
)
from pipelines.segmentation.maskrcnn_network import build_maskrcnn
from pipelines.types import Image, Pose, Size

FAMILY = "parser.maskrcnn"
UNCERTAIN_BELOW = 0.35
_IN_MASK = 0.5


class MaskRCNNParser:
    """A trained network ready to use; deterministic on one machine."""

    def __init__(self, network: MaskRCNN, device: str = "cpu", precision: str = "fp32") -> None:
        self.device = devices.torch_device(device)
        self.precision = precision
        self.network = network.to(self.device).eval()

    def instances(self, image: Image) -> Instances:
        """Up to 100 instances on ``uint8 [H, W, 3]`` RGB, most certain first; labels FASHION15."""
        taken = as_network_input(torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))))
        with torch.inference_mode(), devices.autocast(self.device, self.precision):
            found = self.network([taken.to(self.device)])[0]
        return instances_from(found)

    def __call__(self, image: Image, pose: Pose, /) -> ParsedPerson:
        """LIP20 ids of the image's size for the person of ``pose``, which is in its pixels.

        The score is the mean score of the instances that the map shows, weighted by their area
        in it, 0 where there are none. Raises ``ItemError`` (``uncertain_pose``) without shoulders.
        """
        instances = of_person(self.instances(image), pose)
        merged = fashion15_of_instances(instances, Size(*image.shape[:2]))
        score = _certainty(instances, merged.ids)
        flags = (Flag.UNCERTAIN_PARSE,) if score < UNCERTAIN_BELOW else ()
        return ParsedPerson(lip20_of_fashion15(merged, pose), score, flags)


def load_parser(*, weights: Path | None, device: str, precision: str) -> MaskRCNNParser:
    """Load weights that ``vtonctl train parser.maskrcnn`` wrote.

    Raises ``WeightsMissing`` where there are none and ``InputError`` for a file that is no such.
    """
    if weights is None or not weights.is_file():
        raise WeightsMissing(
            "the parser maskrcnn has no weights"
            + ("." if weights is None else f": {weights} does not exist."),
            hint="None come with the package (88 MB in half precision). Train them: vtonctl train "
            "parser.maskrcnn ROOT --out DIR, then name it: --parser-weights "
            "DIR/parser-maskrcnn.safetensors",
        )
    state, metadata = load_safetensors(weights)
    network = _network(weights, metadata)
    load_into(network, state, weights)
    return MaskRCNNParser(network, device, precision)


def as_network_input(image: Tensor) -> Tensor:
    """uint8 0..255 to float32 0..1, in which the network knows its mean and deviation."""
    return image.float() / 255


def instances_from(found: Mapping[str, Tensor]) -> Instances:
    """What torchvision's Mask R-CNN returns for one image, as arrays in memory."""
    return Instances(
        boxes=found["boxes"].float().cpu().numpy(),
        masks=(found["masks"][:, 0] >= _IN_MASK).cpu().numpy(),
        labels=found["labels"].cpu().numpy(),
        scores=found["scores"].float().cpu().numpy(),
    )


def _network(weights: Path, metadata: Mapping[str, str]) -> MaskRCNN:
    if metadata.get("family") != FAMILY or metadata.get("label_set") != FASHION15.__name__:
        raise _other(weights, f"family {metadata.get('family') or 'not named'!r}")
    try:
        config: dict[str, Any] = bounded(json.loads(metadata["config"]))
        return build_maskrcnn(**config | {"anchor_sizes": tuple(config["anchor_sizes"])})
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise _other(weights, f"config: {error}") from None


def _other(weights: Path, why: str) -> InputError:
    return InputError(
        f"{weights}: no weights of {FAMILY} ({why}).",
        code="wrong_weights",
        hint="Name a file that vtonctl train parser.maskrcnn has written.",
    )


def _certainty(instances: Instances, ids: np.ndarray[Any, Any]) -> float:
    """Mean score of the instances weighted by the pixels that they hold in the map."""
    weights = np.array(
        [
            float((mask & (ids == label)).sum()) if score >= MIN_SCORE else 0.0
            for mask, label, score in zip(
                instances.masks, instances.labels, instances.scores, strict=True
            )
        ]
    )
    return float(np.average(instances.scores, weights=weights)) if weights.sum() else 0.0
