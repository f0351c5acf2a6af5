"""Any try-on system, for people in other poses: their photo is articulated, then dressed.

Head, background and whatever the new pose leaves where it was stay the photo's, and the system
paints the person in the pose as it paints everybody (our choice).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipelines.body import Body25
from pipelines.errors import ItemError
from pipelines.flags import Flag
from pipelines.preprocess.agnostic_shapes import torso_completed
from pipelines.preprocess.pose_placement import placed, torso_length
from pipelines.rendering.articulation import articulated
from pipelines.rendering.label_repair import repaired_labels
from pipelines.rendering.limbs import turns_between
from pipelines.stage import GarmentInputs, PersonInputs, TryOnResult, TryOnSystem
from pipelines.types import Image, Keypoints, Pose

_ENDS = (
    Body25.RIGHT_ELBOW, Body25.RIGHT_WRIST, Body25.LEFT_ELBOW, Body25.LEFT_WRIST,
    Body25.RIGHT_KNEE, Body25.RIGHT_ANKLE, Body25.LEFT_KNEE, Body25.LEFT_ANKLE,
)  # fmt: skip
_FAR = 0.4
"""Distance of a joint from where it was wanted, in torso lengths, that a person should look at."""
_FRONTAL = 0.3
"""Width of shoulders, in torso lengths, from which on they tell the side that a body shows."""


@dataclass(frozen=True, eq=False)
class ReposedPerson:
    """A person in a pose: what the system ``known`` of them, their photo as it was, where their
    joints are, and how far the farthest is from where it was wanted, in torso lengths.
    """  # noqa: D205 - one sentence

    known: Any
    photo: Image
    body: Keypoints
    distance: float = 0.0


class Reposing:
    """A ``PosedTryOnSystem`` made of a system that shows people in their own pose only."""

    def __init__(self, system: TryOnSystem) -> None:
        self.system = system

    def prepare_person(self, person: PersonInputs) -> PersonInputs:
        """The person, of whom nothing is known before there is a pose."""
        return person

    def prepare_garment(self, garment: GarmentInputs) -> Any:
        """As the system does. Raises ``ItemError``."""
        return self.system.prepare_garment(garment)

    def prepare_pose(self, person: PersonInputs, pose: Pose | None) -> ReposedPerson:
        """The person in a pose (None: their own), with their own proportions.

        Limbs turn; a body that leans or looks elsewhere does not. Raises ``ItemError``
        (``uncertain_pose``) for a pose of too few joints, or one of a body's other side.
        """
        if pose is None:
            return ReposedPerson(self.system.prepare_person(person), person.image, person.pose.body)
        target = placed(pose, person.pose)
        if _side(target) * _side(person.pose) < 0:
            raise ItemError(
                "the target pose shows the other side of the body than the photo does",
                code="uncertain_pose",
                hint="Give a pose of somebody who is seen from the same side as the person.",
            )
        clean = replace(person, parse=repaired_labels(person))
        shown = articulated(clean, turns_between(person.pose.body, target.body))
        return ReposedPerson(
            self.system.prepare_person(shown),
            person.image,
            shown.pose.body,
            _distance(shown.pose, target),
        )

    def dress(
        self, person: PersonInputs, garment: Any, *, seed: int, save_stages: bool = False
    ) -> TryOnResult:
        """Dress a person in their own pose."""
        pose = self.prepare_pose(person, None)
        return self.dress_posed(person, garment, pose, seed=seed, save_stages=save_stages)

    def dress_posed(
        self,
        person: PersonInputs,
        garment: Any,
        pose: ReposedPerson,
        *,
        seed: int,
        save_stages: bool = False,
    ) -> TryOnResult:
        """Dress a person in a pose."""
        del person
        made = self.system.dress(pose.known, garment, seed=seed, save_stages=save_stages)
        as_photo = (made.image == pose.photo).all(-1)
        # what the articulation changed is changed altogether, what the system did by its share
        edited = np.where(made.edited > 0, made.edited, np.float32(1))
        far = (Flag.POSE_NOT_REACHED,) if pose.distance > _FAR else ()
        return replace(
            made,
            edited=np.where(as_photo, np.float32(0), edited).astype(np.float32),
            flags=(*made.flags, *far),
            measures={**made.measures, "pose_distance": pose.distance},
            pose=pose.body,
        )


def _side(pose: Pose) -> float:
    """1 for a body seen from the front, -1 from behind, 0 where its shoulders do not tell."""
    joints = torso_completed(pose)
    across = float(joints[Body25.LEFT_SHOULDER, 0] - joints[Body25.RIGHT_SHOULDER, 0])
    return float(np.sign(across)) if abs(across) > _FRONTAL * torso_length(joints) else 0.0


def _distance(shown: Pose, target: Pose) -> float:
    """Largest distance of joints of limbs that both have, in torso lengths."""
    both = [joint for joint in _ENDS if shown.body.seen(joint) and target.body.seen(joint)]
    if not both:
        return 0.0
    apart = np.linalg.norm(shown.body.xy[both] - target.body.xy[both], axis=1)
    return float(apart.max()) / torso_length(torso_completed(shown))
