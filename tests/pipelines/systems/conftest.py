"""Tests of systems import the writers of tiny weights by name."""

import sys
from pathlib import Path

for folder in ("acgpn", "cp_vton", "multipose", "viton", "viton_hd"):
    sys.path.insert(0, str(Path(__file__).resolve().parent / folder))
