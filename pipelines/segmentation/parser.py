"""The parser ``ours``: a compact network that sees photo and pose, at any size of photo."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipelines import device as devices
from pipelines.errors import InputError, ItemError
from pipelines.flags import Flag
from pipelines.labels import LIP20, LIP20_TOPS, mirror_table
from pipelines.networks.pose_maps import mirrored_joints
from pipelines.preprocess.parsing import ParsedPerson, Parser
from pipelines.segmentation.parser_edges import label_photo
from pipelines.segmentation.parser_frame import cut, framed_joints, padded, parser_frame, torso_px
from pipelines.segmentation.parser_network import parser_logits, read_parser
from pipelines.types import Image, ParseMap, Pose, Size

UNCERTAIN_BELOW = 0.35
"""Parses with a lower score are flagged."""

ISLAND = 0.006
"""A piece of a label that is smaller than this share of the squared torso length is a mistake,
unless it is the label's largest."""

SECOND_LOOK_PX = 64_000
"""Up to this size, which is that of published data sets at 256x192, the network looks twice: the
second time at the mirrored and magnified photo. Larger photos would cost too much."""

MAGNIFIED = 1.25
"""How much larger the photo is at the second look."""


def load_parser(*, weights: Path | None, device: str, precision: str) -> Parser:
    """This parser, as ``pipelines.preprocess.parsing.ParserFactory``."""
    if weights is None:
        raise InputError(
            "the parser 'ours' needs weights.",
            code="no_weights",
            hint="See: vtonctl weights list",
        )
    return OurParser(weights, device, precision)


class OurParser:
    """A network with its weights on a device."""

    def __init__(self, weights: Path, device: str, precision: str) -> None:
        network, config, _ = read_parser(weights)
        self._device, self._precision = devices.torch_device(device), precision
        self._sees_pose = config.pose
        placed = network.eval().requires_grad_(False).to(self._device)
        self._network = placed.to(memory_format=torch.channels_last)

    def __call__(self, image: Image, pose: Pose, /) -> ParsedPerson:
        """LIP20 ids of the image's size for the person of ``pose``.

        The score is 1 for no doubt. Raises ``ItemError`` (``uncertain_pose``) when both shoulders
        are missing.
        """
        if not pose.body.score[[2, 5]].any():
            raise ItemError(
                "both shoulders are missing in the pose; the body cannot be parsed.",
                code="uncertain_pose",
                hint="Use a photo that shows the upper body.",
            )
        frame = parser_frame(Size(*image.shape[:2]), pose)
        part = cut(image, frame)
        shape = (frame.size.width, frame.size.height)
        small = cv2.resize(part, shape, interpolation=cv2.INTER_AREA)
        beliefs = self._beliefs(np.asarray(small, np.uint8), framed_joints(pose, frame))
        area = ISLAND * (torso_px(pose) * frame.scale_xy[1]) ** 2
        beliefs = without_islands(beliefs, round(area))
        ids = np.zeros(image.shape[:2], np.uint8)
        left, top, right, bottom = frame.box
        ids[top:bottom, left:right] = label_photo(part, beliefs)
        score = confidence(beliefs)
        flags = (Flag.UNCERTAIN_PARSE,) if score < UNCERTAIN_BELOW else ()
        return ParsedPerson(ParseMap(ids, LIP20), score, flags)

    def _beliefs(self, small: Image, joints: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probability of each label, ``float32 [20, h, w]``."""
        beliefs = self._look(small, torch.from_numpy(joints)[None])
        if small.shape[0] * small.shape[1] > SECOND_LOOK_PX:
            return beliefs
        return (beliefs + self._second_look(small, joints)) / 2

    def _look(self, photo: Image, joints: Tensor) -> NDArray[np.float32]:
        height, width = photo.shape[:2]
        shown = torch.from_numpy(padded(photo)).to(self._device).permute(2, 0, 1)[None] / 255
        shown = shown.contiguous(memory_format=torch.channels_last)
        points = joints.to(self._device) if self._sees_pose else None
        with torch.inference_mode(), devices.autocast(self._device, self._precision):
            logits = parser_logits(self._network, shown, points)[0, :, :height, :width]
            return logits.float().softmax(0).cpu().numpy()

    def _second_look(self, small: Image, joints: NDArray[np.float32]) -> NDArray[np.float32]:
        """At the photo's magnified mirror image; what is found is brought back to the photo."""
        height, width = small.shape[:2]
        shape = (round(width * MAGNIFIED), round(height * MAGNIFIED))
        large = np.asarray(cv2.resize(small, shape, interpolation=cv2.INTER_LINEAR), np.uint8)
        there, seen_joints = joints.copy(), joints[:, 2] > 0
        there[seen_joints, :2] = (joints[seen_joints, :2] + 0.5) * MAGNIFIED - 0.5
        mirrored = mirrored_joints(torch.from_numpy(there)[None], shape[0])
        seen = self._look(large[:, ::-1], mirrored)[list(mirror_table(LIP20).values()), :, ::-1]
        fitted = [
            cv2.resize(np.ascontiguousarray(each), (width, height), interpolation=cv2.INTER_LINEAR)
            for each in seen
        ]
        return np.stack(fitted).astype(np.float32, copy=False)


def without_islands(beliefs: NDArray[np.float32], area: int) -> NDArray[np.float32]:
    """Take the belief from small pieces of a label that lie apart from its largest.

    ``beliefs`` is ``float32 [K, h, w]``; pieces of less than ``area`` pixels go to their second
    best label, and what is left is brought to a sum of 1. Small holes in the person close in the
    same way: they are pieces of background.
    """
    ids = beliefs.argmax(0).astype(np.uint8)
    taken = np.zeros(ids.shape, bool)
    for label in np.unique(ids):
        count, pieces, stats, _ = cv2.connectedComponentsWithStats(
            (ids == label).astype(np.uint8), connectivity=8
        )
        sizes = stats[1:, cv2.CC_STAT_AREA]
        if count <= 2:
            continue
        small = 1 + np.flatnonzero((sizes < area) & (sizes < sizes.max()))
        taken |= np.isin(pieces, small)
    if not taken.any():
        return beliefs
    made = beliefs.copy()
    here = made[:, taken]
    here[ids[taken], np.arange(here.shape[1])] = 0
    made[:, taken] = here / np.maximum(here.sum(0), 1e-6)
    return made


def confidence(beliefs: NDArray[np.float32]) -> float:
    """How sure the labels of the person are, 0..1, and whether there are clothes and a head."""
    best = beliefs.max(0)
    ids = beliefs.argmax(0)
    person = ids > 0
    if not person.any():
        return 0.0
    sure = float(best[person].mean())
    clothed = float(np.isin(ids, LIP20_TOPS)[person].mean())
    return float(np.clip((sure - 0.5) / 0.4, 0, 1) * np.clip(clothed / 0.12, 0, 1))
