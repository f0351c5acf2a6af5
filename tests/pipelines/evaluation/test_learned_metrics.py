"""LPIPS, FID and KID: against their equations, and never by weights that are not the published."""

import hashlib
import math
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import linalg
from torch.nn import functional as F

from pipelines.evaluation import learned_metrics
from pipelines.evaluation.learned_metrics import (
    InceptionFeatures,
    Lpips,
    PublishedFile,
    frechet_distance,
    kernel_distance,
    load_learned_metrics,
)


@pytest.fixture(scope="module")
def features():
    """Two sets of features, apart in mean and spread: float32 [40, 12] and [50, 12]."""
    random = np.random.default_rng(7)
    mix = random.normal(size=(12, 12))
    made = random.normal(size=(40, 12)) @ mix + 0.7
    true = random.normal(size=(50, 12)) @ mix * 1.3
    return list(made.astype(np.float32)), list(true.astype(np.float32))


def test_frechet_distance_is_the_published_equation(features):
    """Heusel et al. 2017: |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))."""
    made, true = (np.stack(f).astype(float) for f in features)
    one, two = np.cov(made.T), np.cov(true.T)
    root = linalg.sqrtm(one @ two).real
    apart = made.mean(0) - true.mean(0)
    expected = apart @ apart + np.trace(one + two - 2 * root)
    assert frechet_distance(*features) == pytest.approx(expected, rel=1e-4)
    assert frechet_distance(features[0], features[0]) == pytest.approx(0, abs=1e-3)


def test_kernel_distance_is_the_published_equation(features):
    """Binkowski et al. 2018: the unbiased MMD with the kernel (x y / d + 1)^3."""
    made, true = (np.stack(f[:40]).astype(float) for f in features)

    def kernel(a, b):
        return (a @ b.T / a.shape[1] + 1) ** 3

    def off_diagonal(k):
        return (k.sum() - np.trace(k)) / (len(k) * (len(k) - 1))

    between = kernel(made, true).mean()
    expected = off_diagonal(kernel(made, made)) + off_diagonal(kernel(true, true)) - 2 * between
    found = kernel_distance(features[0], features[1][:40])
    assert found == pytest.approx(expected, rel=1e-3)
    assert found == kernel_distance(features[0], features[1][:40]), "draws do not depend on luck"


def test_kernel_distance_leaves_the_caller_s_luck_alone(features):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    kernel_distance(*features)
    assert torch.rand(1) == expected


def test_a_set_of_one_picture_has_no_distance(features):
    made, true = features
    assert math.isnan(frechet_distance(made[:1], true))
    assert math.isnan(kernel_distance(made, true[:1]))


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty folder in the place of PyTorch's own."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    return folder


def published(monkeypatch, folder, content):
    """Let AlexNet's file have this content, and the name that belongs to it."""
    name = f"alexnet-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    monkeypatch.setattr(
        learned_metrics, "ALEXNET", PublishedFile(name, f"https://example.org/{name}")
    )
    (folder / name).write_bytes(content)
    return folder / name


class Loaded:
    """Stands in for a network that would be loaded."""


def test_without_files_everything_is_left_out(hub):
    found = load_learned_metrics()
    assert found.lpips is None and found.inception is None
    assert set(found.left_out) == {"LPIPS", "FID, KID"}
    assert str(hub / "alexnet-owt-7be5be79.pth") in found.left_out["LPIPS"]
    assert "https://download.pytorch.org/models/alexnet" in found.left_out["LPIPS"]


def saved(value, tmp_path):
    torch.save(value, tmp_path / "saved")
    return (tmp_path / "saved").read_bytes()


def test_the_published_file_is_taken(hub, monkeypatch, tmp_path):
    monkeypatch.setattr(learned_metrics, "Lpips", Loaded)
    published(monkeypatch, hub, saved({"weight": torch.zeros(3)}, tmp_path))
    found = load_learned_metrics()
    assert isinstance(found.lpips, Loaded) and set(found.left_out) == {"FID, KID"}


def test_a_changed_file_is_left_alone(hub, monkeypatch, tmp_path):
    monkeypatch.setattr(learned_metrics, "Lpips", Loaded)
    path = published(monkeypatch, hub, saved({"weight": torch.zeros(3)}, tmp_path))
    path.write_bytes(path.read_bytes()[:-1])
    found = load_learned_metrics()
    assert found.lpips is None and "not the published file" in found.left_out["LPIPS"]


class Malice:
    def __reduce__(self):
        return (eval, ("__import__('pathlib').Path('harm').write_text('done')",))


@pytest.mark.parametrize("kind", ["pickle", "torch"])
def test_a_file_that_holds_more_than_tensors_is_never_run(hub, monkeypatch, tmp_path, kind):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(learned_metrics, "Lpips", Loaded)
    harm = {"weight": Malice()}
    published(monkeypatch, hub, pickle.dumps(harm) if kind == "pickle" else saved(harm, tmp_path))
    found = load_learned_metrics()
    assert found.lpips is None and "more than tensors" in found.left_out["LPIPS"]
    assert not (tmp_path / "harm").exists()


def test_a_package_that_is_missing_is_named(hub, monkeypatch):
    monkeypatch.setattr(learned_metrics, "find_spec", lambda name: None)
    assert "vtonctl[eval]" in load_learned_metrics().left_out["FID, KID"]


def test_lpips_is_the_published_distance(monkeypatch):
    """Zhang et al. 2018, equation 1, by a network of chance in AlexNet's place."""
    import torchmetrics.functional.image.lpips as published_lpips
    from torchvision.models import alexnet

    torch.manual_seed(3)
    network = alexnet(weights=None).features.eval()
    monkeypatch.setattr(published_lpips, "_get_tv_model_features", lambda *_: network)
    metric = Lpips()
    random = np.random.default_rng(2)
    made, true = random.integers(0, 256, (2, 80, 72, 3), dtype=np.uint8)

    folder = Path(published_lpips.__file__).parent
    linear = torch.load(folder / "lpips_models" / "alex.pth", map_location="cpu", weights_only=True)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((-0.030, -0.088, -0.188),
                                                       (0.458, 0.448, 0.450)))  # fmt: skip
    maps = []
    for picture in (made, true):
        x = ((torch.from_numpy(picture).permute(2, 0, 1) / 127.5 - 1) - mean) / std
        found = []
        for layer in network:
            x = layer(x[None])[0]
            if isinstance(layer, torch.nn.ReLU):
                found.append(F.normalize(x, dim=0))
        maps.append(found)
    expected = sum(
        (linear[f"lin{n}.model.1.weight"][0] * (a - b) ** 2).sum(0).mean()
        for n, (a, b) in enumerate(zip(*maps, strict=True))
    )
    assert metric(made, true) == pytest.approx(float(expected), rel=1e-3)
    assert metric(true, true) == 0
    assert metric(made, true) == pytest.approx(float(expected), rel=1e-3), "no figure is summed"


def test_features_of_inception(monkeypatch):
    fidelity = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    monkeypatch.setattr(fidelity, "load_state_dict_from_url", lambda *_, **__: {})
    monkeypatch.setattr(
        fidelity.FeatureExtractorInceptionV3, "load_state_dict", lambda *_, **__: None
    )
    network = InceptionFeatures()
    picture = np.random.default_rng(2).integers(0, 256, (64, 48, 3), dtype=np.uint8)
    found = network(picture)
    assert found.shape == (2048,) and found.dtype == np.float32
    assert (network(picture) == found).all() and (network(255 - picture) != found).any()
