"""Weights and inputs that follow from names and shapes alone, for comparing with published code.

Each array is drawn from its own generator, ``PCG64(crc32(name))``. Weights are computed in float64
and scaled so that activations keep their size, whatever the depth of the network.
"""

import math
import zlib

import numpy as np
import torch

GAIN = math.sqrt(2)
POWER_ITERATIONS = 10


def stream(name):
    """The random numbers of a name."""
    return np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))


def filled(make, **options):
    """``make()`` built without memory of its own, with the weights of its names, for evaluation."""
    with torch.device("meta"):
        network = make()
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    network.load_state_dict(golden_state(shapes, **options), strict=True, assign=True)
    return network.eval().requires_grad_(False)


def golden_state(shapes, *, noise_scale=False):
    """Tensors by name for shapes by name; ``noise_scale``: whether noise is to have an effect."""
    state = {}
    for name, shape in shapes.items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.zeros(shape, dtype=torch.int64)
        elif name.startswith("stn.tps."):
            state[name] = torch.zeros(shape)  # constants that follow from the size
        elif not name.endswith(("weight_u", "weight_v")):
            state[name] = _float(_values(name, shape, noise_scale))
    for name in (name for name in shapes if name.endswith("weight_u")):
        stem = name.removesuffix("weight_u")
        u, v = _singular_vectors(stem, shapes[f"{stem}weight_orig"])
        state |= {f"{stem}weight_u": _float(u), f"{stem}weight_v": _float(v)}
    return state


def _values(name, shape, noise_scale):
    normal = stream(name).standard_normal(shape)
    if name.endswith("loc_net.cnn.fc2.bias"):
        return np.arctanh(_lattice()) + 0.05 * normal
    if name.endswith("running_var"):
        return 1 + 0.1 * np.abs(normal)
    if name.endswith(("running_mean", "bias")):
        return 0.05 * normal
    if name.endswith("noise_scale"):
        return 0.1 * normal if noise_scale else np.zeros(shape)
    if not name.endswith(("weight", "weight_orig")):
        raise ValueError(f"no rule for {name}")
    if len(shape) == 1:
        return 1 + 0.05 * normal
    # warps of moderate strength: their parameters pass through tanh
    moderate = {"regression.linear.weight": 0.25, "loc_net.cnn.fc2.weight": 0.1}
    gain = GAIN * next((g for end, g in moderate.items() if name.endswith(end)), 1)
    return gain * normal / math.sqrt(math.prod(shape[1:]))


def _lattice():
    """25 control points in -0.9..0.9 as x, y, x, y ..., x fastest."""
    line = np.linspace(-0.9, 0.9, 5)
    return np.stack(np.meshgrid(line, line), -1).ravel()


def _singular_vectors(stem, shape):
    """Not converged: what spectral normalisation makes of them is part of the comparison."""
    matrix = _values(f"{stem}weight_orig", shape, False).reshape(shape[0], -1)
    u = _unit(stream(f"{stem}weight_u").standard_normal(shape[0]))
    for _ in range(POWER_ITERATIONS):
        v = _unit(matrix.T @ u)
        u = _unit(matrix @ v)
    return u, v


def _unit(vector):
    return vector / np.linalg.norm(vector)


def _float(values):
    return torch.from_numpy(np.ascontiguousarray(values, np.float64)).float()


# --- inputs ---------------------------------------------------------------------------------


def uniform(name, *shape):
    """In -1..1, without structure."""
    return _float(stream(name).random(shape) * 2 - 1)


def binary(name, *shape):
    """0 or 1, without structure."""
    return _float(stream(name).random(shape) < 0.5)


def smooth(name, *shape):
    """Pictures in -1..1 that change slowly."""
    return _float(_waves(name, shape))


def blob(name, *shape):
    """Masks 0 or 1 of a few large regions."""
    return _float(_waves(name, shape) > 0)


def soft(name, *shape):
    """Masks in 0..1 with slanting edges."""
    return _float(np.clip(_waves(name, shape) * 1.5 + 0.5, 0, 1))


def regions(name, *shape):
    """A label map as one channel for each label."""
    labels = torch.from_numpy(_waves(name, shape).argmax(1))
    return torch.nn.functional.one_hot(labels, shape[1]).permute(0, 3, 1, 2).float().contiguous()


def _waves(name, shape, cells=8):
    """Bilinear between the corners of 8 x 8 cells, first down, then across."""
    *lead, height, width = shape
    corners = stream(name).random((*lead, cells + 1, cells + 1)) * 2 - 1

    def places(count):
        at = np.linspace(0, cells, count)
        first = np.minimum(at.astype(int), cells - 1)
        return first, at - first

    row, down = places(height)
    column, across = places(width)
    lines = corners[..., row, :] * (1 - down)[:, None] + corners[..., row + 1, :] * down[:, None]
    return lines[..., column] * (1 - across) + lines[..., column + 1] * across


def divided(seg, misalign):
    """The layout with the misaligned part of the upper clothes (2) as a channel, and that part."""
    misalign = misalign * seg[:, 2:3]
    parted = torch.cat((seg, misalign), 1)
    parted[:, 2:3] -= misalign
    return parted, misalign


def alias_inputs(height, width, misalign):
    """Inputs of the image generator; ``misalign`` is ``blob`` or ``soft``."""
    name = f"alias.{height}x{width}"
    seg = regions(f"{name}.seg", 1, 7, height, width)
    seg_div, mask = divided(seg, misalign(f"{name}.misalign", 1, 1, height, width))
    x = smooth(f"{name}.x", 1, 9, height, width)
    return {"x": x, "seg": seg, "seg_div": seg_div, "misalign": mask}
