"""Twins of a method that lack one of its ideas, trained for the same, shorter time: what each idea is worth."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas

from venh_lib import checkpoints, settings
from venh_lib.errors import DataError, SettingError
from venh_lib.evaluation import evaluate
from venh_lib.files import write_atomically
from venh_lib.methods.method import Method
from venh_lib.starts import run_folder
from venh_lib.training import train

# The method itself, in the tables beside its twins.
WHOLE = "as it is"
COLUMNS = ("twin", "clip", "gain_db")


def recorded(method: Method, track: int, seed: int = 0) -> Path:
    """Where the twins' gains on the test clips are kept, as CSV; beside it how they were trained, as JSON.

    Those of seed 0 come with the course.
    """
    other = f"_seed{seed}" if seed else ""
    return settings.data_dir() / "results" / "ablations" / f"{method.slug}_track{track}{other}.csv"


def _command(method: Method, track: int, seed: int) -> str:
    return f"venh ablate {method.slug} --track {track}{f' --seed {seed}' if seed else ''}"


def ablate(method: Method, track: int = 1, *, seed: int = 0, progress: bool = True) -> pandas.DataFrame:
    """Train ``method`` and its twins by its ``ablation`` recipe, measure them on the test clips, record both.

    One row per twin and clip, columns COLUMNS: gains of RGB PSNR in dB. All twins get the same samples and steps;
    a training that was stopped goes on, one that has ended is not repeated. Raises SettingError for a method without
    twins, otherwise as ``train`` does.
    """
    if not method.ablations:
        raise SettingError(f"{method.slug} has no twins to compare it with.")
    shorter = replace(method, recipes={(track, "course"): method.recipe(track, "ablation")})
    rows, trainings = [], {}
    for name, build in {WHOLE: None, **method.ablations}.items():
        twin = shorter if build is None else replace(shorter, build=lambda _, build=build: build())
        folder = run_folder(method, track, "ablation", seed) / name.replace(" ", "-")
        best = train(twin, track, "course", seed=seed, folder=folder, progress=progress)
        trainings[name] = checkpoints.provenance(best) | {"command": _command(method, track, seed)}
        network = checkpoints.load(best, twin)
        table = evaluate(twin, track, network=network, ms_ssim=False, progress=progress)
        rows.append(table.assign(twin=name)[list(COLUMNS)])
    table = pandas.concat(rows, ignore_index=True)
    path = recorded(method, track, seed)
    write_atomically(path.with_suffix(".json"), json.dumps(trainings, indent=1, sort_keys=True) + "\n")
    write_atomically(path, table.to_csv(index=False, float_format="%.6f", lineterminator="\n"))
    return table


def load(method: Method, track: int = 1, seed: int = 0) -> tuple[pandas.DataFrame, dict[str, dict]]:
    """The recorded gains, and each twin's provenance by its name.

    Raises DataError when they are not there.
    """
    path = recorded(method, track, seed)
    if not path.is_file():
        raise DataError(
            f"{path} is missing; restore it from the repository, or make it: {_command(method, track, seed)}."
        )
    return pandas.read_csv(path), json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))


def summary(table: pandas.DataFrame) -> pandas.DataFrame:
    """One row per twin: the mean gain in dB, and what is lost against the whole method, the whole method first."""
    gains = table.groupby("twin", sort=False)["gain_db"].mean()
    return pandas.DataFrame({"gain_db": gains, "lost_db": gains[WHOLE] - gains})
