"""Small, fast stages and a try-on system that behave badly on request.

A photo of a plain colour asks the pose stage for trouble: see ``TROUBLE``.
"""

import os
import time
from dataclasses import replace

import numpy as np

from pipelines import registry
from pipelines.errors import ItemError
from pipelines.flags import Flag
from pipelines.labels import LIP20
from pipelines.layout import Artifact
from pipelines.stage import Outputs, TryOnResult
from pipelines.types import Keypoints, ParseMap, Pose

TROUBLE = {
    "die": (255, 0, 0),
    "hang": (0, 255, 0),
    "refuse": (0, 0, 255),
    "bug": (255, 255, 0),
}
SIZE = (32, 24)
HANG_S = 60.0


def trouble_of(image):
    colour = np.asarray(image, float).mean((0, 1))
    for name, wanted in TROUBLE.items():
        if np.abs(colour - wanted).max() < 12:
            return name
    return ""


def pause():
    time.sleep(float(os.environ.get("FAKE_STAGE_S", "0")))


class Stage:
    def __init__(self, **params):
        self.params = params

    def __call__(self, batch):
        pause()
        made = []
        for values in batch:
            try:
                made.append(self.make(values))
            except ItemError as error:
                made.append(error)
        return made


class Frame(Stage):
    output = Artifact.IMAGE

    def make(self, values):
        photo = values[Artifact.SOURCE]
        height, width = self.params["size"]
        rows = np.linspace(0, photo.shape[0] - 1, height).astype(int)
        columns = np.linspace(0, photo.shape[1] - 1, width).astype(int)
        frame = {
            "source_size": list(photo.shape[:2]),
            "box": [0.0, 0.0, float(photo.shape[1]), float(photo.shape[0])],
            "size": [height, width],
        }
        return Outputs({self.output: photo[rows][:, columns].copy()}, record={"frame": frame})


class GarmentFrame(Frame):
    output = Artifact.CLOTH


class PoseStage(Stage):
    def make(self, values):
        image = values[Artifact.IMAGE]
        trouble = trouble_of(image)
        if trouble == "die":
            os._exit(7)
        if trouble == "hang":
            time.sleep(HANG_S)
        if trouble == "refuse":
            raise ItemError("no person found", code="no_person", hint="Take another photo.")
        if trouble == "bug":
            raise ZeroDivisionError("a fault of the program")
        xy = np.zeros((25, 2), np.float32)
        xy[:, 0] = image[:25, 0, 0] % 24
        body = Keypoints(xy, np.full(25, 0.5, np.float32))
        flags = (Flag.SIDE_VIEW,) if image[0, 0, 0] > 250 else ()
        drawn = 255 - image
        return Outputs({Artifact.POSE: Pose(body), Artifact.POSE_IMAGE: drawn}, flags, 0.75)


class ParseStage(Stage):
    def make(self, values):
        ids = (values[Artifact.IMAGE][:, :, 0] // 16).astype(np.uint8)
        return Outputs({Artifact.PARSE: ParseMap(ids, LIP20)})


class AgnosticStage(Stage):
    def make(self, values):
        parse, image = values[Artifact.PARSE], values[Artifact.IMAGE].copy()
        mask = parse.ids > 8
        image[mask] = 128
        return Outputs(
            {
                Artifact.PARSE_AGNOSTIC: ParseMap(np.where(mask, 0, parse.ids), LIP20),
                Artifact.AGNOSTIC: image,
                Artifact.AGNOSTIC_MASK: mask,
            }
        )


class ClothMaskStage(Stage):
    def make(self, values):
        return Outputs({Artifact.CLOTH_MASK: values[Artifact.CLOTH][:, :, 0] > 100})


class TryOn:
    """Mixes person and garment; the seed goes into the first pixel."""

    def prepare_person(self, person):
        return person

    def prepare_garment(self, garment):
        if trouble_of(garment.image) == "refuse":
            raise ItemError("not a garment", code="no_garment")
        return garment

    def dress(self, person, garment, *, seed, save_stages=False):
        pause()
        if trouble_of(garment.image) == "die":
            os._exit(7)
        image = person.image.copy()
        edited = np.zeros(image.shape[:2], np.float32)
        edited[8:16, 8:16] = 1
        image[8:16, 8:16] = garment.image[8:16, 8:16] // 2 + seed % 100
        stages = {"warp": garment.image, "parse": person.parse} if save_stages else {}
        return TryOnResult(image, edited, 0.9, measures={"warp": 0.1}, stages=stages)


class PosedTryOn(TryOn):
    """Writes the place of the nose into the second pixel, and tells the joints."""

    def prepare_pose(self, person, pose):
        if not pose.body.seen(1):
            raise ItemError("the pose has no neck", code="uncertain_pose")
        return pose

    def dress_posed(self, person, garment, pose, *, seed, save_stages=False):
        made = self.dress(person, garment, seed=seed, save_stages=save_stages)
        image = made.image.copy()
        image[20:24, 0:8] = np.uint8(pose.body.xy[0].sum() % 256)
        edited = made.edited.copy()
        edited[20:24, 0:8] = 1
        return replace(made, image=image, edited=edited, pose=pose.body)


CLASSES = {
    "frame": "Frame",
    "pose": "PoseStage",
    "parse": "ParseStage",
    "agnostic": "AgnosticStage",
    "garment-frame": "GarmentFrame",
    "cloth-mask": "ClothMaskStage",
}


def fake_stages():
    """Name -> (info, target), as in the registry."""
    return {
        name: (registry.STAGES[name][0], f"{__name__}:{class_name}")
        for name, class_name in CLASSES.items()
    }


def fake_system():
    info, _ = registry.SYSTEMS["geometric"]
    return replace(info, name="fake"), f"{__name__}:TryOn"


def fake_posed_system():
    info, _ = registry.SYSTEMS["geometric"]
    return replace(info, name="fake-posed", poses=True), f"{__name__}:PosedTryOn"


def register():
    """Put the fakes into the registry of this process."""
    registry.STAGES.update(fake_stages())
    registry.SYSTEMS["fake-posed"] = fake_posed_system()
    registry.SYSTEMS["fake"] = fake_system()
