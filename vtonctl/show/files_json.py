"""What stands in the JSON files that the program writes, and in its log: one model for each kind.

The models are there to be published (``docs/json-schema.json``): a field without a default is in
every object of its kind. Files of ``.vtonctl`` are the program's own and not among them.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict

from vtonctl.show.document import Part

Number = float | None
"""None where a figure is no finite number, which JSON does not have."""


class LogProgress(Part):
    """How many items of a stage have ended, and of how many that are to do."""

    ended: int
    planned: int


class LogLine(Part):
    """A line of the log with ``--log-format json``; ``time`` is ISO 8601 in UTC."""

    time: str
    level: Literal["debug", "info", "warning", "error", "critical"]
    logger: str
    process: int
    event: Literal["note", "item", "progress", "ended", "error"]
    message: str
    command: str = ""
    stage: str = ""
    item: str = ""
    status: str = ""
    code: str = ""
    hint: str = ""
    exit_code: int = 0
    seconds: float = 0.0
    counts: dict[str, int] = {}
    progress: dict[str, LogProgress] = {}
    traceback: str = ""


class TargetPose(Part):
    """A pose that was asked for: x, y of 25 joints in a picture of ``size``; null = not seen."""

    size: tuple[int, int]
    joints: tuple[tuple[float, float] | None, ...]


class ResultLine(Part):
    """A line of ``results.jsonl``: a try-on pair; ``code`` to ``hint`` where it is not done."""

    item: str
    person: str
    garment: str
    pose: str
    status: Literal["done", "failed", "blocked", "poison"]
    output: str
    sha256: str
    system: str
    weights: str
    parser: dict[str, Any]
    seed: int | None
    inputs: dict[str, str]
    seconds: float
    score: float
    flags: tuple[str, ...]
    measures: dict[str, Number]
    edited_fraction: Number
    size: tuple[int, int] | None
    target_pose: TargetPose | None = None
    code: str = ""
    message: str = ""
    hint: str = ""


class FrameLine(Part):
    """A line of ``frames.jsonl``: how a stored image was cut out of its photo."""

    item: str
    subject: Literal["person", "garment"]
    source_size: tuple[int, int]
    box: tuple[float, float, float, float]
    size: tuple[int, int]


class SourceLine(Part):
    """A line of ``sources.jsonl``: which file an item was made from."""

    item: str
    subject: Literal["person", "garment"]
    path: str
    sha256: str
    size_bytes: int | None


class PersonPose(Part):
    """A person in a pose file; x, y, confidence of each joint one after the other."""

    person_id: tuple[int]
    pose_keypoints_2d: tuple[float, ...]
    face_keypoints_2d: tuple[float, ...]
    hand_left_keypoints_2d: tuple[float, ...]
    hand_right_keypoints_2d: tuple[float, ...]
    pose_keypoints_3d: tuple[()]
    face_keypoints_3d: tuple[()]
    hand_left_keypoints_3d: tuple[()]
    hand_right_keypoints_3d: tuple[()]


class PoseFile(Part):
    """A pose as OpenPose 1.3 writes it (BODY_25)."""

    version: float
    people: tuple[PersonPose, ...]


class PersonPose18(Part):
    """A person in a pose file of the older form."""

    pose_keypoints: tuple[float, ...]
    face_keypoints: tuple[float, ...]
    hand_left_keypoints: tuple[float, ...]
    hand_right_keypoints: tuple[float, ...]


class PoseFile18(Part):
    """A pose in the older form (COCO-18)."""

    version: float
    people: tuple[PersonPose18, ...]


class TrainingConfig(Part):
    """``config.json`` of a training run: everything that made it what it is."""

    stage: str
    roots: tuple[str, ...]
    seed: int
    epochs: int | None
    steps: int | None
    minutes: float | None
    precision: str
    processes: int
    settings: dict[str, Any]
    loop: dict[str, Any]
    task: dict[str, Any]
    code: str
    torch: str


class TrainingMetrics(Part):
    """A line of ``metrics.jsonl``: losses or figures by name beside these fields."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Number]

    kind: str
    step: int
    epoch: float
    seconds: float


class TrainingResult(Part):
    """``result.json`` of a training run that came to its end; ``step`` is that of the weights."""

    status: Literal["done"]
    step: int
    steps: int
    seconds: float
    figures: dict[str, Number]
    rows: tuple[dict[str, Any], ...]


class AblationRun(Part):
    """An element of the list in ``ablation.json``."""

    variant: str
    settings: dict[str, Any]
    figures: dict[str, Number]
    rows: tuple[dict[str, Any], ...]
    steps: int
    seconds: float


FILES: tuple[type[Part], ...] = (
    AblationRun,
    FrameLine,
    LogLine,
    PoseFile,
    PoseFile18,
    ResultLine,
    SourceLine,
    TrainingConfig,
    TrainingMetrics,
    TrainingResult,
)
