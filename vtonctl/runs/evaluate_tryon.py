"""``evaluate tryon``: try-on systems judged by photos of persons in the garments they wear."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines import codecs
from pipelines.errors import ItemError
from pipelines.evaluation.images import need_torchmetrics
from pipelines.evaluation.learned_metrics import load_learned_metrics
from pipelines.evaluation.tryon import TryOnEvaluation
from pipelines.evaluation.tryon import evaluate_tryon as judge
from pipelines.evaluation.tryon_sheet import Gallery
from pipelines.layout import Encoding
from vtonctl.runs.judged_pairs import EvaluateTryOnRequest, prepare_pairs, refuse_nothing
from vtonctl.runs.package_versions import package_versions
from vtonctl.runs.requests import RunOptions
from vtonctl.runs.result import ExitCode, ProgressSink
from vtonctl.runs.tryon_protocol import data_lines, figure_lines

PACKAGES = ("vtonctl", "torch", "torchmetrics", "torch-fidelity", "numpy", "opencv-python")


@dataclass(frozen=True)
class TryOnReport:
    """The judgement, and the protocol that it was made by."""

    evaluation: TryOnEvaluation
    paired: bool
    protocol: Mapping[str, str]
    """How it was made, in the order in which it is read."""
    left_out: tuple[tuple[str, ItemError], ...] = ()
    """Pairs whose files cannot be used; they enter no figure."""

    def sheets_png(self) -> list[bytes]:
        """The contact sheets as files."""
        return [codecs.encode(s, Encoding.RGB_PNG) for s in self.evaluation.gallery.sheets()]

    @property
    def exit_code(self) -> int:
        """3 where a pair failed or could not be judged."""
        failed = any(system.failed for system in self.evaluation.systems)
        return int(ExitCode.SOME_FAILED if failed or self.left_out else ExitCode.OK)


def evaluate_tryon(
    request: EvaluateTryOnRequest, options: RunOptions, sink: ProgressSink
) -> TryOnReport:
    """Dress the pairs of a data set and judge the pictures. Raises before the first pair.

    ``VtonError`` for what cannot be; ``InputError`` too if no pair can be used at all. One pair's
    trouble is an entry in ``failed`` of its system or in ``left_out``.
    """
    if not request.unpaired:
        need_torchmetrics()
    prepared = prepare_pairs(request, options, sink)
    run, learned = prepared.run, load_learned_metrics()
    found = judge(
        run.tryon(),
        list(run.systems),
        paired=not request.unpaired,
        learned=learned,
        gallery=Gallery(list(run.systems), request.sheet),
    )
    refuse_nothing(request.root, run)
    protocol = {
        **data_lines(request, prepared),
        **figure_lines(found, learned, paired=not request.unpaired),
        "versions": package_versions(PACKAGES),
    }
    return TryOnReport(found, not request.unpaired, protocol, tuple(run.left_out))
