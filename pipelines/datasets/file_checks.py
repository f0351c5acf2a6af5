"""What can be wrong with one file of a data set, judged from its bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from pipelines import pose_json
from pipelines.body import BODY25_TO_COCO18, Body25
from pipelines.codecs import open_picture
from pipelines.datasets.findings import Finding, Severity
from pipelines.errors import ItemError
from pipelines.labels import Labels
from pipelines.layout import Encoding
from pipelines.types import Size

_NEEDED_JOINTS = (
    Body25.NECK,
    Body25.RIGHT_SHOULDER,
    Body25.LEFT_SHOULDER,
    Body25.RIGHT_HIP,
    Body25.LEFT_HIP,
)
_POSES = (Encoding.POSE_BODY25_JSON, Encoding.POSE_COCO18_JSON)
_LABELS = (Encoding.LABELS_PALETTE_PNG, Encoding.LABELS_GRAY_PNG)
_MASKS = (Encoding.MASK_JPEG, Encoding.MASK_PNG)
_FILE_FORMAT = {Encoding.RGB_JPEG: "JPEG", Encoding.MASK_JPEG: "JPEG", Encoding.RGB_WEBP: "WEBP"}
_GRAY_SHARE = 0.02  # published masks have under 0.0002 between 32 and 223
_ORIENTATION_TAG = 0x0112


def check_file(
    path: Path, encoding: Encoding, labels: type[Labels]
) -> tuple[list[Finding], Size | None]:
    """The findings of one file and, for a picture that can be read, its size."""
    try:
        data = path.read_bytes()
        if not data:
            return [_error(path, "empty", "the file is empty (0 bytes)", "Copy or make it again.")
                    ], None  # fmt: skip
        if encoding in _POSES:
            return list(_check_pose(path, data, encoding)), None
        picture = open_picture(data, path.name)
    except OSError as error:
        return [_error(path, "unreadable", f"cannot be read: {error.strerror}")], None
    except ItemError as error:
        return [Finding(path, error.code, error.message, error.hint)], None
    return list(_check_picture(path, picture, encoding, labels)), Size(*picture.size[::-1])


def _check_picture(
    path: Path, picture: PillowImage.Image, encoding: Encoding, labels: type[Labels]
) -> Iterator[Finding]:
    wanted = _FILE_FORMAT.get(encoding, "PNG")
    if encoding in _LABELS and picture.format != "PNG":
        yield _error(
            path,
            "file_format",
            f"a {picture.format} file; label ids survive only in PNG",
            "Make the label map again.",
        )
    elif picture.format != wanted:
        yield _warning(
            path, "file_format", f"the content is {picture.format}, the name says {wanted}"
        )
    if encoding in _LABELS:
        yield from _check_labels(path, picture, encoding, labels)
    elif encoding in _MASKS:
        yield from _check_mask(path, picture)
    else:
        yield from _check_rgb(path, picture)


def _check_rgb(path: Path, picture: PillowImage.Image) -> Iterator[Finding]:
    if picture.mode != "RGB":
        yield _error(
            path,
            "image_mode",
            f"mode {picture.mode} where RGB is wanted",
            "Save it as an 8-bit RGB picture.",
        )
    turn = picture.getexif().get(_ORIENTATION_TAG, 1)
    if turn not in (0, 1):
        yield _error(
            path,
            "exif_orientation",
            f"EXIF orientation {turn}: the stored picture is turned, and readers do not turn it",
            "Store it upright without EXIF (vtonctl preprocess does).",
        )


def _check_labels(
    path: Path, picture: PillowImage.Image, encoding: Encoding, labels: type[Labels]
) -> Iterator[Finding]:
    if picture.mode not in ("P", "L"):
        yield _error(
            path,
            "parse_mode",
            f"mode {picture.mode}; a label map has one id per pixel in mode P or L",
            "Write the ids, not their colours.",
        )
        return
    if encoding is Encoding.LABELS_GRAY_PNG and picture.mode == "P":
        yield _error(
            path,
            "parse_mode",
            "mode P where L is wanted: published readers would turn ids into brightness",
            "vtonctl convert writes mode L.",
        )
    present = np.flatnonzero(np.bincount(np.asarray(picture).ravel(), minlength=256))
    strange = sorted({int(i) for i in present} - {int(label) for label in labels})
    if strange:
        shown = ", ".join(map(str, strange[:8])) + (" ..." if len(strange) > 8 else "")
        yield _error(
            path,
            "parse_ids",
            f"ids {shown} are not in {labels.__name__} (0..{max(labels)})",
            "Check the label set; vtonctl convert moves maps between sets.",
        )
    elif present.tolist() == [0]:
        yield _warning(path, "parse_blank", "nothing but background", "Make it again.")


def _check_mask(path: Path, picture: PillowImage.Image) -> Iterator[Finding]:
    if picture.mode not in ("L", "1"):
        yield _warning(path, "mask_mode", f"mode {picture.mode} where L is wanted")
    gray: NDArray[np.uint8] = np.asarray(picture.convert("L"))
    between = float(((gray > 31) & (gray < 224)).mean())
    if gray.max() == 1:
        yield _error(
            path, "mask_values", "holds 0 and 1 where 0 and 255 are wanted", "Multiply it by 255."
        )
    elif between > _GRAY_SHARE:
        yield _error(
            path,
            "mask_values",
            f"{between:.1%} of the pixels are neither black nor white",
            "A mask holds 0 and 255; make it again.",
        )
    elif not (gray >= 128).any():
        yield _error(path, "mask_blank", "nothing is set in this mask", "Make it again.")
    else:
        border = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]]) >= 128
        if border.mean() > 0.9:
            yield _warning(
                path,
                "mask_border",
                "almost the whole border is set: black and white swapped, or the background kept",
                "Look at it; the garment is white.",
            )


def _check_pose(path: Path, data: bytes, encoding: Encoding) -> Iterator[Finding]:
    found = pose_json.people(data, path.name)
    numbers = pose_json.body_numbers(found[0], path.name)
    pose = pose_json.decode_pose(data, path.name)
    if len(found) > 1:
        yield _warning(path, "several_people", f"{len(found)} people; only the first is used")
    wanted = 75 if encoding is Encoding.POSE_BODY25_JSON else 54
    if len(numbers) != wanted:
        order = {54: "COCO-18 (54 numbers)", 75: "BODY_25 (75 numbers)"}
        yield _warning(
            path,
            "pose_order",
            f"{order[len(numbers)]} where {order[wanted]} is wanted: vtonctl reads it, published "
            "code takes hips for knees",
            "vtonctl convert writes the right order.",
        )
    elif joints_misplaced(np.array(numbers, dtype=np.float64).reshape(-1, 3)):
        yield _error(
            path,
            "pose_order",
            "hips and knees are swapped: joints in the order of the other skeleton "
            "(BODY_25 and COCO-18 differ from joint 8 on)",
            "Reorder the joints, or make the pose again.",
        )
    missing = [joint.name.lower() for joint in _NEEDED_JOINTS if not pose.body.seen(joint)]
    if missing:
        yield _warning(
            path, "joints_missing", f"not seen: {', '.join(missing)}", "Results may suffer."
        )


def joints_misplaced(joints: NDArray[np.float64]) -> bool:
    """Whether rows (x, y, score) of 25 or 18 joints lie as in the skeleton of the other length.

    In BODY_25 joints 9 and 12 (hips) are beside joint 8 (mid-hip), and joint 14 is an ankle. In
    COCO-18 9 and 12 are knees, below joints 8 and 11 (hips), and joint 14 is an eye, beside the
    nose; in a BODY_25 list cut to 18 joints 9 and 12 are beside joint 8, and joint 11 (an ankle)
    is not.
    """

    def distance(a: int, b: int) -> float | None:
        both = joints[a, 2] > 0 and joints[b, 2] > 0
        return float(np.hypot(*(joints[a, :2] - joints[b, :2]))) if both else None

    if len(joints) == len(Body25):
        face, ankle = distance(0, 1), distance(0, 14)
        if face is not None and ankle is not None and ankle < face:
            return True
    torso, right, left = distance(1, 8), distance(8, 9), distance(8, 12)
    if not torso or right is None or left is None:
        return False
    if len(joints) == len(BODY25_TO_COCO18):
        other_hip = distance(8, 11)
        return max(right, left) < 0.35 * torso and (other_hip is None or other_hip > 0.6 * torso)
    lower = min(joints[9, 1], joints[12, 1]) > joints[8, 1]
    return bool(min(right, left) > 0.45 * torso and lower)


def seen_outside(data: bytes, name: str, size: Size) -> float:
    """Share of a pose file's seen joints that lie outside an image of this size, 0..1."""
    joints = pose_json.decode_pose(data, name).body
    xy = joints.xy[joints.score > 0]
    slack = 0.1 * np.array([size.width, size.height])
    inside = (xy >= -slack) & (xy <= np.array([size.width, size.height]) + slack)
    return 1 - float(inside.all(axis=1).mean())


def _error(path: Path, code: str, what: str, hint: str = "") -> Finding:
    return Finding(path, code, f"{path.name}: {what}.", hint)


def _warning(path: Path, code: str, what: str, hint: str = "") -> Finding:
    return Finding(path, code, f"{path.name}: {what}.", hint, Severity.WARNING)
