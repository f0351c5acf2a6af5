"""Published parses of VITON call necks background: try-on systems are given them all the same."""

from types import SimpleNamespace

import numpy as np
import pytest
from fake_stages import TryOn
from tryon_roots import person, small_root

from pipelines import registry
from pipelines.labels import LIP20
from pipelines.layout import Artifact, find_layout
from pipelines.segmentation.neck import completed
from pipelines.types import ParseMap
from vtonctl.runs.dataroot import DataRoot
from vtonctl.runs.filehash import sha256_of
from vtonctl.runs.item_files import read_bytes
from vtonctl.runs.pair_worker import run_pair
from vtonctl.runs.tasks import PairTask, StageSpec
from vtonctl.runs.tryon_cases import PairInputs

PERSON, GARMENT = "0000_0", "0000_1"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("roots")
    for layout in ("cp-vton", "cp-vton-plus"):
        small_root(find_layout(layout), root / layout, train=0, val=1)
    return root


@pytest.fixture(scope="module")
def without_neck():
    photo, parse, pose = person(0)
    ids = np.where(parse.ids == LIP20.NECK, LIP20.BACKGROUND, parse.ids)
    made = completed(photo, ParseMap(ids.astype(np.uint8), LIP20), pose).ids
    assert (made == LIP20.NECK).any() and (ids == LIP20.NECK).sum() == 0
    return made


def dressed_as(tmp_path, root, layout):
    """The parse that a run gives to the system."""
    data = DataRoot(root / layout, "val", layout)
    of = {a: PERSON for a in (Artifact.IMAGE, Artifact.POSE, Artifact.PARSE)}
    of |= {a: GARMENT for a in (Artifact.CLOTH, Artifact.CLOTH_MASK)}
    given = []

    class Watching(TryOn):
        def prepare_person(self, person):
            given.append(person.parse)
            return person

    task = PairTask(
        item="pair",
        person=PERSON,
        garment=GARMENT,
        root=data.root,
        split=data.split,
        layout=layout,
        out=tmp_path,
        spec=StageSpec(registry.SYSTEMS["geometric"][0], str(tmp_path)),
        fingerprint="",
        inputs={a.value: sha256_of(read_bytes(data.path(a, item))) for a, item in of.items()},
        seed=0,
        image_format="png",
        quality=90,
    )
    outcome = run_pair(task, Watching())
    assert outcome.status == "done", outcome
    return given[0]


def judged_as(root, layout, wish):
    """The parse that an evaluation gives to the systems, and the one that it judges by."""
    data = DataRoot(root / layout, "val", layout)
    own = SimpleNamespace(parse=person(0)[1])
    inputs = PairInputs(data, parse=wish, parser=lambda: own, pose="given", pose_model="")
    pair = inputs.read(PERSON, GARMENT, None, 0)
    return pair.person.parse, pair.judged_by


def test_a_run_completes_parses_of_a_layout_without_necks(tmp_path, root, without_neck):
    parse = dressed_as(tmp_path, root, "cp-vton")
    np.testing.assert_array_equal(parse.ids, without_neck)


def test_a_run_leaves_parses_with_necks_as_they_are(tmp_path, root):
    parse = dressed_as(tmp_path, root, "cp-vton-plus")
    np.testing.assert_array_equal(parse.ids, person(0)[1].ids)


def test_an_evaluation_completes_them_and_judges_by_the_published_ones(root, without_neck):
    given, judged_by = judged_as(root, "cp-vton", "given")
    np.testing.assert_array_equal(given.ids, without_neck)
    assert not judged_by.mask(LIP20.NECK).any()
    given, judged_by = judged_as(root, "cp-vton-plus", "given")
    np.testing.assert_array_equal(given.ids, person(0)[1].ids)
    np.testing.assert_array_equal(judged_by.ids, given.ids)
