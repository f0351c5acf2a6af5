"""``evaluate seg``: layouts that try-on systems predict, judged by the parse of the photo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.errors import ItemError, UsageError
from pipelines.evaluation.layouts import GIVEN, LayoutScores, evaluate_layouts
from pipelines.stage import LayoutPredictor
from vtonctl.runs.judged_pairs import EvaluateTryOnRequest, prepare_pairs, refuse_nothing
from vtonctl.runs.package_versions import package_versions
from vtonctl.runs.requests import RunOptions
from vtonctl.runs.result import ExitCode, ProgressSink
from vtonctl.runs.tryon_protocol import data_lines

PACKAGES = ("vtonctl", "torch", "numpy", "opencv-python")


@dataclass(frozen=True)
class SegReport:
    """The judgement, and the protocol that it was made by."""

    systems: tuple[LayoutScores, ...]
    """The first is ``GIVEN``: what of the figures needs no prediction."""
    protocol: Mapping[str, str]
    left_out: tuple[tuple[str, ItemError], ...] = ()

    @property
    def exit_code(self) -> int:
        """3 where a system failed or a pair could not be judged."""
        failed = any(system.failed for system in self.systems if system.name != GIVEN)
        return int(ExitCode.SOME_FAILED if failed or self.left_out else ExitCode.OK)


def evaluate_seg(
    request: EvaluateTryOnRequest, options: RunOptions, sink: ProgressSink
) -> SegReport:
    """Judge the layouts of persons in the garments they wear. Raises before the first pair.

    ``UsageError`` for a system that predicts no layout, and what ``prepare_pairs`` raises.
    """
    prepared = prepare_pairs(request, options, sink)
    run = prepared.run
    for name, system in run.systems.items():
        if not isinstance(system, LayoutPredictor):
            raise UsageError(
                f"the system {name} predicts no layout",
                code="no_layout",
                hint="Judge its pictures: vtonctl evaluate tryon ROOT --system " + name,
            )
    found = evaluate_layouts(run.layouts(), [GIVEN, *run.systems])
    refuse_nothing(request.root, run)
    protocol = {
        **data_lines(request, prepared),
        "truth": "the data set's own parse (ours where it has none), in VITON-HD's labels",
        "IoU": "intersection / union of a label, summed over the photos; arms: both together; "
        "legs, shoes, socks, neck and noise count as background, which enters no mean",
        "given": "the clothing-agnostic parse as it is: what needs no prediction",
        "failed": "each pixel of a layout that failed counts as wrong",
        "versions": package_versions(PACKAGES),
    }
    return SegReport(found, protocol, tuple(run.left_out))
