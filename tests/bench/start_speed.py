"""Time the start of the command line.

    python tests/bench/start_speed.py [--count 15] [--limit 0.3]

Prints the median processor time of ``vtonctl --help``, interpreter included, and what part of it
the interpreter needs alone. Ends with 1 where the median is above the limit, in seconds.
"""

import argparse
import os
import statistics
import subprocess
import sys


def processor_seconds(*arguments: str) -> float:
    """Of one Python process, user and system time together."""
    before = os.times()
    subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
    after = os.times()
    user = after.children_user - before.children_user
    return user + after.children_system - before.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=15)
    parser.add_argument("--limit", type=float, default=0.3)
    arguments = parser.parse_args()
    commands = {"vtonctl --help": ("-m", "vtonctl", "--help"), "python": ("-c", "")}
    taken: dict[str, list[float]] = {name: [] for name in commands}
    # in turns, so that other work on the machine changes both alike
    for _ in range(arguments.count):
        for name, command in commands.items():
            taken[name].append(processor_seconds(*command))
    median = {name: statistics.median(values) for name, values in taken.items()}
    for name, value in median.items():
        print(f"{name:15} {value:.3f} s")
    sys.exit(median["vtonctl --help"] > arguments.limit)


if __name__ == "__main__":
    main()
