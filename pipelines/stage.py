"""What a stage and a try-on system are: contracts between the networks and the runtime.

A stage maps artifacts of one item to other artifacts of the same item: arrays in, arrays out, no
paths, no state between items. A try-on system dresses a person in a garment, and prepares both
beforehand so that a person is prepared once for many garments and a garment once for many persons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from pipelines.flags import Flag

if TYPE_CHECKING:
    from pipelines.errors import ItemError
    from pipelines.layout import Artifact
    from pipelines.types import Alpha, Image, Keypoints, Mask, ParseMap, Pose


class Subject(str, Enum):
    """What one item of a stage is."""

    PERSON = "person"
    GARMENT = "garment"
    PAIR = "pair"


@dataclass(frozen=True)
class StageInfo:
    """A stage as data, importable without any array library.

    ``version`` is raised whenever the outputs may change for equal inputs; ``params`` names the
    constructor's keyword arguments that change its outputs; they enter the fingerprint.
    """

    name: str
    version: int
    subject: Subject
    inputs: tuple[Artifact, ...]
    outputs: tuple[Artifact, ...]
    params: tuple[str, ...] = ()
    summary: str = ""
    weights: tuple[str, ...] = ()
    """Families of the weights that a try-on system needs, one file of each."""
    poses: bool = False
    """Whether a try-on system has networks for other poses (``PosedTryOnSystem``)."""
    layouts: bool = False
    """Whether a try-on system predicts layouts (``LayoutPredictor``)."""


@dataclass(frozen=True, eq=False)
class Outputs:
    """What a stage made for one item.

    ``values`` holds one value for each output artifact (types: see ``pipelines.layout.Artifact``);
    ``flags`` are doubts, ``score`` is a confidence in 0..1 (1 = no doubt), ``record`` is a small
    JSON-able dict to be kept with the item (for example the frame of a photo).
    """

    values: Mapping[Artifact, Any]
    flags: tuple[Flag, ...] = ()
    score: float = 1.0
    record: Mapping[str, Any] = field(default_factory=dict)


class Stage(Protocol):
    """A stage ready to run; built once per worker process with its parameters as keywords."""

    def __call__(self, batch: Sequence[Mapping[Artifact, Any]]) -> list[Outputs | ItemError]:
        """One result per item, in order; an item's failure is returned, not raised."""
        ...


@dataclass(frozen=True, eq=False)
class PersonInputs:
    """A person as a try-on system takes it; all arrays have the image's height and width."""

    image: Image
    pose: Pose
    parse: ParseMap


@dataclass(frozen=True, eq=False)
class GarmentInputs:
    """A garment photo ``uint8 [H, W, 3]`` and its mask ``bool [H, W]``."""

    image: Image
    mask: Mask


@dataclass(frozen=True, eq=False)
class TryOnResult:
    """A try-on picture.

    ``image`` is ``uint8 [H, W, 3]`` of the person image's size; ``edited`` is ``float32 [H, W]``,
    0 exactly where ``image`` equals the photo; ``score`` is the quality score in 0..1;
    ``measures`` are the numbers behind it; ``stages`` are intermediate arrays, if asked for;
    ``pose`` are the body's joints (BODY_25) in the image where a pose was asked for.
    """

    image: Image
    edited: Alpha
    score: float
    flags: tuple[Flag, ...] = ()
    measures: Mapping[str, float] = field(default_factory=dict)
    stages: Mapping[str, Any] = field(default_factory=dict)
    pose: Keypoints | None = None


class TryOnSystem(Protocol):
    """A try-on system ready to run; deterministic for equal inputs and seed on one machine."""

    def prepare_person(self, person: PersonInputs) -> Any:
        """Everything that depends on the person alone. Raises ``ItemError``."""
        ...

    def prepare_garment(self, garment: GarmentInputs) -> Any:
        """Everything that depends on the garment alone. Raises ``ItemError``."""
        ...

    def dress(
        self, person: Any, garment: Any, *, seed: int, save_stages: bool = False
    ) -> TryOnResult:
        """Dress a prepared person in a prepared garment. Raises ``ItemError``."""
        ...


class PosedTryOnSystem(TryOnSystem, Protocol):
    """A try-on system that shows a person in another pose than the photo's, too."""

    def prepare_pose(self, person: Any, pose: Pose | None) -> Any:
        """Place a pose of any picture on a prepared person; None is the person's own.

        Raises ``ItemError`` for a pose that shows too little.
        """
        ...

    def dress_posed(
        self, person: Any, garment: Any, pose: Any, *, seed: int, save_stages: bool = False
    ) -> TryOnResult:
        """Dress a prepared person in a prepared garment and a pose prepared for that person."""
        ...


@runtime_checkable
class LayoutPredictor(Protocol):
    """What a try-on system offers besides if it predicts where everything will be.

    ``vtonctl evaluate seg`` judges these layouts.
    """

    def predict_layout(self, person: Any, garment: Any) -> ParseMap:
        """The layout of a prepared person in a prepared garment, of the person image's size.

        In LIP20, or a label set that LIP20 leads to (VITONHD13). Raises ``ItemError``.
        """
        ...
