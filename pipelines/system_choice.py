"""Which try-on system is used, and with which weights: asked for by name, or the best there is.

Imports no array library.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from pipelines import checkpoints
from pipelines.checkpoints import Weights
from pipelines.errors import ConfigError, InputError, WeightsMissing
from pipelines.registry import SYSTEMS, TRAINERS
from pipelines.stage import StageInfo

AUTO = "auto"


@dataclass(frozen=True)
class SystemChoice:
    """A system and its weights by family; ``reason`` says why it was not a better one."""

    name: str
    weights: Mapping[str, Weights] = field(default_factory=dict)
    reason: str = ""


def choose_system(
    wanted: str = AUTO,
    *,
    weights: Sequence[str] = (),
    commercial: bool = False,
) -> SystemChoice:
    """The system for a wish.

    ``wanted`` is a name of ``registry.SYSTEMS`` or ``auto``: the last one whose weights are all
    there and which has no networks for poses. ``weights`` are names of the manifest or paths of
    files, at most one of each family; for families without one the best weights are taken. With
    ``commercial`` only weights that allow commercial use count.

    Raises ``ConfigError`` for unknown names and for weights that the system does not take,
    ``WeightsMissing`` where there are none that may be used, ``InputError`` for weights that are
    damaged or of no known family.
    """
    given = _given(weights, commercial)
    if wanted != AUTO:
        info = find_system(wanted)
        if surplus := [w.name for family, w in given.items() if family not in info.weights]:
            takes = f"takes {', '.join(info.weights)}" if info.weights else "takes no weights"
            raise ConfigError(
                f"the system {wanted} {takes}, but {surplus[0]} was given",
                code="no_weights_wanted",
                hint=f"Leave out --weights {surplus[0]}, or name another --system.",
            )
        return SystemChoice(wanted, _complete(wanted, info, given, commercial))
    return _best(given, commercial)


def usable_systems(*, commercial: bool = False, layouts: bool = False) -> tuple[str, ...]:
    """Names of the systems whose weights are all there, in the registry's order.

    With ``layouts`` only those that predict layouts.
    """
    found = []
    for name, (info, _) in SYSTEMS.items():
        if layouts and not info.layouts:
            continue
        with suppress(WeightsMissing):
            _complete(name, info, {}, commercial)
            found.append(name)
    return tuple(found)


def find_system(name: str) -> StageInfo:
    """The system of a name. Raises ``ConfigError`` for an unknown one."""
    if name not in SYSTEMS:
        raise ConfigError(
            f"unknown try-on system {name!r}",
            code="unknown_name",
            hint=f"Known: {AUTO}, {', '.join(SYSTEMS)}.",
        )
    return SYSTEMS[name][0]


def _best(given: Mapping[str, Weights], commercial: bool) -> SystemChoice:
    lacking = []
    for name, (info, _) in reversed(SYSTEMS.items()):
        # whose weights were named is asked for, whatever it was made for
        if info.poses and not given:
            continue
        if any(family not in info.weights for family in given):
            continue
        try:
            found = _complete(name, info, given, commercial)
        except WeightsMissing:
            if given:
                raise
            lacking.append(name)
            continue
        tier = " that allow commercial use" if commercial else ""
        none = f"no weights of {' or '.join(lacking)}{tier} are installed"
        return SystemChoice(name, found, f"{none}: --system {name} is used" if lacking else "")
    raise ConfigError(
        f"no system takes all of {', '.join(w.name for w in given.values())}",
        code="no_weights_wanted",
        hint="Give only weights of one system: vtonctl weights list",
    )


def _given(weights: Sequence[str], commercial: bool) -> dict[str, Weights]:
    """Weights that were asked for, by family."""
    known = {family for info, _ in SYSTEMS.values() for family in info.weights}
    found: dict[str, Weights] = {}
    for wish in weights:
        one = checkpoints.find(wish, commercial=commercial)
        if one.family not in known:
            said = one.family or "that their metadata do not name"
            raise InputError(
                f"{one.path}: these are weights of the family {said}, not of a try-on system",
                code="wrong_weights",
                hint="See what there is with: vtonctl weights list",
            )
        if one.family in found:
            raise ConfigError(
                f"{found[one.family].name} and {one.name} are both weights of {one.family}",
                code="weights_twice",
                hint="Give one of them.",
            )
        found[one.family] = one
    return found


def _complete(
    name: str, info: StageInfo, given: Mapping[str, Weights], commercial: bool
) -> dict[str, Weights]:
    """Weights of all families of a system. Raises ``WeightsMissing``."""
    found = {}
    for family in info.weights:
        try:
            found[family] = given.get(family) or checkpoints.find(family, commercial=commercial)
        except WeightsMissing as error:
            free = f"What works without weights: --system {next(iter(SYSTEMS))}"
            hint = f"{free}. Or {_source(family, info)}: --weights FILE."
            message = f"the system {name} cannot be used: {error.message}"
            raise WeightsMissing(message, code=error.code, hint=hint) from None
    return found


def _source(family: str, info: StageInfo) -> str:
    """Where a user gets weights of a family."""
    if family in TRAINERS:
        return f"train some: vtonctl train {family} ROOT --out DIR, and name the file"
    if info.poses:
        return "name files of your own, as none were published"
    return "import published ones: vtonctl weights import, and name the file"
