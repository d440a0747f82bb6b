"""What every test stands on: no setting of the user, a cache of its own, figures without a screen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def _own_settings(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("VENH_")]:
            patch.delenv(name)
        patch.setenv("VENH_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("MPLBACKEND", "Agg")
        # Kernels and child processes import the checkout that is tested.
        patch.setenv("PYTHONPATH", str(Path(__file__).resolve().parent.parent))
        yield
