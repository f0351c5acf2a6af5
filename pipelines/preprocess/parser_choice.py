"""Which parser is used, and with which weights: asked for by name, or the best that may be used.

Imports no array library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from pipelines import checkpoints
from pipelines.checkpoints import Weights
from pipelines.errors import ConfigError, ExtraMissing, InputError, WeightsMissing
from pipelines.preprocess.parsing import PARSERS, ParserInfo, find_parser

AUTO = "auto"
WITHOUT_WEIGHTS = "geometric"


@dataclass(frozen=True)
class ParserChoice:
    """A parser and its weights; ``reason`` says why it was not another one, if that is news."""

    name: str
    weights: Weights | None = None
    reason: str = ""


def choose_parser(
    wanted: str = AUTO, *, weights: str = "", commercial: bool = False
) -> ParserChoice:
    """The parser for a wish.

    ``wanted`` is a name of ``PARSERS`` or ``auto``: the one with the best weights, or the one
    that needs none. ``weights`` is a name of the manifest or the path of a file; empty: the best
    ones. With ``commercial`` only weights that allow commercial use count.

    Raises ``ConfigError`` for unknown names, ``ExtraMissing`` for a package that a parser needs,
    ``WeightsMissing`` where there are no weights that may be used, ``InputError`` for weights that
    are damaged or another parser's.
    """
    if weights:
        return _with_weights(wanted, weights, commercial)
    if wanted == AUTO:
        return _best(commercial)
    info = find_parser(wanted)
    if not info.family:
        return ParserChoice(wanted)
    _need_package(wanted, info)
    try:
        return ParserChoice(wanted, checkpoints.find(info.family, commercial=commercial))
    except WeightsMissing as error:
        hint = (
            f"What works without them: --parser {_best(commercial).name}. Or train some: vtonctl "
            f"train {info.family} ROOT --out DIR, and name the file: --parser-weights FILE."
        )
        raise WeightsMissing(error.message, code=error.code, hint=hint) from None


def usable_parsers(*, commercial: bool = False) -> dict[str, str]:
    """Family of weights -> parser, of the parsers that ``auto`` chooses from.

    A parser whose package is not installed is left out; with ``commercial`` also one whose
    package has stricter terms than ours: it is for who asks for it by name.
    """
    return {
        info.family: name
        for name, info in PARSERS.items()
        if info.family and _is_installed(info) and not (commercial and info.terms)
    }


def _best(commercial: bool) -> ParserChoice:
    usable = usable_parsers(commercial=commercial)
    entries = checkpoints.manifest()
    ranked = checkpoints.allowed(entries.values(), usable, commercial=commercial)
    floor = find_parser(WITHOUT_WEIGHTS).figure
    if ranked and ranked[0].figures[0].value >= floor:
        return ParserChoice(usable[ranked[0].family], checkpoints.verified(ranked[0]))
    tier = " that allow commercial use" if commercial else ""
    reason = f"no weights of a parser{tier} are installed: --parser {WITHOUT_WEIGHTS} is used"
    if ranked:
        figure = ranked[0].figures[0]
        reason = (
            f"the best weights of a parser{tier} are worse than none ({figure.metric} "
            f"{figure.value:g} against {floor:g}): --parser {WITHOUT_WEIGHTS} is used"
        )
    return ParserChoice(WITHOUT_WEIGHTS, reason=reason)


def _with_weights(wanted: str, weights: str, commercial: bool) -> ParserChoice:
    if wanted != AUTO and not find_parser(wanted).family:
        raise ConfigError(
            f"the parser {wanted} takes no weights, but {weights} was given",
            code="no_weights_wanted",
            hint=f"Leave out --parser-weights, or name one of {', '.join(_families(PARSERS))}.",
        )
    found = checkpoints.find(weights, commercial=commercial)
    of_family = {info.family: name for name, info in PARSERS.items() if info.family}
    name = of_family.get(found.family, "") if wanted == AUTO else wanted
    if not name or find_parser(name).family != found.family:
        said = found.family or "that their metadata do not name"
        whose = f"the parser {wanted}" if wanted != AUTO else "a parser that is known"
        raise InputError(
            f"{found.path}: these are weights of the family {said}, not of {whose}",
            code="wrong_weights",
            hint="See what there is with: vtonctl weights list",
        )
    _need_package(name, find_parser(name))
    return ParserChoice(name, found)


def _families(parsers: Mapping[str, ParserInfo]) -> list[str]:
    return [name for name, info in parsers.items() if info.family]


def _is_installed(info: ParserInfo) -> bool:
    return not info.package or find_spec(info.package) is not None


def _need_package(name: str, info: ParserInfo) -> None:
    if not _is_installed(info):
        raise ExtraMissing(f"the parser {name} needs {info.package}", info.extra)
