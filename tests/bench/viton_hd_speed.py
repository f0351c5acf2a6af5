"""Time and memory of VITON-HD: the published chain against ours, and compact networks.

    python tests/bench/viton_hd_speed.py [--threads 2] [--repeat 2] [--modes published,ours-bf16]
        [--weights SEG.safetensors GMM.safetensors ALIAS.safetensors]

Modes: ``published`` (``parity=True``), ``ours-fp32`` and ``ours-bf16`` run the networks of the
published size at 1024x768 with random weights. ``compact`` runs the whole system on a photo of
1024x768, with the files of ``--weights`` or else small random networks at 256x192. Each mode runs
in a process of its own, one after the other, on the same drawn person and garment.

Random networks predict confetti, which no real pair looks like; so the layout is predicted, in
full, and then replaced by the person's own. Printed are seconds of a pair by the clock and of
processor time (which other work on the machine changes less), the best of ``--repeat``, without
what is done once for a person or a garment, that by itself, and the peak of resident memory.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from pipelines.checkpoint_files import read_metadata
from pipelines.labels import LIP20, VITONHD13
from pipelines.networks.pictures import one_hot, resized
from pipelines.relabel import relabel
from pipelines.stage import GarmentInputs, PersonInputs
from pipelines.systems.viton_hd.chain import ChainGarment, ChainPerson, Layout, TryOnChain
from pipelines.systems.viton_hd.chain_steps import smoothed_maps
from pipelines.systems.viton_hd.config import (
    ALIASConfig,
    ConditionsConfig,
    GMMConfig,
    SegConfig,
)
from pipelines.systems.viton_hd.tryon import VitonHDTryOn
from pipelines.systems.viton_hd.weights import Networks, build_network
from pipelines.types import Keypoints, ParseMap, Pose, Size

MODES = ("published", "ours-fp32", "ours-bf16", "compact")
SMALL = ConditionsConfig(size_hw=(256, 192), pose_points="body")
COMPACT = (
    SegConfig(width=20, conditions=SMALL),
    GMMConfig(width=24, conditions=SMALL),
    ALIASConfig(width=20, upsampling="more", hidden=48, conditions=SMALL),
)
JOINTS = {0: (384, 160), 1: (384, 312), 2: (272, 320), 3: (216, 488), 4: (200, 640), 5: (496, 320),
          6: (552, 488), 7: (568, 640), 8: (384, 664), 9: (312, 664), 12: (456, 664)}  # fmt: skip


class KnownLayout(TryOnChain):
    """Predicts a layout as ever, and goes on with one that is known."""

    known: torch.Tensor

    def layout(self, person: ChainPerson, garment: ChainGarment, **options: object) -> Layout:
        """The known layout, after the work of predicting one."""
        super().layout(person, garment, **options)  # type: ignore[arg-type]
        return Layout(self.known, self.known[0].argmax(0))


def draw() -> tuple[PersonInputs, GarmentInputs]:
    """A person 1024x768 with bare arms, and a striped garment."""
    rng = np.random.default_rng(0)
    photo = rng.integers(215, 235, (1024, 768, 3), np.uint8)
    ids = np.zeros((1024, 768), np.uint8)

    def part(label: LIP20, colour: tuple[int, int, int], points: list[tuple[int, int]]) -> None:
        corners = [np.array(points, np.int32)]
        cv2.fillPoly(photo, corners, colour)
        cv2.fillPoly(ids, corners, int(label))

    skin = (214, 170, 146)
    part(LIP20.HAIR, (60, 40, 30), [(290, 90), (478, 90), (490, 300), (278, 300)])
    part(LIP20.FACE, skin, [(320, 110), (448, 110), (440, 250), (384, 290), (328, 250)])
    part(LIP20.PANTS, (40, 45, 90), [(290, 640), (478, 640), (500, 1023), (268, 1023)])
    part(LIP20.UPPER, (20, 150, 60), [(330, 300), (438, 300), (512, 320), (476, 440), (484, 690),
                                      (284, 690), (292, 440), (256, 320)])  # fmt: skip
    for label, elbow, wrist in ((LIP20.RIGHT_ARM, (216, 488), (200, 660)),
                                (LIP20.LEFT_ARM, (552, 488), (568, 660))):  # fmt: skip
        side = 1 if label == LIP20.LEFT_ARM else -1
        top = (384 + side * 112, 330)
        for a, b in ((top, elbow), (elbow, wrist)):
            cv2.line(photo, a, b, skin, 56)
            cv2.line(ids, a, b, int(label), 56)
    xy, score = np.zeros((25, 2), np.float32), np.zeros(25, np.float32)
    for joint, place in JOINTS.items():
        xy[joint], score[joint] = place, 0.9
    garment = np.full((1024, 768, 3), 250, np.uint8)
    garment[160:880, 160:600] = np.where(np.arange(440) // 11 % 2, 40, 210)[None, :, None]
    mask = np.zeros((1024, 768), bool)
    mask[160:880, 160:600] = True
    return PersonInputs(photo, Pose(Keypoints(xy, score)), ParseMap(ids, LIP20)), GarmentInputs(
        garment, mask
    )


def known_layout(person: PersonInputs, size: Size) -> torch.Tensor:
    """The person's own layout as maps ``[1, 13, H, W]``."""
    small = ParseMap(resized(person.parse.ids, size, nearest=True), person.parse.labels)
    groups = relabel(small, VITONHD13).ids
    return smoothed_maps(one_hot(groups, 13), size, (3, 0.8))


