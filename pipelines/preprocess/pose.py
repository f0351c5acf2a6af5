"""The pose of the person in a photo: BODY_25 joints and hands, as OpenPose would give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.body import Body25
from pipelines.errors import ItemError
from pipelines.flags import Flag
from pipelines.layout import Artifact
from pipelines.preprocess.body_joints import to_body25
from pipelines.preprocess.hands import find_hands
from pipelines.preprocess.landmarks import Landmarks
from pipelines.preprocess.people import several_people
from pipelines.preprocess.person_search import search
from pipelines.preprocess.pose_correction import correct
from pipelines.preprocess.pose_flags import certainty, flags
from pipelines.preprocess.pose_image import draw_pose
from pipelines.stage import Outputs
from pipelines.types import Image, Pose, Size

MIN_CERTAINTY = 0.55
"""Below this a person is refused."""

MIN_SIDE = 32
"""Photos smaller than this show nobody worth dressing."""


class PoseStage:
    """IMAGE -> POSE, POSE_IMAGE.

    ``model`` is ``"full"``, ``"lite"`` or ``"heavy"`` (where the installed MediaPipe carries it)
    or the path of a MediaPipe ``.task`` bundle. Items without a person, or with one too uncertain,
    fail as ``no_person`` and ``uncertain_pose``; a missing model raises ``ConfigError``.
    """

    def __init__(self, model: str = "full") -> None:
        self.model = model

    def __call__(self, batch: Sequence[Mapping[Artifact, Any]]) -> list[Outputs | ItemError]:
        """One result per photo, in order."""
        return [self._one(item[Artifact.IMAGE]) for item in batch]

    def _one(self, image: Image) -> Outputs | ItemError:
        try:
            landmarks = find_person(image, self.model)
            pose = pose_of(image, landmarks)
        except ItemError as error:
            return error
        size = Size(*image.shape[:2])
        values = {Artifact.POSE: pose, Artifact.POSE_IMAGE: draw_pose(pose, size)}
        doubts = flags(landmarks, size)
        if several_people(image, pose.body):
            doubts = (*doubts, Flag.SEVERAL_PEOPLE)
        return Outputs(values, doubts, certainty(landmarks))


def find_pose(image: Image, model: str = "full") -> Pose:
    """Joints and hands of the person in ``uint8 [H, W, 3]``, in its pixels.

    Deterministic. Raises ``ItemError`` (``no_person``, ``uncertain_pose``) and ``ConfigError``.
    """
    return pose_of(image, find_person(image, model))


def find_person(image: Image, model: str = "full") -> Landmarks:
    """MediaPipe's landmarks of the most prominent person. Raises as ``find_pose`` does."""
    height, width = image.shape[:2]
    landmarks = search(image, model) if min(height, width) >= MIN_SIDE else None
    if landmarks is None:
        raise ItemError(
            f"no person was found in the photo ({width}x{height} pixels)",
            code="no_person",
            hint="Use a photo that shows one person from head to hips.",
        )
    sure = certainty(landmarks)
    if sure < MIN_CERTAINTY:
        raise ItemError(
            f"the person's pose is too uncertain (certainty {sure:.2f}, "
            f"at least {MIN_CERTAINTY} is needed)",
            code="uncertain_pose",
            hint="Use a photo that shows one person from head to hips, not hidden by anything.",
        )
    return landmarks


def pose_of(image: Image, landmarks: Landmarks) -> Pose:
    """BODY_25 joints and hands for landmarks found on this image.

    Raises ``ItemError`` (``uncertain_pose``) where neither shoulder is in the photo.
    """
    body = to_body25(correct(landmarks), Size(*image.shape[:2]))
    if not (body.seen(Body25.RIGHT_SHOULDER) or body.seen(Body25.LEFT_SHOULDER)):
        raise ItemError(
            "the person's shoulders are outside the photo",
            code="uncertain_pose",
            hint="Use a photo that shows the person from head to hips.",
        )
    left, right = find_hands(image, body)
    return Pose(body, left_hand=left, right_hand=right)
