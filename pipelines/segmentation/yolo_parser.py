"""The parser ``yolo``: instances of 8 body parts by a network of ultralytics, merged to LIP ids."""

from __future__ import annotations

from pathlib import Path

from pipelines.errors import WeightsMissing
from pipelines.flags import Flag
from pipelines.labels import BODY8
from pipelines.preprocess.parsing import ParsedPerson
from pipelines.segmentation.instances import Instances
from pipelines.segmentation.maskrcnn_merge import of_person
from pipelines.segmentation.yolo import Detector
from pipelines.segmentation.yolo_environment import require_package
from pipelines.segmentation.yolo_merge import body8_of_instances, certainty, lip20_of_body8
from pipelines.types import Image, Pose, Size

UNCERTAIN_BELOW = 0.5
_EXPECTED = (BODY8.FACE, BODY8.UPPER_BODY)
_EVERYTHING = 0.001


class YoloParser:
    """A trained network ready to use; deterministic on one machine."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    def instances(self, image: Image) -> Instances:
        """All instances on ``uint8 [H, W, 3]`` RGB down to a score of 0.001, labels BODY8.

        The same limit as ultralytics' validator has; for average precision.
        """
        return self._detector(image, _EVERYTHING)

    def __call__(self, image: Image, pose: Pose, /) -> ParsedPerson:
        """LIP20 ids of the image's size for the person of ``pose``, which is in its pixels.

        The score is ``yolo_merge.certainty``. The parse is flagged as uncertain where it is below
        0.5, and where no face or no upper body was found. LIP's legs, shoes, hats, dresses, coats
        and other labels without a class of BODY8 never occur.
        """
        found = of_person(self._detector(image), pose)
        parse = body8_of_instances(found, Size(*image.shape[:2]))
        score = certainty(found, parse)
        complete = all(parse.mask(label).any() for label in _EXPECTED)
        flags = () if complete and score >= UNCERTAIN_BELOW else (Flag.UNCERTAIN_PARSE,)
        return ParsedPerson(lip20_of_body8(parse), score, flags)


def load_parser(*, weights: Path | None, device: str, precision: str) -> YoloParser:
    """Load weights that ``vtonctl train parser.yolo`` wrote; always computes in fp32.

    Raises ``ExtraMissing`` without ultralytics, ``WeightsMissing`` where there are no weights and
    ``InputError`` for a file that holds others.
    """
    require_package()
    if weights is None or not weights.is_file():
        absent = "." if weights is None else f": {weights} does not exist."
        raise WeightsMissing(
            f"the parser yolo has no weights{absent}",
            hint="None come with the package, since ultralytics claims its AGPL-3.0 for trained "
            "models too. Train them: vtonctl train parser.yolo ROOT --out DIR, then name "
            "DIR/parser-yolo.safetensors with --parser-weights.",
        )
    return YoloParser(Detector(weights, device))
