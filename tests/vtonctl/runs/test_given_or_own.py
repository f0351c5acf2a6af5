"""What a data set gives and what we make instead, by each wish."""

import numpy as np
import pytest

from pipelines import codecs
from pipelines.errors import ItemError, UsageError
from pipelines.layout import Artifact
from pipelines.stage import Outputs
from vtonctl.runs.dataroot import DataRoot
from vtonctl.runs.given_or_own import GivenOrOwn, check_wish, lacks_some

MASK = Artifact.CLOTH_MASK
GIVEN, OWN = np.ones((8, 6), bool), np.zeros((8, 6), bool)


@pytest.fixture
def data(tmp_path):
    """The mask of ``tee`` is there, that of ``polo`` is not, that of ``bad`` cannot be read."""
    root = DataRoot(tmp_path, "test", "viton-hd")
    folder = root.path(MASK, "tee").parent
    folder.mkdir(parents=True)
    root.path(MASK, "tee").write_bytes(codecs.encode(GIVEN, root.layout.place(MASK).encoding))
    root.path(MASK, "bad").write_bytes(b"no picture")
    return root


class Maker:
    """A stage that makes empty masks and counts how often it was loaded."""

    def __init__(self):
        self.loaded = 0

    def load(self):
        self.loaded += 1
        return lambda batch: [
            ItemError("no", code="no_garment") if "refuse" in item else Outputs({MASK: OWN})
            for item in batch
        ]


def source(data, wish, maker=None):
    return GivenOrOwn(data, MASK, wish, maker.load if maker else None)


@pytest.mark.parametrize(
    ("wish", "tee", "polo"), [("auto", GIVEN, OWN), ("own", OWN, OWN), ("given", GIVEN, None)]
)
def test_wishes(data, wish, tee, polo):
    maker = Maker()
    found = source(data, wish, maker)
    assert (found.find("tee", {}) == tee).all()
    if polo is None:
        with pytest.raises(ItemError) as caught:
            found.find("polo", {})
        assert caught.value.code == "missing_input" and maker.loaded == 0
        assert found.counts == {"given": 1, "own": 0}
        return
    assert (found.find("polo", {}) == polo).all()
    assert sum(found.counts.values()) == 2 and maker.loaded == 1, "loaded once for all"


def test_a_bad_file_is_told_and_never_replaced(data):
    for wish in ("auto", "given"):
        with pytest.raises(ItemError) as caught:
            source(data, wish, Maker()).find("bad", {})
        assert caught.value.code == "unreadable"
    assert (source(data, "own", Maker()).find("bad", {}) == OWN).all()


def test_trouble_of_our_own(data):
    found = source(data, "own", Maker())
    with pytest.raises(ItemError, match="no"):
        found.find("polo", {"refuse": True})
    assert found.counts == {"given": 0, "own": 0}


def test_nobody_there_to_make_one(data):
    with pytest.raises(ItemError) as caught:
        source(data, "auto").find("polo", {})
    assert caught.value.code == "missing_input"


def test_what_is_lacking(data):
    assert not lacks_some(data, MASK, "auto", ["tee"])
    assert lacks_some(data, MASK, "auto", ["tee", "polo"])
    assert lacks_some(data, MASK, "own", ["tee"])
    assert not lacks_some(data, MASK, "given", ["polo"])
    # this layout has no place for body masks
    assert lacks_some(data, Artifact.BODY_MASK, "auto", [])
    assert source(data, "auto", Maker()).given("polo") is None
    assert GivenOrOwn(data, Artifact.BODY_MASK, "auto", None).given("tee") is None


def test_an_unknown_wish():
    with pytest.raises(UsageError, match="--parse 'guess'"):
        check_wish("--parse", "guess")
    check_wish("--parse", "own")
