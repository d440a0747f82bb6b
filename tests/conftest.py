"""What every test stands on: no setting of the user, a cache of its own, figures without a screen."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
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


@pytest.fixture(scope="session", autouse=True)
def _interruptible():
    """A shell starts what it runs in the background deaf to Ctrl-C; tests that send it need the usual handler."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def tiny_videos(tmp_path_factory):
    """One raw clip of 5 frames and its fixed-QP version, just large enough for MS-SSIM."""
    from venh_lib import codec, dataset
    from venh_lib.video import VideoWriter

    folder = tmp_path_factory.mktemp("videos")
    rng = np.random.default_rng(0)
    picture = np.kron(rng.integers(30, 220, (22, 26, 3), np.uint8), np.ones((8, 8, 1), np.uint8))
    with VideoWriter(folder / "raw.mkv", 208, 176, dataset.CLIP_RATE) as writer:
        for t in range(5):
            writer.write(np.roll(picture, 2 * t, axis=1))
    codec.compress(folder / "raw.mkv", folder / "lq.mkv", codec.FixedQP())
    return folder


@pytest.fixture
def fake_ldv(tmp_path, tiny_videos):
    """LDV's folders and names, every video a link to one tiny clip."""
    from venh_lib import dataset

    root = tmp_path / "LDV"
    for raw, compressed, count in dataset.LDV_FOLDERS.values():
        for name, source in ((raw, "raw.mkv"), (compressed, "lq.mkv")):
            (root / name).mkdir(parents=True, exist_ok=True)
            for number in range(1, count + 1):
                path = root / name / f"{number:03d}.mkv"
                if not path.exists():
                    path.symlink_to(tiny_videos / source)
    return root
