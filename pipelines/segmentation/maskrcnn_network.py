"""Mask R-CNN with a ResNet and a feature pyramid that upsamples plainly or with CARAFE.

He, Gkioxari, Dollar, Girshick: "Mask R-CNN" (ICCV 2017), in torchvision's implementation. With
``neck="carafe"``, 15 classes and ``resnet50`` it is the network of Sarda and Sun, "Clothing
Segmentation for Virtual Try-On" (2021), but for the box losses: torchvision's are smooth L1 with
beta 1/9, the paper's plain L1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import resnet
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool
from torchvision.ops.misc import FrozenBatchNorm2d

from pipelines.downloads import fetch, published_by_torchvision
from pipelines.errors import ConfigError
from pipelines.segmentation.carafe import CarafeFPN

IMAGE_MEAN = (123.675, 116.28, 103.53)
"""Mean of ImageNet's pixels, RGB, 0..255."""

IMAGE_STD = (58.395, 57.12, 57.375)
"""Standard deviation of ImageNet's pixels, RGB, 0..255."""

BACKBONES = ("resnet50", "resnet34", "resnet18")
NECKS = ("fpn", "carafe")
NORMS = ("group", "batch", "frozen")

_STAGES = ("layer4", "layer3", "layer2", "layer1", "conv1")
_PYRAMID_CHANNELS = 256
_RATIOS = (0.5, 1.0, 2.0)
_GROUPS = 32


def build_maskrcnn(
    *,
    neck: str = "carafe",
    backbone: str = "resnet50",
    classes: int = 15,
    norm: str = "group",
    trainable_layers: int = 5,
    min_size: int = 800,
    max_size: int = 1333,
    anchor_sizes: tuple[int, ...] = (32, 64, 128, 256, 512),
    rois_per_image: int = 512,
    proposals: int = 1000,
    detections: int = 100,
) -> MaskRCNN:
    """A network with random weights for ``classes`` classes and a background 0.

    It takes float images ``[3, H, W]`` of any size, RGB in 0..1, and scales them so that the
    short side is ``min_size`` unless the long side would exceed ``max_size``. ``anchor_sizes``
    are in pixels of the scaled image, one per pyramid level from stride 4 to 64. Per image, the
    heads look at ``proposals`` and learn from ``rois_per_image`` of them; at most ``detections``
    are returned.

    ``norm`` is ``group`` (32 groups, also in the pyramid), ``batch`` or ``frozen`` (statistics and
    scales stay as loaded, so it makes sense with pretrained weights alone). A detector sees two
    images at a time, too few for the statistics that ``batch`` wants; Wu and He (2018) and He,
    Girshick and Dollar (2019) train detectors from scratch with ``group``. ``trainable_layers``
    counts the backbone's stages from the last (5 = all). With one seed, both necks start from
    the same weights in all that they share. Raises ``ConfigError`` for unknown names.
    """
    _check("neck", neck, NECKS)
    _check("backbone", backbone, BACKBONES)
    _check("norm", norm, NORMS)
    if not 0 <= trainable_layers <= len(_STAGES):
        raise ConfigError(f"trainable_layers is {trainable_layers}; 0 to {len(_STAGES)} is wanted.")
    layer = _norm_layer(norm)
    body = getattr(resnet, backbone)(
        weights=None, norm_layer=layer, zero_init_residual=norm != "frozen"
    )
    _freeze(body, trainable_layers)
    return MaskRCNN(
        _pyramid(body, neck, layer if norm == "group" else None),
        num_classes=classes + 1,
        min_size=min_size,
        max_size=max_size,
        image_mean=[value / 255 for value in IMAGE_MEAN],
        image_std=[value / 255 for value in IMAGE_STD],
        rpn_anchor_generator=AnchorGenerator(
            tuple((size,) for size in anchor_sizes), (_RATIOS,) * len(anchor_sizes)
        ),
        rpn_pre_nms_top_n_train=2 * proposals,
        rpn_pre_nms_top_n_test=proposals,
        rpn_post_nms_top_n_train=proposals,
        rpn_post_nms_top_n_test=proposals,
        box_batch_size_per_image=rois_per_image,
        box_detections_per_img=detections,
    )


