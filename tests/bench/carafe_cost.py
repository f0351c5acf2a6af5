"""Time and memory of CARAFE against nearest upsampling, one core.

    python tests/bench/carafe_cost.py [--channels 256] [--sizes 25x42,50x84] [--repeats 5]

For each size of a feature map: processor seconds of one forward and backward pass (median) and
the peak memory that it adds (resident set, in a process of its own), of nearest upsampling, of
CARAFE, and of CARAFE by unfolding, and their ratios to nearest upsampling. The default sizes are
what a feature pyramid enlarges for a photo of 800 x 1333 pixels, without the largest level.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time

import torch
from torch import Tensor
from torch.nn import functional

from pipelines.segmentation.carafe import Carafe

KINDS = ("nearest", "carafe", "unfold")
MIB = 1024  # ru_maxrss is in KiB


def enlarge(kind: str, module: Carafe, features: Tensor) -> Tensor:
    if kind == "nearest":
        return functional.interpolate(features, scale_factor=2)
    if kind == "carafe":
        return module(features)
    batch, channels, height, width = features.shape
    weights = module.weights(features).flatten(3)
    taken = functional.unfold(features, 5, padding=2).view(batch, channels, 25, height * width)
    sums = torch.einsum("bcnp,bnqp->bcqp", taken, weights)
    return functional.pixel_shuffle(sums.reshape(batch, 4 * channels, height, width), 2)


def measure(kind: str, channels: int, height: int, width: int, repeats: int) -> tuple[float, float]:
    """Median processor seconds and added peak MiB."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    module = Carafe(channels)
    # what the libraries allocate once does not count
    enlarge(kind, module, torch.randn(1, channels, 4, 4, requires_grad=True)).sum().backward()
    features = torch.randn(1, channels, height, width, requires_grad=True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        enlarge(kind, module, features).square().sum().backward()
        seconds.append(time.process_time() - start)
        features.grad = None
        module.zero_grad(set_to_none=True)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return statistics.median(seconds), (after - before) / MIB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channels", type=int, default=256)
    parser.add_argument("--sizes", default="25x42,50x84")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", choices=KINDS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    for size in arguments.sizes.split(","):
        height, width = (int(side) for side in size.split("x"))
        if arguments.only:
            print(*measure(arguments.only, arguments.channels, height, width, arguments.repeats))
            continue
        found = {}
        for kind in KINDS:
            own = [*sys.argv, "--only", kind, "--sizes", size]
            done = subprocess.run(
                [sys.executable, *own], check=True, capture_output=True, text=True
            )
            found[kind] = tuple(float(value) for value in done.stdout.split())
        seconds, mebibytes = found["nearest"]
        for kind, (taken, used) in found.items():
            print(
                f"{arguments.channels} x {size:8} {kind:8} {1000 * taken:8.1f} ms"
                f" ({taken / seconds:5.1f} x) {used:8.1f} MiB ({used / max(mebibytes, 1):5.2f} x)"
            )


if __name__ == "__main__":
    main()
