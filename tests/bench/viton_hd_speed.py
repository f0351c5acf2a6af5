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
from pathlib import Path

import cv2
import torch
from drawn_pair import draw, quick, timed

from pipelines.checkpoint_files import read_metadata
from pipelines.labels import VITONHD13
from pipelines.networks.pictures import one_hot, resized
from pipelines.relabel import relabel
from pipelines.stage import PersonInputs
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
from pipelines.types import ParseMap, Size

MODES = ("published", "ours-fp32", "ours-bf16", "compact")
SMALL = ConditionsConfig(size_hw=(256, 192), pose_points="body")
COMPACT = (
    SegConfig(width=20, conditions=SMALL),
    GMMConfig(width=24, conditions=SMALL),
    ALIASConfig(width=20, upsampling="more", hidden=48, conditions=SMALL),
)


class KnownLayout(TryOnChain):
    """Predicts a layout as ever, and goes on with one that is known."""

    known: torch.Tensor

    def layout(self, person: ChainPerson, garment: ChainGarment, **options: object) -> Layout:
        """The known layout, after the work of predicting one."""
        super().layout(person, garment, **options)  # type: ignore[arg-type]  # as it takes them
        return Layout(self.known, self.known[0].argmax(0))


def known_layout(person: PersonInputs, size: Size) -> torch.Tensor:
    """The person's own layout as maps ``[1, 13, H, W]``."""
    small = ParseMap(resized(person.parse.ids, size, nearest=True), person.parse.labels)
    groups = relabel(small, VITONHD13).ids
    return smoothed_maps(one_hot(groups, 13), size, (3, 0.8))


def official(mode: str, person: PersonInputs) -> KnownLayout:
    """The chain with networks of the published size and random weights."""
    torch.manual_seed(0)
    made = [build_network(config) for config in (SegConfig(), GMMConfig(), ALIASConfig())]
    seg, gmm, alias = (network.eval().requires_grad_(False) for network in made)
    chain = KnownLayout(
        Networks(seg, gmm, alias, ConditionsConfig()),  # type: ignore[arg-type]  # each is of its kind
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
        networks = Networks(seg, gmm, alias, SMALL)  # type: ignore[arg-type]  # each is of its kind
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
        dressing = lambda p, g: system.dress(p, g, seed=0)  # noqa: E731 - one expression
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
    parser.add_argument("--modes", default=quick(MODES))
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