def load_backbone(network: MaskRCNN, state: Mapping[str, Tensor]) -> None:
    """Copy the weights of a ResNet classifier, named as torchvision names them, into the backbone.

    ``fc`` is passed over. Raises ``ConfigError`` for weights of another network.
    """
    body = network.backbone.body
    kept = {name: tensor for name, tensor in state.items() if not name.startswith("fc.")}
    wanted = body.state_dict()
    ignorable = {name for name in kept if name.endswith("num_batches_tracked")}
    missing = sorted(set(wanted) - set(kept))
    surplus = sorted(set(kept) - set(wanted) - ignorable)
    shapes = [n for n in wanted if n in kept and wanted[n].shape != kept[n].shape]
    if missing or surplus or shapes:
        raise ConfigError(
            f"pretrained weights are of another backbone: {len(missing)} tensors missing, "
            f"{len(surplus)} unknown, {len(shapes)} of another shape "
            f"({', '.join((missing + surplus + shapes)[:3])}).",
            code="wrong_weights",
            hint=f"Choose the backbone they belong to: --set backbone={'|'.join(BACKBONES)}.",
        )
    body.load_state_dict({name: kept[name] for name in wanted})


def imagenet_state(backbone: str) -> dict[str, Tensor]:
    """torchvision's ImageNet weights (V1) of a backbone, downloaded unless they are in its cache.

    Raises ``WeightsMissing`` where they cannot be had.
    """
    weights = resnet.__dict__[f"{backbone.replace('resnet', 'ResNet')}_Weights"].IMAGENET1K_V1
    hint = (
        "Download them elsewhere into the folder hub/checkpoints of TORCH_HOME (by default "
        "~/.cache/torch), or train from scratch: --set pretrained=none."
    )
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    cached = fetch(published_by_torchvision(weights.url), folder, hint=hint)
    state: dict[str, Tensor] = torch.load(cached, map_location="cpu", weights_only=True)
    return state


def _check(what: str, found: str, known: tuple[str, ...]) -> None:
    if found not in known:
        raise ConfigError(
            f"unknown {what} {found!r}", code="unknown_name", hint=f"Known: {', '.join(known)}."
        )


def _norm_layer(norm: str) -> Callable[..., nn.Module]:
    if norm == "group":
        return partial(nn.GroupNorm, _GROUPS)
    return nn.BatchNorm2d if norm == "batch" else FrozenBatchNorm2d


def _freeze(body: resnet.ResNet, trainable_layers: int) -> None:
    trained = (*_STAGES[:trainable_layers], *(("bn1",) if trainable_layers == 5 else ()))
    for name, parameter in body.named_parameters():
        parameter.requires_grad_(name.startswith(trained))


def _pyramid(
    body: resnet.ResNet, neck: str, norm_layer: Callable[..., nn.Module] | None
) -> BackboneWithFPN:
    """The stages' outputs at strides 4 to 32 through the neck, and a fifth level by pooling."""
    widths = [body.inplanes // 8 * 2**stage for stage in range(4)]
    made = BackboneWithFPN(
        body,
        {f"layer{stage + 1}": str(stage) for stage in range(4)},
        widths,
        _PYRAMID_CHANNELS,
        norm_layer=norm_layer,
    )
    if neck == "carafe":
        # what both necks have, here and in the heads, starts from the same random weights
        with torch.random.fork_rng(devices=[]):
            carafe = CarafeFPN(widths, _PYRAMID_CHANNELS, LastLevelMaxPool(), norm_layer)
        carafe.load_state_dict(made.fpn.state_dict(), strict=False)
        made.fpn = carafe
    return made