def timed(work: Callable[[], object]) -> tuple[object, float, float]:
    """What the work gives, its seconds by the clock and of processor time."""
    clock, processor = time.perf_counter(), time.process_time()
    made = work()
    return made, time.perf_counter() - clock, time.process_time() - processor


def official(mode: str, person: PersonInputs) -> KnownLayout:
    """The chain with networks of the published size and random weights."""
    torch.manual_seed(0)
    made = [build_network(config) for config in (SegConfig(), GMMConfig(), ALIASConfig())]
    seg, gmm, alias = (network.eval().requires_grad_(False) for network in made)
    chain = KnownLayout(
        Networks(seg, gmm, alias, ConditionsConfig()),  # type: ignore[arg-type]
        parity=mode == "published",
        precision="bf16" if mode.endswith("bf16") else "fp32",
    )
    chain.known = known_layout(person, chain.size)
    return chain


def compact(files: list[Path], person: PersonInputs, precision: str) -> VitonHDTryOn:
    """The system with files of weights or small random networks."""
    if files:
        weights = {read_metadata(file)["family"]: file for file in files}
        system = VitonHDTryOn(weights=weights, precision=precision)
        chain = system.chain
        known = object.__new__(KnownLayout)
        known.__dict__ = chain.__dict__
    else:
        torch.manual_seed(0)
        seg, gmm, alias = (build_network(c).eval().requires_grad_(False) for c in COMPACT)
        networks = Networks(seg, gmm, alias, SMALL)  # type: ignore[arg-type]
        known = KnownLayout(networks, precision=precision)
        system = object.__new__(VitonHDTryOn)
    known.known = known_layout(person, known.size)
    system.chain = known
    return system


def measure(mode: str, files: list[Path], repeat: int) -> dict[str, float | str]:
    """Time one mode."""
    person, garment = draw()
    if mode == "compact":
        system = compact(files, person, "fp32")
        dressing = lambda p, g: system.dress(p, g, seed=0)  # noqa: E731
        prepare = system.prepare_person, system.prepare_garment
    else:
        chain = official(mode, person)
        dressing = chain
        prepare = chain.prepare_person, chain.prepare_garment
    ready_person, person_clock, person_cpu = timed(lambda: prepare[0](person))
    ready_garment, garment_clock, garment_cpu = timed(lambda: prepare[1](garment))
    rounds = [timed(lambda: dressing(ready_person, ready_garment))[1:] for _ in range(repeat)]
    return {
        "mode": mode,
        "pair_clock_s": round(min(r[0] for r in rounds), 2),
        "pair_cpu_s": round(min(r[1] for r in rounds), 2),
        "person_cpu_s": round(person_cpu, 2),
        "garment_cpu_s": round(garment_cpu, 2),
        "once_clock_s": round(person_clock + garment_clock, 2),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--weights", type=Path, nargs="*", default=[])
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        torch.set_num_threads(given.threads)
        cv2.setNumThreads(given.threads)
        print(json.dumps(measure(given.one, given.weights, given.repeat)))
        return
    options = ["--threads", str(given.threads), "--repeat", str(given.repeat)]
    options += ["--weights", *map(str, given.weights)] if given.weights else []
    for mode in given.modes.split(","):
        command = [sys.executable, __file__, "--one", mode, *options]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        print(done.stdout.strip().splitlines()[-1], flush=True)


if __name__ == "__main__":
    main()
