"""What ``parser.yolo`` can be told; imports no array library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.training.request import TrainerInfo

NOTICE = (
    "ultralytics is licensed under AGPL-3.0, and its owner holds that models trained with it are "
    "too; for other uses it sells licences (https://ultralytics.com/license)."
)

DATA_SETTINGS: Mapping[str, Any] = {
    "layout": "auto",
    "train": "train",
    "val": "val",
    "photos": 0,
    "mirror": True,
}
"""What is written as a data set: the layout of the roots, the splits that are trained on and
judged on, at most this many photos of the first (0 = all), and whether mirrored copies join it."""

MODEL_SETTINGS: Mapping[str, Any] = {
    "model": "yolov8n-seg.yaml",
    "imgsz": 640,
    "batch": 16,
    "workers": 8,
    "patience": 100,
    "optimizer": "auto",
    "lr0": 0.01,
    "lrf": 0.01,
    "momentum": 0.937,
    "weight_decay": 0.0005,
    "warmup_epochs": 3.0,
    "cos_lr": False,
    "nbs": 64,
    "freeze": 0,
    "cache": False,
    "mosaic": 1.0,
    "close_mosaic": 10,
    "scale": 0.5,
    "translate": 0.1,
    "degrees": 0.0,
    "hsv_h": 0.015,
    "hsv_s": 0.7,
    "hsv_v": 0.4,
    "mask_ratio": 4,
    "box": 7.5,
    "cls": 0.5,
    "dfl": 1.5,
    "plots": True,
}
"""Settings of ultralytics under its own names, with its own defaults."""

FIXED_SETTINGS: Mapping[str, Any] = {
    # these mirror photos without exchanging left and right; mirrored copies are data instead
    "fliplr": 0.0,
    "copy_paste": 0.0,
    # a person stands upright, and one class for all parts is no parser
    "flipud": 0.0,
    "single_cls": False,
}
"""Settings of ultralytics that cannot be changed here, because the labels would become wrong."""

EPOCHS = 100

PARSER_YOLO = TrainerInfo(
    name="parser.yolo",
    summary="YOLO instance segmentation of 8 body parts, by ultralytics (AGPL-3.0)",
    inputs=("image", "parse"),
    defaults={**MODEL_SETTINGS, **DATA_SETTINGS},
    needs_extra="yolo",
)
