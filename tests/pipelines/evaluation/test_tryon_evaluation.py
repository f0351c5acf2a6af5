"""Judging try-on pictures of known answers."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from skimage.metrics import peak_signal_noise_ratio

from pipelines.errors import ItemError
from pipelines.evaluation.learned_metrics import LearnedMetrics
from pipelines.evaluation.tryon import (
    MEAN_COLOUR,
    Dressed,
    TryOnCase,
    evaluate_tryon,
    tryon_region,
)
from pipelines.evaluation.tryon_sheet import Gallery
from pipelines.labels import LIP20
from pipelines.stage import TryOnResult
from pipelines.types import ParseMap

SIZE = (64, 48)
NONE = LearnedMetrics(left_out={"LPIPS": "no file", "FID, KID": "no file"})


def parse_of(size=SIZE, **boxes):
    ids = np.zeros(size, np.uint8)
    for label, (top, bottom, left, right) in boxes.items():
        ids[top:bottom, left:right] = LIP20[label]
    return ParseMap(ids, LIP20)


PARSE = parse_of(UPPER=(20, 40, 16, 32), FACE=(4, 14, 20, 28), PANTS=(40, 60, 16, 32))
WORN = PARSE.mask(LIP20.UPPER)


def photo(seed=0):
    noise = np.random.default_rng(seed).uniform(0, 255, (*SIZE, 3))
    return ndimage.gaussian_filter(noise, (2, 2, 0)).astype(np.uint8)


def dressed(image, edited=None, **cost):
    everywhere = np.ones(image.shape[:2], np.float32)
    return Dressed(
        TryOnResult(image, everywhere if edited is None else edited.astype(np.float32), 1.0), **cost
    )


def case(item="ann__tee", seed=0, mask=None, **systems):
    image = photo(seed)
    made = {name: make(image) for name, make in systems.items()}
    return TryOnCase(item, image, image[:, :20], PARSE, made, mask)


def evaluate(cases, systems=("one",), *, paired=True, learned=NONE, keep=0):
    gallery = Gallery(systems, keep)
    return evaluate_tryon(cases, systems, paired=paired, learned=learned, gallery=gallery)


def same(image):
    return dressed(image.copy(), prepare_s=2.0, dress_s=1.0, processor_s=2.5, peak_bytes=7)


def failed(_):
    return Dressed(None, error=ItemError("not seen", code="uncertain_pose"))


@pytest.mark.parametrize(("height", "rim"), [(256, 5), (512, 10), (1024, 20), (64, 1), (20, 1)])
def test_the_region_grows_by_five_pixels_of_256(height, rim):
    middle = height // 2
    lone = parse_of((height, height), LEFT_ARM=(middle, middle + 1, middle, middle + 1))
    rows, columns = np.nonzero(tryon_region(lone))
    # a disc: as far in the four main directions, less in the corners
    assert (rows.min(), rows.max()) == (middle - rim, middle + rim)
    assert (columns.min(), columns.max()) == (middle - rim, middle + rim)
    assert not tryon_region(lone)[middle - rim, middle - rim]


def test_the_region_is_what_a_top_can_change():
    inside = {"UPPER", "DRESS", "COAT", "NECK", "LEFT_ARM", "RIGHT_ARM"}
    for label in LIP20:
        found = tryon_region(parse_of((40, 40), **{label.name: (10, 20, 10, 20)}))
        assert found[10:20, 10:20].all() == (label.name in inside), label
        assert found.any() == (label.name in inside)


def test_a_perfect_picture():
    found = evaluate([case(one=same)])
    floor, one = found.systems
    assert (floor.name, one.name, found.compared) == (MEAN_COLOUR, "one", 1)
    assert one.means["ssim"] == one.means["region_ssim"] == pytest.approx(1)
    assert one.means["psnr"] == 100
    # a picture that is the photo itself is no painting: it kept all of the garment
    assert one.means["kept"] == 1 and one.means["repainted"] == 1 and one.outside == 0
    assert math.isnan(one.means["ms_ssim"]), "too small a picture"
    assert math.isnan(one.means["lpips"]) and found.left_out == NONE.left_out
    assert (one.prepare_s, one.dress_s, one.processor_s, one.peak_bytes) == (2.0, 1.0, 2.5, 7)


def test_the_floor_is_the_region_in_the_colour_of_the_garment():
    image = photo()
    region = ndimage.binary_dilation(WORN, iterations=1)  # one pixel: a cross is the disc
    painted = image.copy()
    painted[region] = np.rint(image[WORN].mean(0))
    floor = evaluate([case(one=same)]).systems[0]
    expected = peak_signal_noise_ratio(image, painted, data_range=255)
    assert floor.means["psnr"] == pytest.approx(expected)
    assert floor.means["region_ssim"] < floor.means["ssim"] < 1
    assert math.isnan(floor.dress_s) and floor.peak_bytes == 0


def test_only_the_region_enters_its_figure():
    def spoilt(image):
        image = image.copy()
        image[52:, :] = 255  # trousers, far from the region
        return dressed(image)

    one = evaluate([case(one=spoilt)]).systems[1]
    assert one.means["region_ssim"] == pytest.approx(1)
    assert one.means["ssim"] < 0.95


def test_what_leaks_is_told():
    upper_half = np.zeros(SIZE, bool)
    upper_half[:30] = True

    def half(image):
        image = image.copy()
        image[upper_half] = 255 - image[upper_half]
        image[50, 3] = np.where(image[50, 3] > 128, image[50, 3] - 9, image[50, 3] + 9)
        return dressed(image, edited=upper_half)

    found = evaluate([case(one=half, mask=upper_half), case("bob__tee", one=half, mask=WORN)])
    one = found.systems[1]
    assert one.means["repainted"] == one.least_repainted == pytest.approx(0.5)
    assert one.means["kept"] == pytest.approx(0.5, abs=0.05)
    assert one.outside == 9, "it says that it left that pixel alone"
    coverage = found.coverage
    assert (coverage.persons, coverage.below, coverage.least) == (2, 1, 0.5)
    assert coverage.mean == pytest.approx(0.75)


def test_systems_are_compared_by_the_pairs_that_all_made():
    def bad(image):
        return dressed(255 - image)

    cases = [
        case("ann__tee", 1, one=same, two=bad),
        case("bob__tee", 2, one=bad, two=failed),
        case("cid__tee", 3, one=same, two=bad),
    ]
    found = evaluate(cases, ("one", "two"))
    _, one, two = found.systems
    assert found.compared == 2
    # bob's bad picture is no system's advantage
    assert one.means["ssim"] == pytest.approx(1) and len(one.pairs) == 3
    assert two.means["ssim"] < 0.5
    assert [(p.item, p.error.code) for p in two.failed] == [("bob__tee", "uncertain_pose")]
    assert one.failed == ()


def test_a_system_that_made_nothing():
    found = evaluate([case(one=same, two=failed)], ("one", "two"))
    assert found.compared == 0
    assert all(math.isnan(s.means["ssim"]) for s in found.systems)
    assert math.isnan(found.systems[2].dress_s)


def test_a_picture_of_another_size_is_a_failure():
    one = evaluate([case(one=lambda image: dressed(image[:-1]))]).systems[1]
    assert [p.error.code for p in one.failed] == ["size_mismatch"]


def test_persons_without_a_known_garment_enter_no_share():
    nobody = TryOnCase(
        "ann__tee", photo(), photo(), parse_of(), {"one": same(photo())}, np.ones(SIZE, bool)
    )
    found = evaluate([nobody])
    assert found.coverage.persons == 0 and math.isnan(found.coverage.mean)
    one = found.systems[1]
    assert math.isnan(one.means["repainted"]) and math.isnan(one.least_repainted)
    assert math.isnan(one.means["region_ssim"]) and one.means["ssim"] == pytest.approx(1)


def test_unpaired_there_is_no_truth():
    found = evaluate([case(one=same), case("bob__tee", 1, one=same)], paired=False, keep=9)
    (one,) = found.systems
    assert math.isnan(one.means["ssim"]) and math.isnan(one.means["psnr"])
    assert one.dress_s == 1 and found.compared == 2
    assert set(found.left_out) == {"FID, KID"}, "LPIPS would need a truth"
    assert len(found.gallery.sheets()) == 1


class Counted:
    """Features that tell pictures apart, and how many were looked at."""

    def __init__(self):
        self.seen = 0

    def __call__(self, picture):
        self.seen += 1
        means = picture.reshape(8, -1).mean(1).astype(np.float32)
        return means


def test_learned_figures_are_over_the_compared_pairs():
    learned = LearnedMetrics(lpips=lambda made, true: float((made != true).mean()),
                             inception=Counted())  # fmt: skip
    cases = [case(f"{n}__tee", n, one=same, two=failed if n == 2 else same) for n in range(4)]
    found = evaluate(cases, ("one", "two"), learned=learned)
    floor, one, _ = found.systems
    assert one.means["lpips"] == 0 < floor.means["lpips"]
    assert one.means["fid"] == pytest.approx(0, abs=1e-3)
    assert floor.means["fid"] > 1
    assert not math.isnan(one.means["kid"])
    # 4 photos, 4 floors, 4 pictures of the one and 3 of the other
    assert learned.inception.seen == 15
    assert found.left_out == {}


def test_means_by_level():
    def spoilt(image):
        return dressed(np.zeros_like(image))

    cases = [
        replace(case(str(n), n, one=made), level=level)
        for n, (level, made) in enumerate(
            [("easy", same), ("easy", spoilt), ("hard", spoilt), ("", same), ("hard", failed)]
        )
    ]
    found = evaluate(cases)
    assert found.levels == {"easy": 2, "medium": 0, "hard": 1} and found.compared == 4
    one = found.systems[1]
    assert set(one.levels) == {"easy", "hard"}
    values = {pair.item: pair.psnr for pair in one.pairs}
    assert one.levels["easy"]["psnr"] == pytest.approx((values["0"] + values["1"]) / 2)
    assert one.levels["hard"]["psnr"] == pytest.approx(values["2"])
    assert one.levels["easy"]["ssim"] > one.levels["hard"]["ssim"]
