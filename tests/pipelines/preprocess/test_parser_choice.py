"""Which parser is taken for a wish, with which weights."""

import sys

import pytest

from pipelines.errors import ConfigError, ExtraMissing, InputError, WeightsMissing
from pipelines.preprocess import parsing
from pipelines.preprocess.parser_choice import choose_parser, usable_parsers
from pipelines.preprocess.parsing import ParserInfo, ParseStage


@pytest.fixture
def parsers(shelf):
    """Two learned parsers, one of them with a package of stricter terms, and one without."""
    known = {
        "toy": ParserInfo("toy:load", family="parser.toy"),
        "geometric": ParserInfo("geometric:load"),
        "strict": ParserInfo(
            "strict:load", family="parser.strict", extra="yolo", package="json", terms="AGPL-3.0"
        ),
    }
    before = dict(parsing.PARSERS)
    parsing.PARSERS.clear()
    parsing.PARSERS.update(known)
    yield shelf
    # their order is a preference: entries that are put back one by one would be out of it
    parsing.PARSERS.clear()
    parsing.PARSERS.update(before)


def chosen(*args, **kwargs):
    choice = choose_parser(*args, **kwargs)
    return choice.name, choice.weights and choice.weights.name


def test_without_weights_auto_needs_none_and_says_so(parsers):
    choice = choose_parser()
    assert (choice.name, choice.weights) == ("geometric", None)
    assert choice.reason == "no weights of a parser are installed: --parser geometric is used"
    parsers.add("mine", tier="research")
    assert choose_parser().reason == ""
    assert "that allow commercial use" in choose_parser(commercial=True).reason


def test_weights_that_are_worse_than_none_are_not_taken(parsers):
    parsing.PARSERS["geometric"] = ParserInfo("geometric:load", figure=0.7)
    parsers.add("toy-1", value=0.69)
    choice = choose_parser(commercial=True)
    assert (choice.name, choice.weights) == ("geometric", None)
    assert "commercial use are worse than none (" in choice.reason
    assert "0.69 against 0.7): --parser geometric is used" in choice.reason
    assert chosen("toy") == ("toy", "toy-1"), "who asks for it gets it"
    parsers.add("toy-2", value=0.7)
    assert chosen() == ("toy", "toy-2")


def test_auto_takes_the_best_figure_of_all_parsers(parsers):
    parsers.add("toy-1", value=0.5)
    parsers.add("strict-1", family="parser.strict", value=0.6)
    assert chosen() == ("strict", "strict-1")
    assert chosen(commercial=True) == ("toy", "toy-1"), "the package's terms are stricter"
    parsers.add("toy-2", value=0.6)
    assert chosen() == ("toy", "toy-2"), "of equally good ones the first parser"


def test_a_parser_whose_package_is_missing_is_left_out(parsers):
    parsers.add("toy-1", value=0.5)
    parsers.add("strict-1", family="parser.strict", value=0.6)
    info = vars(parsing.PARSERS["strict"])
    parsing.PARSERS["strict"] = ParserInfo(**{**info, "package": "no_such_package"})
    assert chosen() == ("toy", "toy-1")
    assert usable_parsers() == {"parser.toy": "toy"}
    with pytest.raises(ExtraMissing, match=r"needs no_such_package.*vtonctl\[yolo\]"):
        choose_parser("strict")


def test_a_parser_by_name(parsers):
    parsers.add("toy-1", value=0.5)
    parsers.add("strict-1", family="parser.strict", value=0.6)
    assert chosen("toy") == ("toy", "toy-1")
    assert chosen("geometric") == ("geometric", None)
    assert chosen("strict", commercial=True) == ("strict", "strict-1"), "asked for by name"
    with pytest.raises(ConfigError, match=r"unknown parser 'tyo'.*auto, "):
        choose_parser("tyo")


def test_what_would_work_is_told(parsers):
    parsers.add("toy-1", tier="research")
    with pytest.raises(WeightsMissing) as refused:
        choose_parser("toy", commercial=True)
    assert refused.value.exit_code == 69
    assert "parser.toy: no weights allow commercial use (toy-1: for research)" in str(refused.value)
    assert "--parser geometric" in refused.value.hint
    with pytest.raises(WeightsMissing) as refused:
        choose_parser("strict")
    assert "--parser toy" in refused.value.hint
    assert "vtonctl train parser.strict" in refused.value.hint


def test_weights_by_name_or_file(parsers):
    parsers.add("toy-1", value=0.9)
    path = parsers.add("toy-2", value=0.1)
    assert chosen(weights="toy-2") == chosen("toy", weights="toy-2") == ("toy", "toy-2")
    assert chosen(weights=str(path)) == ("toy", "toy-2.safetensors")


def test_weights_of_another_parser(parsers):
    path = parsers.add("odd", family="parser.gone")
    for wanted, words in (("auto", "not of a parser that is known"), ("toy", "the parser toy")):
        with pytest.raises(InputError, match=words) as refused:
            choose_parser(wanted, weights=str(path))
        assert "parser.gone" in refused.value.message
    nameless = parsers.add("nameless", about={"family": ""})
    with pytest.raises(InputError, match="metadata do not name"):
        choose_parser("toy", weights=str(nameless))
    with pytest.raises(ConfigError, match="geometric takes no weights"):
        choose_parser("geometric", weights="odd")


def test_a_stage_loads_only_what_was_planned(parsers, monkeypatch):
    loaded = []
    toy = type(sys)("toy")
    toy.load = lambda **given: loaded.append(given)
    monkeypatch.setitem(sys.modules, "toy", toy)
    weights = choose_parser(weights=str(parsers.add("toy-1"))).weights
    wanted = {"weights": weights.path, "device": "cpu", "precision": "bf16"}
    ParseStage(parser="toy", weights_sha256=weights.sha256, **wanted)
    assert loaded == [wanted]
    parsers.add("toy-1", about={"code_version": "2"})
    with pytest.raises(InputError, match="toy-1"):
        ParseStage(parser="toy", weights_sha256=weights.sha256, **wanted)
    assert len(loaded) == 1
