"""Time and memory of ACGPN: the published steps against ours.

    python tests/bench/acgpn_speed.py [--threads 2] [--repeat 2] [--modes published,ours-bf16]

Three modes run the networks of the published size at 256x192 with random weights: ``published``
(``parity=True``), ``ours-fp32`` and ``ours-bf16``; ``compact`` runs the weights in the package,
which look twice, in fp32. Each runs in a process of its own, one after the other, on the same drawn
person and garment. Printed are seconds of a pair by the clock and of processor time (which other
work on the machine changes less), the best of ``--repeat``, and the peak of resident memory.
"""

import argparse
import json
import resource
import subprocess
import sys

import cv2
import torch
from drawn_pair import draw, quick, timed

from pipelines import checkpoints
from pipelines.mirror_image import mirrored
from pipelines.systems.acgpn.chain import TryOnChain
from pipelines.systems.acgpn.conditions import garment_conditions, person_conditions
from pipelines.systems.acgpn.config import FAMILIES, ACGPNConfig
from pipelines.systems.acgpn.weights import Networks, build_network, read_networks

MODES = ("published", "ours-fp32", "ours-bf16", "compact")


def random_networks() -> Networks:
    """Networks of the published size."""
    torch.manual_seed(0)
    config = ACGPNConfig()
    made = [build_network(family, config).eval().requires_grad_(False) for family in FAMILIES]
    return Networks(*made, config)  # type: ignore[call-arg, arg-type]  # four, in their order


def bundled() -> Networks:
    """The networks in the package."""
    return read_networks({family: checkpoints.find(family).path for family in FAMILIES})


def measure(mode: str, repeat: int) -> dict[str, float | str]:
    """Time one mode."""
    networks = bundled() if mode == "compact" else random_networks()
    chain = TryOnChain(
        networks,
        parity=mode == "published",
        precision="bf16" if mode.endswith("bf16") else "fp32",
    )
    person, garment = draw()
    shown = person_conditions(person, networks.config)
    if chain.looks_twice:
        shown = shown.beside(person_conditions(mirrored(person), networks.config))
    known = shown, garment_conditions(garment)
    rounds = [timed(lambda: chain(*known))[1:] for _ in range(repeat)]
    return {
        "mode": mode,
        "pair_clock_s": round(min(r[0] for r in rounds), 2),
        "pair_cpu_s": round(min(r[1] for r in rounds), 2),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--modes", default=quick(MODES))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        torch.set_num_threads(given.threads)
        cv2.setNumThreads(given.threads)
        print(json.dumps(measure(given.one, given.repeat)))
        return
    options = ["--threads", str(given.threads), "--repeat", str(given.repeat)]
    for mode in given.modes.split(","):
        command = [sys.executable, __file__, "--one", mode, *options]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        print(done.stdout.strip().splitlines()[-1], flush=True)


if __name__ == "__main__":
    main()
