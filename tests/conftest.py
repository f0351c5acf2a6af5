"""Fixtures that several test folders share."""

import os
from pathlib import Path

import numpy as np
import pytest

REPO = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the research photographs, which are not part of the project."""
    folder = Path(os.environ.get("VTONCTL_SHARED_DATA", REPO.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("the research photographs are not on this machine")
    return folder


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """A real person (public domain): uint8 [512, 512, 3] RGB."""
    from skimage import data

    return data.astronaut()


@pytest.fixture(scope="session")
def grace_hopper() -> np.ndarray:
    """Another real person (public domain): uint8 [606, 512, 3] RGB."""
    import matplotlib.cbook
    from PIL import Image

    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        return np.asarray(Image.open(file).convert("RGB"))
