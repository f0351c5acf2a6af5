"""Surroundings in which ultralytics stays off the network and out of the user's home folder.

ultralytics reads its environment when it is imported; by itself it keeps settings and fonts below
the home folder, looks for a network, sends usage figures, and downloads fonts and models.
"""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pipelines.errors import ExtraMissing

_VARIABLES: Mapping[str, str] = {
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
    "YOLO_VERBOSE": "false",
    "ULTRALYTICS_SAFE_LOAD": "true",
    "NO_ALBUMENTATIONS_UPDATE": "1",
    "WANDB_MODE": "disabled",
}
_SECRETS = ("ULTRALYTICS_API_KEY",)
"""Keys that would switch uploads on."""

SETTINGS_OFF: Mapping[str, object] = {
    "sync": False,
    "api_key": "",
    "openai_api_key": "",
    "hub": False,
    "clearml": False,
    "comet": False,
    "dvc": False,
    "mlflow": False,
    "neptune": False,
    "raytune": False,
    "tensorboard": False,
    "wandb": False,
    "vscode_msg": False,
    "openvino_msg": False,
}
"""Every integration that any release of ultralytics switches on by itself."""


def require_package() -> None:
    """Raise ``ExtraMissing`` if ultralytics is not installed; imports nothing."""
    if "ultralytics" not in sys.modules and importlib.util.find_spec("ultralytics") is None:
        raise ExtraMissing(
            "the parser yolo needs the package ultralytics (AGPL-3.0), which is not installed.",
            "yolo",
        )


def set_environment(folder: Path | None) -> None:
    """Set what ultralytics reads at import; its settings go into ``folder``.

    Without a folder they go into a temporary one that is removed when the process ends. An import
    that has already happened is not undone: then only what can still be switched off is.
    """
    if "ultralytics" in sys.modules:
        return
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="vtonctl-ultralytics-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ.update(_VARIABLES, YOLO_CONFIG_DIR=str(folder.resolve()))
    # matplotlib, which ultralytics draws its curves with, keeps a list of fonts
    os.environ.setdefault("MPLCONFIGDIR", str((folder / "matplotlib").resolve()))
    for name in _SECRETS:
        os.environ.pop(name, None)
