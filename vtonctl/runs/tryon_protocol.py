"""How figures of try-on systems were made, in words that are printed with them."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.evaluation.images import MS_SSIM_MIN_SIDE, SAME_LEVELS
from pipelines.evaluation.kept_parts import EDGE_HEIGHT, EDGE_PX
from pipelines.evaluation.learned_metrics import LearnedMetrics
from pipelines.evaluation.tryon import TryOnEvaluation
from vtonctl.runs.judged_pairs import EvaluateTryOnRequest, JudgedPairs
from vtonctl.runs.parse_plan import ParsePlan
from vtonctl.runs.result import SystemUsed

_PAIRED_LINES = {
    "picture": "as the system gives it: nothing is cropped or painted in; what it kept of the "
    "photo counts",
    "SSIM": "torchmetrics: RGB in 0..1, Gaussian window 11, sigma 1.5, border reflected and "
    "counted; mean of the map",
    "region SSIM": "mean of the same map inside upper clothes, arms and neck of the data set's own "
    "parse (ours where it has none), dilated by 5 px at 256 rows",
    "PSNR": "dB over all channels, at most 100",
    "MS-SSIM": f"torchmetrics, five scales; from {MS_SSIM_MIN_SIDE} pixels a side on",
    "levels": "by pose and parse: hard: arms in front of the trunk, or a turned body with both "
    "arms bent, raised or hidden; easy: neither turned nor such an arm; medium: all others",
    "mean colour": "the photo with that region in the mean colour of the worn garment: a floor, "
    "no system",
}
_COST_LINES = {
    "leak": "worn garment: top, dress and coat of the same parse; the agnostic mask is that of "
    f"the parse and pose that the systems get; kept: within {SAME_LEVELS} of 255 of the photo",
    "parts to be kept": "face, hair, trousers and skirts of the same parse, and of its arms what "
    f"the agnostic mask leaves; their edge: {EDGE_PX} px at {EDGE_HEIGHT} rows, where the old "
    "garment may show through",
    "time": "one pair at a time, nothing prepared before, without reading files; medians by the "
    "clock, and of processor time for both steps together",
    "memory": "the most that this process held while the system worked: libraries and the other "
    "systems of this run included, memory of a GPU not",
}


def data_lines(request: EvaluateTryOnRequest, judged: JudgedPairs) -> dict[str, str]:
    """Which pairs were judged, and what the systems were given."""
    run, inputs = judged.run, judged.run.inputs
    asked = len(run.pairs)
    spread = ", evenly spread over the list" if asked < judged.pairs_in_all else ""
    unusable = f"; {len(run.left_out)} left out, as their files cannot be used"
    size = "the photos' own"
    if run.size:
        size = f"{run.size} (HEIGHTxWIDTH); photos scaled evenly (area down, cubic up)"
    return {
        "data": f"{request.root} (layout {request.layout}, split {request.split})",
        "pairs": f"{asked - len(run.left_out)} of {judged.pairs_in_all}{spread}"
        f"{unusable if run.left_out else ''}; {_kind(request)}",
        **{f"system {name}": _system(plan.used) for name, plan in judged.systems.items()},
        "size": f"{size}; garments at their own size",
        "parses": _origin(inputs.parse.counts, judged.plan),
        "poses": f"{_origin(inputs.pose.counts)} ({request.pose_model})",
        "garment masks": _origin(inputs.mask.counts),
        "seed": str(run.seed),
    }


def figure_lines(
    found: TryOnEvaluation, learned: LearnedMetrics, *, paired: bool
) -> dict[str, str]:
    """How the figures were computed, and which could not be."""
    lines = {"compared": f"the {found.compared} pairs that every system made; means over pairs"}
    lines |= _PAIRED_LINES if paired else {}
    if learned.lpips and paired:
        lines["LPIPS"] = "AlexNet (torchmetrics), pictures at the size above"
    if learned.inception:
        lines["FID, KID"] = (
            "features of the original Inception (torch-fidelity), pictures resized to 299x299, "
            "antialiased; the set of pictures beside the set of photos, KID times 1"
        )
    lines |= {f"{figure}, left out": reason for figure, reason in found.left_out.items()}
    return lines | _COST_LINES


def _kind(request: EvaluateTryOnRequest) -> str:
    kind = "each person in the garment they wear: the photo is the truth"
    if request.unpaired:
        kind = "each person in another's garment: there is no truth"
    return f"{kind} (list {request.pairs})" if request.pairs else kind


def _system(used: SystemUsed) -> str:
    if not used.weights:
        return "has no weights"
    files = ", ".join(f"{w.name} (sha256 {w.sha256}, tier {w.tier})" for w in used.weights)
    return f"{files}; {used.device}, {used.precision}"


def _origin(counts: Mapping[str, int], plan: ParsePlan | None = None) -> str:
    words = f"{counts['given']} given by the data set, {counts['own']} our own"
    if plan is None:
        return words
    used = plan.used
    weights = f", weights {used.weights}, sha256 {used.sha256}" if used.weights else ""
    return f"{words} (parser {used.name}{weights})"
