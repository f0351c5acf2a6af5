"""``evaluate parse``: a parser, or files that it wrote, judged by the true maps of a data set.

The glue between what must not know each other: ``pipelines.evaluation`` judges maps and runs no
parser, the parser stages judge nothing. Parsers are planned here as for any other run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines import codecs, registry
from pipelines.clothing_labels import FASHION15
from pipelines.errors import InputError, ItemError, UsageError
from pipelines.evaluation.detection import DetectionTally
from pipelines.evaluation.groups import Grouping, find_groupings, words
from pipelines.evaluation.parse import TOLERANCE_PX, ParseEvaluation
from pipelines.evaluation.parse import evaluate_parse as judge
from pipelines.labels import BODY8, LIP20, Labels
from pipelines.layout import CCP, Encoding
from pipelines.preprocess.parsing import ParseStage
from vtonctl.runs.package_versions import package_versions
from vtonctl.runs.parse_cases import (
    LabelledData,
    ParseCases,
    PoseSource,
    evenly,
    find_labelled_layout,
)
from vtonctl.runs.parse_plan import ParsePlan, plan_parse
from vtonctl.runs.requests import RunOptions
from vtonctl.runs.result import ExitCode, ProgressSink

POSES = ("auto", "given", "own")
PACKAGES = ("vtonctl", "torch", "numpy", "opencv-python", "mediapipe")
AP_PACKAGES = ("torchmetrics", "faster-coco-eval")
_INSTANCE_LABELS: Mapping[str, type[Labels]] = {"BODY8": BODY8, "FASHION15": FASHION15}


@dataclass(frozen=True)
class EvaluateParseRequest:
    """What to judge, and how."""

    root: Path
    layout: str
    split: str
    groups: str = ""
    """A name of ``pipelines.evaluation.groups.GROUPINGS``; empty: viton7, or ccp6 for ccp."""
    parser: str = "auto"
    parser_weights: str = ""
    commercial: bool = False
    predicted: Path | None = None
    """A folder of maps, or a data-set root, instead of a parser."""
    predicted_layout: str = ""
    """Layout of ``predicted``: where maps lie, and their label set. Empty: that of the truth."""
    pose: str = "auto"
    """``given`` by the data set, our ``own``, or ``auto``: given where there is one, else own."""
    pose_model: str = "full"
    limit: int = 0
    worst: int = 0
    tolerance_px: float = TOLERANCE_PX
    average_precision: bool = False


@dataclass(frozen=True)
class ParseReport:
    """The judgement, and the protocol that it was made by."""

    evaluation: ParseEvaluation
    protocol: Mapping[str, str]
    """How it was made, in the order in which it is read."""
    grouping: Grouping
    """The main one."""
    left_out: tuple[tuple[str, ItemError], ...] = ()
    """Photos without a true map that can be used; they enter no figure."""

    def sheet_png(self) -> bytes:
        """The worst photos as a contact sheet."""
        from pipelines.evaluation.sheet import contact_sheet

        scores = {photo.item: photo.miou for photo in self.evaluation.photos}
        worst = self.evaluation.worst
        sheet = contact_sheet(worst, [scores[case.item] for case in worst], self.grouping)
        return codecs.encode(sheet, Encoding.RGB_PNG)

    @property
    def exit_code(self) -> int:
        """3 where a photo failed or could not be judged."""
        trouble = self.evaluation.failed or self.left_out
        return int(ExitCode.SOME_FAILED if trouble else ExitCode.OK)


def evaluate_parse(
    request: EvaluateParseRequest, options: RunOptions, sink: ProgressSink
) -> ParseReport:
    """Run or read the predictions and judge them. Raises ``VtonError`` before the first photo.

    One photo's trouble is an entry in ``failed`` or ``left_out``; if no photo can be judged at
    all, ``InputError`` tells the first reason.
    """
    data = LabelledData(request.root, find_labelled_layout(request.layout), request.split)
    name = request.groups or ("ccp6" if data.layout is CCP else "viton7")
    divide = data.layout is CCP and name in ("viton7", "lip20")
    groupings = find_groupings(name, LIP20 if divide else data.labels)
    everything = data.items()
    items = evenly(everything, request.limit)
    plan = None if request.predicted else plan_parse(request, options)
    cases = ParseCases(data, items, _poses(request, data), sink, divide_ccp=divide)
    detection = _prepare(cases, request, plan)
    found = judge(
        cases,
        groupings,
        tolerance_px=request.tolerance_px,
        worst=request.worst,
        detection=detection,
    )
    if not found.photos:
        raise InputError(
            f"{request.root}: not one photo can be judged. {cases.left_out[0][1]}", code="no_items"
        )
    protocol = {
        **_protocol_of_data(request, cases, plan, len(everything)),
        **_protocol_of_figures(request, found),
        "versions": package_versions(PACKAGES + (AP_PACKAGES if detection else ())),
    }
    return ParseReport(found, protocol, groupings[0], tuple(cases.left_out))


def _poses(request: EvaluateParseRequest, data: LabelledData) -> PoseSource:
    if request.pose not in POSES:
        raise UsageError(f"unknown --pose {request.pose!r}", hint=f"Known: {', '.join(POSES)}.")
    given = request.pose == "given" or (request.pose == "auto" and data.has_poses)
    # files can be judged without a pose, so it is looked for only if it was asked for
    own = request.pose == "own" or (request.pose == "auto" and request.predicted is None)
    stage = registry.stage("pose", {"model": request.pose_model}) if own else None
    return PoseSource(data, given, stage)


def _prepare(
    cases: ParseCases, request: EvaluateParseRequest, plan: ParsePlan | None
) -> DetectionTally | None:
    """Give the cases their parser or files; where instances are judged, what collects them."""
    if plan is None:
        cases.predicted = _predicted(request, cases.data)
        if request.average_precision:
            raise UsageError(
                "--ap needs the scores of instances, which files of label maps do not have",
                hint="Use it with --parser, not with --predicted.",
            )
        return None
    cases.stage = parser = _stage(plan)
    if not request.average_precision:
        return None
    weights = plan.choice.weights
    labels = _INSTANCE_LABELS.get(weights.label_set) if weights else None
    if labels is None:
        raise UsageError(
            f"--ap: the parser {plan.choice.name} finds no instances",
            hint="Parsers that do: yolo, maskrcnn.",
        )
    detection = DetectionTally({int(label): words(label) for label in labels if label})
    cases.detector, cases.instance_labels = parser.parser, labels
    return detection


def _stage(plan: ParsePlan) -> ParseStage:
    return ParseStage(**plan.spec(registry.PARSE, "").keywords)


def _predicted(request: EvaluateParseRequest, data: LabelledData) -> tuple[LabelledData, Path]:
    folder = request.predicted
    if folder is None or not folder.is_dir():
        raise InputError(
            f"{folder}: the folder of predicted maps does not exist.", code="no_such_folder"
        )
    layout = find_labelled_layout(request.predicted_layout or data.layout.name)
    if layout is CCP:
        raise UsageError(
            "predicted maps in the labels of ccp cannot be judged: wanted LIP ids, or labels that "
            "lead to them",
            hint="Say what they are: --predicted-layout viton-hd",
        )
    return LabelledData(folder, layout, data.split), folder


def _protocol_of_data(
    request: EvaluateParseRequest, cases: ParseCases, plan: ParsePlan | None, everything: int
) -> dict[str, str]:
    data, asked = cases.data, len(cases.items)
    spread = ", evenly spread over the list" if asked < everything else ""
    judged = asked - len(cases.left_out)
    unusable = f"; {len(cases.left_out)} left out, as their truth cannot be used"
    photos = f"{judged} of {everything}{spread}{unusable if cases.left_out else ''}"
    truth = data.labels.__name__
    if cases.divide_ccp:
        truth += ", skin and shoes divided by the pose into LIP20"
    given, own = cases.poses.counts["given"], cases.poses.counts["own"]
    return {
        "data": f"{request.root} (layout {data.layout.name}, split {data.split})",
        "photos": photos,
        "truth": truth,
        "predictions": _predictor(cases, plan),
        "poses": f"{given} given by the data set, {own} our own ({request.pose_model})",
    }


def _predictor(cases: ParseCases, plan: ParsePlan | None) -> str:
    if cases.predicted is not None:
        data, folder = cases.predicted
        return f"files in {folder} (layout {data.layout.name}, {data.labels.__name__})"
    if plan is None:
        raise ValueError("neither a parser nor files")
    used = plan.used
    if not used.weights:
        return f"parser {used.name}, which has no weights"
    tier = f", tier {used.tier}" if used.tier else ""
    return (
        f"parser {used.name}, weights {used.weights} (sha256 {used.sha256}{tier}), "
        f"{used.device}, {used.precision}"
    )


def _protocol_of_figures(request: EvaluateParseRequest, found: ParseEvaluation) -> dict[str, str]:
    failed = f"{len(found.failed)}; each pixel of such a photo counts as wrong"
    return {
        "failed": failed if found.failed else "none",
        "sizes": "judged at the size of the truth; predictions of another size are resized without "
        f"interpolation (nearest neighbour): {found.resized}",
        "accuracy": "hit pixels / true pixels of a label (recall), summed over all photos",
        "IoU": "intersection / union of a label, summed over all photos; mIoU is the mean over "
        "the labels that occur",
        "boundary F": f"tolerance {request.tolerance_px:g} px; mean over the photos that have the "
        "label, then over the labels; outlines beside what is left out are not judged",
        "left and right": "exchanged where the two sides fit the other map better after changing "
        "places, or lie nearer to the opposite limbs of the pose; not judged by a pose that lacks "
        "a joint of the arms, hip or knee of the legs, knee or ankle of the feet",
        "time": "of the parser alone, without pose, reading and writing; median over the photos",
    }
