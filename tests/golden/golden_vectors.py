"""Comparison with the numbers of the published code."""

import json
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent


def stored(case):
    """The arrays of a case by name."""
    with np.load(HERE / "vectors" / f"{case}.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def assert_golden(case, **outputs):
    """Each output is within the limits of its case."""
    arrays = stored(case)
    limits = json.loads((HERE / "vectors" / "limits.json").read_text())[case]
    for name, tensor in outputs.items():
        found = tensor.detach().cpu().numpy().astype(np.float64)
        assert np.isfinite(found).all()
        if f"{name}.all" in arrays:
            wanted = arrays[f"{name}.all"]
            assert found.shape == wanted.shape
        else:
            assert found.shape == tuple(arrays[f"{name}.shape"])
            found, wanted = found.ravel()[arrays[f"{name}.index"]], arrays[f"{name}.value"]
        difference = np.abs(found - wanted)
        assert difference.max() <= limits[name]["largest"], (case, name, difference.max())
        assert np.quantile(difference, 0.999) <= limits[name]["quantile_999"], (case, name)


def published_shapes(network):
    """Names and shapes in a published checkpoint, for example of ``vitonhd_seg``."""
    lines = (HERE / "keys" / f"{network}_keys.txt").read_text().splitlines()
    pairs = (line.split("\t") for line in lines)
    return {name: tuple(json.loads(f"[{shape.strip('(),')}]")) for name, shape in pairs}
