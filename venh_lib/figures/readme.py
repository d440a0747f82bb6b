"""The README's picture, from the shipped weights and a test clip: ``python -m venh_lib.figures.readme`` renews it."""

from __future__ import annotations

import os
from pathlib import Path

import matplotlib.pyplot as plt
from PIL import Image

from venh_lib import checkpoints, dataset, inference, methods, settings
from venh_lib.figures import start

METHOD, TRACK, CLIP, FRAME = "ivp_tencent", 1, "animal_dog", 4
WEIGHTS = "Weights"


def path() -> Path:
    """Where the picture lies."""
    return settings.data_dir() / "pictures" / "before_after.png"


def weights_of(picture: Path) -> str | None:
    """Sha256 of the checkpoint that ``picture`` was made with, or None where it does not say."""
    with Image.open(picture) as opened:
        return opened.info.get(WEIGHTS)


def render(target: Path) -> Path:
    """Write a test clip's frame before and after, whole and at the place that gained most, to ``target``, a PNG.

    The file names the checkpoint that it was made with. Raises CheckpointError without shipped weights.
    """
    method = methods.get(METHOD)
    weights = checkpoints.shipped(method, TRACK)
    clip = next(c for c in dataset.sample_set("test", TRACK, progress=False) if c.name == CLIP)
    raw, compressed = clip.raw_frames(), clip.compressed_frames()
    infos = clip.infos[: FRAME + 1]
    frames = (compressed.rgb(t) for t in range(len(infos)))
    outputs = inference.enhance_frames(checkpoints.load(weights, method), method, frames, infos)
    pictures = raw.rgb(FRAME), compressed.rgb(FRAME), list(outputs)[FRAME]
    figure = start.before_after_raw(*pictures, start.most_helped(*pictures))
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.partial")
    try:
        figure.savefig(part, format="png", bbox_inches="tight", metadata={WEIGHTS: checkpoints.file_hash(weights)})
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
        plt.close(figure)
    return target


if __name__ == "__main__":
    print(render(path()))
