"""Reasons why a human should look at a result, in words; imports no array library."""

from __future__ import annotations

from enum import Enum


class Flag(str, Enum):
    """One doubt about a pose, a parse, a mask or a try-on picture; ``value`` is the stable code."""

    UNCERTAIN_POSE = "uncertain_pose"
    BACK_VIEW = "back_view"
    SIDE_VIEW = "side_view"
    ARMS_CROSSED = "arms_crossed"
    TORSO_CUT_OFF = "torso_cut_off"
    SEVERAL_PEOPLE = "several_people"
    UNCERTAIN_PARSE = "uncertain_parse"
    UNCERTAIN_GARMENT_MASK = "uncertain_garment_mask"
    GARMENT_CUT_OFF = "garment_cut_off"
    GARMENT_IS_NOT_A_TOP = "garment_is_not_a_top"
    STRONG_WARP = "strong_warp"
    OLD_GARMENT_LEFT = "old_garment_left"
    LOW_RESOLUTION = "low_resolution"
    POSE_NOT_REACHED = "pose_not_reached"

    @property
    def sentence(self) -> str:
        """The flag in words, for reports."""
        return _SENTENCES[self]


_SENTENCES = {
    Flag.UNCERTAIN_POSE: "the pose is uncertain",
    Flag.BACK_VIEW: "back view",
    Flag.SIDE_VIEW: "side view",
    Flag.ARMS_CROSSED: "arms crossed in front of the body",
    Flag.TORSO_CUT_OFF: "the torso is cut off by the edge of the photo",
    Flag.SEVERAL_PEOPLE: "several people in the photo",
    Flag.UNCERTAIN_PARSE: "body parts are uncertain",
    Flag.UNCERTAIN_GARMENT_MASK: "the garment's outline is uncertain",
    Flag.GARMENT_CUT_OFF: "garment cut off by the edge of its photo",
    Flag.GARMENT_IS_NOT_A_TOP: "the garment does not look like a top",
    Flag.STRONG_WARP: "the garment is strongly distorted",
    Flag.OLD_GARMENT_LEFT: "parts of the old garment remain",
    Flag.LOW_RESOLUTION: "low resolution",
    Flag.POSE_NOT_REACHED: "the pose that was asked for is not reached",
}
