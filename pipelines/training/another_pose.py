"""A source for a person whom a data set shows once: the same photo with turned limbs.

A network that is to change poses can learn from such pairs: the target is the photo with its real
pose, the source the person articulated. What that can teach is to move limbs and to paint what
comes to light (our choice; the published training data shows each person in several poses).
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from pipelines.body import Body25
from pipelines.mirror_image import mirrored
from pipelines.preprocess.agnostic_shapes import torso_completed
from pipelines.rendering.articulation import articulated
from pipelines.rendering.limbs import Turns
from pipelines.stage import PersonInputs

_RANGES = {"shoulder": (-15.0, 60.0), "elbow": (-60.0, 60.0), "hip": (-3.0, 9.0)}
"""Degrees outwards."""


def drawn_turns(person: PersonInputs, rng: np.random.Generator) -> Turns:
    """Turns as people hold their limbs: arms mostly outwards, legs hardly."""
    joints = torso_completed(person.pose)
    facing = joints[Body25.LEFT_SHOULDER, 0] >= joints[Body25.RIGHT_SHOULDER, 0]
    drawn = {}
    for entry in fields(Turns):
        low, high = _RANGES[entry.name.partition("_")[2]]
        outwards = 1 if entry.name.startswith("right") == facing else -1
        drawn[entry.name] = outwards * float(rng.uniform(low, high))
    return Turns(**drawn)


def another_pose(person: PersonInputs, rng: np.random.Generator) -> PersonInputs:
    """A source for a target: the person with turned limbs, every other time in a mirror.

    Raises ``ItemError`` (``uncertain_pose``).
    """
    turned = articulated(person, drawn_turns(person, rng))
    return mirrored(turned) if rng.random() < 0.5 else turned
