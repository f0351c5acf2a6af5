"""Figures that need published networks: LPIPS, FID and KID.

They are computed by torchmetrics (extra ``eval``) with the published weights or not at all: a
figure whose weights are not there, or are not those that were published, is left out with the
reason. Nothing is downloaded. The files lie where PyTorch keeps what it downloads:
``$TORCH_HOME/hub/checkpoints``, by default in ``~/.cache/torch``.

- LPIPS (Zhang et al. 2018, AlexNet) at the size of the pictures, RGB in -1..1.
- FID (Heusel et al. 2017) and KID (Binkowski et al. 2018) on 2048 features of torch-fidelity's
  conversion of the original Inception network; pictures are resized to 299x299, antialiased.
"""

from __future__ import annotations

import hashlib
import math
import pickle
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.types import Image

if TYPE_CHECKING:
    from torch import Tensor

Features = NDArray[np.float32]
"""``float32 [N]`` of a picture; N is 2048 for Inception's."""

FEATURES = 2048
KID_SUBSETS, KID_SUBSET = 100, 1000


@dataclass(frozen=True)
class PublishedFile:
    """A file of weights; its name ends in the first digits of its sha256, as PyTorch's do."""

    name: str
    url: str


ALEXNET = PublishedFile(
    "alexnet-owt-7be5be79.pth", "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"
)
INCEPTION = PublishedFile(
    "weights-inception-2015-12-05-6726825d.pth",
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
    "weights-inception-2015-12-05-6726825d.pth",
)


@dataclass(frozen=True, eq=False)
class LearnedMetrics:
    """The networks that are there; ``left_out`` says of each figure that is not, why."""

    lpips: Lpips | None = None
    inception: InceptionFeatures | None = None
    left_out: dict[str, str] = field(default_factory=dict)


def load_learned_metrics() -> LearnedMetrics:
    """Load what there is."""
    missing = {"LPIPS": _trouble(ALEXNET), "FID, KID": _trouble(INCEPTION, "torch_fidelity")}
    return LearnedMetrics(
        lpips=None if missing["LPIPS"] else Lpips(),
        inception=None if missing["FID, KID"] else InceptionFeatures(),
        left_out={figure: reason for figure, reason in missing.items() if reason},
    )


class Lpips:
    """LPIPS with AlexNet."""

    def __init__(self) -> None:
        from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

        # LPIPS's own linear layers come with torchmetrics
        self._metric = LearnedPerceptualImagePatchSimilarity(net_type="alex", normalize=True)

    def __call__(self, result: Image, truth: Image) -> float:
        """The distance of two pictures of one size; 0 for equal ones."""
        value = float(self._metric(_tensor(result) / 255, _tensor(truth) / 255))
        self._metric.reset()
        return value


class InceptionFeatures:
    """The features that FID and KID compare."""

    def __init__(self) -> None:
        from torchmetrics.image.fid import NoTrainInceptionV3

        self._network = NoTrainInceptionV3("inception-v3-compat", [str(FEATURES)])

    def __call__(self, picture: Image) -> Features:
        """Features ``float32 [2048]`` of a picture of any size."""
        import torch

        with torch.inference_mode():
            found: Features = self._network(_tensor(picture))[0].float().numpy()
        return found


def frechet_distance(made: Sequence[Features], true: Sequence[Features]) -> float:
    """FID of two sets of features; NaN for sets of less than two.

    It depends on the number of pictures: only figures of equally many can be compared.
    """
    from torchmetrics.image.fid import FrechetInceptionDistance

    if min(len(made), len(true)) < 2:
        return math.nan
    metric = FrechetInceptionDistance(feature=_as_they_are(len(true[0])))
    return _distance(metric, made, true)


def kernel_distance(made: Sequence[Features], true: Sequence[Features]) -> float:
    """KID of two sets of features, times 1; NaN for sets of less than two.

    The mean over ``KID_SUBSETS`` draws of ``KID_SUBSET`` pictures, or of all where there are less.
    """
    import torch
    from torchmetrics.image.kid import KernelInceptionDistance

    fewest = min(len(made), len(true))
    if fewest < 2:
        return math.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it keeps the features, as we do
        metric = KernelInceptionDistance(
            feature=_as_they_are(len(true[0])),
            subsets=KID_SUBSETS,
            subset_size=min(KID_SUBSET, fewest),
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return _distance(metric, made, true)


def _distance(metric: Any, made: Sequence[Features], true: Sequence[Features]) -> float:
    import torch

    metric.update(torch.from_numpy(np.stack(true)), real=True)
    metric.update(torch.from_numpy(np.stack(made)), real=False)
    value = metric.compute()
    return float(value[0] if isinstance(value, tuple) else value)


def _as_they_are(features: int) -> Any:
    """A network that passes features on: they are computed once for both figures."""
    import torch

    network = torch.nn.Identity()
    network.num_features = features  # type: ignore[assignment]  # torchmetrics asks for it
    return network


def _tensor(picture: Image) -> Tensor:
    import torch

    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None]


def _trouble(file: PublishedFile, package: str = "torchmetrics") -> str:
    """Why the weights of a file cannot be used; empty if they can."""
    if find_spec(package) is None:
        return f"{package} is not installed (pip install 'vtonctl[eval]')"
    path = _hub_folder() / file.name
    try:
        content = path.read_bytes()
    except OSError:
        return f"the weights are not there: {path} (published at {file.url})"
    digits = re.search(r"-([0-9a-f]{8})\.pth$", file.name)
    if digits is None or not hashlib.sha256(content).hexdigest().startswith(digits[1]):
        return f"{path} is not the published file (its sha256 is another); remove it"
    return "" if _holds_tensors_alone(path) else f"{path} holds more than tensors; remove it"


def _holds_tensors_alone(path: Path) -> bool:
    import torch

    try:
        torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError):
        return False
    return True


def _hub_folder() -> Path:
    import torch

    return Path(torch.hub.get_dir(), "checkpoints")
