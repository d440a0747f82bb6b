"""Twins without one idea: trained alike, measured, recorded with how they were made."""

from dataclasses import replace

import pandas
import pytest

from venh_lib import ablations, dataset, methods
from venh_lib.errors import DataError, SettingError
from venh_lib.methods import arcnn


@pytest.fixture
def method(tmp_path, monkeypatch):
    """ARCNN with one twin, which has not learned to add anything, on one clip; what is recorded goes to tmp_path."""
    arcnn_method = methods.get("arcnn")
    clips = dataset.sample_set("validation", limit=1, progress=False)
    monkeypatch.setattr(ablations, "evaluate", lambda *arguments, **options: measured(*arguments, **options))
    monkeypatch.setattr(dataset, "sequences", lambda *arguments, **options: clips)
    (tmp_path / "results/ablations").mkdir(parents=True)
    monkeypatch.setattr(ablations.settings, "data_dir", lambda: tmp_path)
    monkeypatch.setattr(ablations, "run_folder", lambda *place: tmp_path / f"trainings{place[-1] or ''}")
    recipe = replace(arcnn_method.recipe(1, "smoke"), steps=2, clips=1)
    return replace(
        arcnn_method, recipes={(1, "ablation"): recipe}, ablations={"no depth": lambda: arcnn.build("course")}
    )


seen = []


def measured(twin, track, *, network, **_):
    seen.append(network)
    return pandas.DataFrame({"clip": ["a", "b"], "gain_db": [0.1 * len(seen), 0.3 * len(seen)]})


def test_twins_are_trained_measured_and_recorded_with_their_provenance(method):
    seen.clear()
    table = ablations.ablate(method, progress=False)
    assert list(table["twin"]) == ["as it is"] * 2 + ["no depth"] * 2 and len(seen) == 2
    loaded, trainings = ablations.load(method)
    pandas.testing.assert_frame_equal(loaded, table)
    assert list(trainings) == sorted(["as it is", "no depth"])
    for training in trainings.values():
        assert training["command"] == "venh ablate arcnn --track 1" and training["steps"] == 2
    summary = ablations.summary(table)
    assert summary["gain_db"].tolist() == pytest.approx([0.2, 0.4])
    assert summary["lost_db"].tolist() == pytest.approx([0.0, -0.2])


def test_a_training_that_has_ended_is_not_repeated(method, tmp_path):
    ablations.ablate(method, progress=False)
    states = {path: path.stat().st_mtime_ns for path in (tmp_path / "trainings").rglob("*.safetensors")}
    assert len(states) == 4
    ablations.ablate(method, progress=False)
    assert states == {path: path.stat().st_mtime_ns for path in (tmp_path / "trainings").rglob("*.safetensors")}


def test_another_seed_has_a_record_of_its_own(method):
    first, second = (ablations.ablate(method, seed=seed, progress=False) for seed in (0, 1))
    for seed, table in enumerate((first, second)):
        loaded, trainings = ablations.load(method, seed=seed)
        pandas.testing.assert_frame_equal(loaded, table)
        assert trainings["as it is"]["seed"] == seed
    assert trainings["as it is"]["command"] == "venh ablate arcnn --track 1 --seed 1"
    with pytest.raises(DataError, match="venh ablate arcnn --track 1 --seed 2"):
        ablations.load(method, seed=2)


def test_a_method_without_twins_is_refused_and_missing_figures_say_what_to_run(method):
    with pytest.raises(SettingError, match="arcnn has no twins"):
        ablations.ablate(replace(method, ablations={}))
    with pytest.raises(DataError, match="venh ablate arcnn --track 1"):
        ablations.load(method)
