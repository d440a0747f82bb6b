"""What loading costs in a training step."""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import replace
from pathlib import Path

from venh_lib.bench.timing import METHOD, Figures, seconds


def training(method: str = METHOD, steps: int = 40, clips: int = 60) -> Figures:
    """What loading costs in a training step: a step with loading against the same step on a batch that is there.

    Batches are drawn as in a training, from ``clips`` clips that were decoded before: 60 of them take 600 MB,
    far more than a processor's caches hold, as the recipe's 280 do.
    """
    import torch

    from venh_lib import dataset, methods
    from venh_lib.training import Training

    chosen = methods.get(method)
    # A few clips may hold no shot of the film.
    recipe = replace(chosen.recipe(1, "course").with_steps(10_000), film=None)
    pairs = dataset.sample_set("train", limit=clips, progress=False)
    for pair in pairs:
        pair.compressed_frames()
    with tempfile.TemporaryDirectory() as folder:
        run = Training(
            chosen, 1, recipe, Path(folder), scale="course", seed=0, training=pairs, validation=(), progress=False
        )
        batch = recipe.batch

        def load(first: int) -> dict[str, torch.Tensor]:
            samples = run.crops.__getitems__(range(first, first + batch))
            return {key: values.to(run.accelerator.device) for key, values in samples.items()}

        held = load(0)
        for _ in range(3):
            run.step(held)
        loading, stepping = [], []
        for number in range(1, 1 + steps):
            loading.append(seconds(lambda number=number: load(number * batch)))
            stepping.append(seconds(lambda: float(run.step(held))))
    load_s, step_s = statistics.median(loading), statistics.median(stepping)
    return {
        "method": method,
        "batch": batch,
        "crop": recipe.crop,
        "clips": len(pairs),
        "load_ms": round(load_s * 1e3, 2),
        "step_ms": round(step_s * 1e3, 2),
        "load_share": round(load_s / (load_s + step_s), 4),
        "steps_per_s": round(1 / (load_s + step_s), 2),
        "threads": torch.get_num_threads(),
    }
