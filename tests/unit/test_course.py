"""The course's runner and what a notebook holds on to, on throwaway notebooks."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time

import nbformat
import papermill
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from venh_lib import course, results, runner, stripping
from venh_lib.errors import DataError, SettingError, VenhError

BEGIN = 'from venh_lib import course\nlesson = course.lesson("{name}", scale=SCALE, mode=MODE)'


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A course without notebooks."""
    (tmp_path / "data").mkdir()
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "README.md").write_text("<!-- figures:track1 -->\n<!-- /figures -->\n")
    monkeypatch.setenv("VENH_DATA", str(tmp_path / "data"))
    return tmp_path


def notebook(checkout, name, *cells):
    """Write a notebook with the standard parameters."""
    parameters = new_code_cell('SCALE = "smoke"\nMODE = "load"', metadata={"tags": ["parameters"]})
    content = new_notebook(cells=[new_markdown_cell("# A title"), parameters])
    content.cells += [new_code_cell(source) for source in (BEGIN.format(name=name), *cells)]
    content.metadata["kernelspec"] = stripping.KERNEL
    path = checkout / "notebooks" / f"{name}.ipynb"
    nbformat.write(content, path)
    return path


def test_a_notebook_is_run_measured_and_its_figures_kept(checkout):
    path = notebook(
        checkout,
        "00_good",
        "import numpy as np, time\nblock = np.ones(2**25)\ntime.sleep(0.3)",
        'lesson.record("gain", np.float32(0.5), "dB")\nlesson.record("scale", SCALE)',
        'lesson.check("Exercise 1", None, 3)\nlesson.check("Exercise 2", 3, 3)',
    )
    done = runner.run_notebook(path, "smoke", checkout / "build")
    assert done.error is None and not done.failed
    # 2**25 doubles are a quarter of a GiB.
    assert 0.25 < done.peak_gib < 1
    assert 0.3 < done.seconds < 60
    assert done.figures == {"gain": {"value": 0.5, "unit": "dB"}, "scale": {"value": "smoke", "unit": ""}}
    assert "not answered yet" in (checkout / "build/html/00_good.html").read_text()
    assert nbformat.read(checkout / "build/notebooks/00_good.ipynb", 4).cells[-1].outputs
    assert sorted(p.name for p in (checkout / "build/notebooks").iterdir()) == ["00_good.ipynb"]


def test_a_failing_cell_is_shown_and_old_figures_are_gone(checkout):
    stale = checkout / "build/results/01_bad.json"
    stale.parent.mkdir(parents=True)
    stale.write_text("{}")
    path = notebook(checkout, "01_bad", 'raise ValueError("no frames in x.mkv")')
    done = runner.run_notebook(path, "smoke", checkout / "build")
    assert done.failed and "ValueError: no frames in x.mkv" in done.line()
    assert not stale.exists()


def test_a_notebook_that_does_not_end_is_stopped(checkout):
    path = notebook(checkout, "02_slow", "while True:\n    pass")
    done = runner.run_notebook(path, "smoke", checkout / "build", limit=3)
    assert done.error == "stopped: still running after 3 s"


def test_an_interrupt_ends_the_kernel_without_a_word(checkout):
    """Ctrl-C in a terminal: SIGINT to the command and the processes of its group."""
    sign = checkout / "kernel"
    whole = "import os, pathlib\npathlib.Path('../new').write_text(str(os.getpid()))\nos.rename('../new', '../kernel')"
    notebook(checkout, "00_slow", f"{whole}\nwhile True:\n    pass")
    command = [sys.executable, "-m", "venh_lib.cli", "run", "00", "--out", str(checkout / "build")]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        deadline = time.monotonic() + 300
        while not sign.exists():
            assert child.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        os.killpg(child.pid, signal.SIGINT)
        _, said = child.communicate(timeout=300)
    finally:
        child.kill()
    assert child.returncode == 130 and said.split("\n") == ["", "venh: interrupted; nothing half-written is left.", ""]
    assert not psutil.pid_exists(int(sign.read_text()))
    assert [path.name for path in (checkout / "build").rglob("*")] == ["notebooks"]


def test_a_full_disk_names_the_notebook_and_leaves_no_part(checkout, monkeypatch):
    path = notebook(checkout, "00_good")

    def full(_source, target, *_arguments, **_options):
        with open(target, "w") as file:
            file.write("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(papermill, "execute_notebook", full)
    with pytest.raises(VenhError, match=r"notebooks/00_good\.ipynb cannot be written.*No space left.*Free some"):
        runner.run_notebook(path, "smoke", checkout / "build")
    assert list((checkout / "build/notebooks").iterdir()) == []


def test_an_unknown_parameter_is_refused_before_anything_runs(checkout):
    path = notebook(checkout, "00_good")
    with pytest.raises(SettingError, match="no parameter SEDE; .* sets MODE, SCALE"):
        runner.run_notebook(path, "smoke", checkout / "build", {"SEDE": 1})
    with pytest.raises(SettingError, match="unknown scale 'tiny'"):
        runner.run_notebook(path, "tiny", checkout / "build")
    assert not (checkout / "build").exists()


def test_a_known_parameter_reaches_the_notebook(checkout):
    path = notebook(checkout, "00_good", 'lesson.record("mode", MODE)')
    done = runner.run_notebook(path, "smoke", checkout / "build", {"MODE": "train"})
    assert done.figures["mode"]["value"] == "train"


@pytest.mark.parametrize(
    "seconds, gib, words", [(61, 1, "61 s of 60 s"), (9, 4.5, "4.5 GiB of 4 GiB"), (59, 3.9, None)]
)
def test_the_budget_holds_at_smoke_scale_only(seconds, gib, words):
    done = runner.NotebookRun("x", "smoke", seconds, gib, {}, None)
    assert done.over_budget == words and done.failed == (words is not None)
    assert not runner.NotebookRun("x", "course", seconds, gib, {}, None).failed


def test_notebooks_are_selected_by_number_or_name_in_order(checkout):
    for name in ("10_b", "02_a"):
        (checkout / "notebooks" / f"{name}.ipynb").touch()
    assert [path.stem for path in runner.select(())] == ["02_a", "10_b"]
    assert [path.stem for path in runner.select(("10", "notebooks/02_a.ipynb"))] == ["10_b", "02_a"]
    assert [path.stem for path in runner.select(("2",))] == ["02_a"]
    with pytest.raises(SettingError, match="no notebook ''"):
        runner.select(("",))
    with pytest.raises(SettingError, match="no notebook '03'; there are 02_a, 10_b"):
        runner.select(("03",))


def test_a_lesson_checks_its_scale_and_mode_and_shows_the_measured_budget(checkout, capsys):
    course.write_budgets({"00": course.Budget(12.3, 0.84, "smoke", "2 cores")}, checkout / "notebooks")
    course.lesson("00")
    assert "12 s and 0.8 GiB" in capsys.readouterr().out
    with pytest.raises(SettingError, match="unknown scale"):
        course.lesson("00", scale="big")
    with pytest.raises(SettingError, match="unknown mode"):
        course.lesson("00", mode="resume")


def test_figures_are_finite_named_once_and_kept_in_the_results_folder(checkout, monkeypatch):
    lesson = course.lesson("00")
    lesson.record("gain", 1, "dB")
    assert json.loads((checkout / "build/results/00.json").read_text()) == {"gain": {"value": 1, "unit": "dB"}}
    for name, value in (("gain", 2), ("x", float("nan")), ("y", [1])):
        with pytest.raises(SettingError):
            lesson.record(name, value)
    assert list(course.read_figures("00")) == ["gain"]


def test_exercises_pass_when_right_and_explain_usual_mistakes(checkout, capsys):
    lesson = course.lesson("00")
    for answer in (None, ...):
        lesson.check("E", answer, 3)
    assert capsys.readouterr().out.count("not answered yet") == 2
    lesson.check("E", 3, 3)
    lesson.check("E", 30.001, 30.0)
    lesson.check("E", (1, 2), lambda answer: len(answer) == 2)
    with pytest.raises(course.WrongAnswer, match="counts the first frame twice"):
        lesson.check("E", 4, 3, [(2, "misses the last"), (4, "that counts the first frame twice")])
    with pytest.raises(course.WrongAnswer, match="5 is not the answer"):
        lesson.check("E", 5, 3)
    with pytest.raises(course.WrongAnswer):
        lesson.check("E", 30.1, 30.0)
    with pytest.raises(course.WrongAnswer, match=r"'30' is not of the kind that is asked for"):
        lesson.check("E", "30", lambda answer: answer - 30 < 1)
    with pytest.raises(course.WrongAnswer, match="E: len is not the answer"):
        lesson.check("E", len, lambda answer: answer("ab") == 3)


def test_stripping_keeps_tags_and_takes_every_trace(checkout):
    path = notebook(checkout, "00_good", 'lesson.record("gain", 1)')
    clean = stripping.stripped(path.read_text())
    runner.run_notebook(path, "smoke", checkout / "build")
    executed = checkout / "build/notebooks/00_good.ipynb"
    assert "papermill" in executed.read_text()
    assert stripping.strip_file(executed) and not stripping.strip_file(executed)
    assert executed.read_text() == clean
    after = nbformat.read(executed, 4)
    assert after.cells[1].metadata["tags"] == ["parameters"]
    with pytest.raises(DataError, match="is not a notebook"):
        stripping.stripped("{}")


def test_git_strips_what_is_committed(checkout):
    git = ["git", "-C", str(checkout)]
    subprocess.run([*git, "init", "-q"], check=True)
    (checkout / ".gitattributes").write_text("*.ipynb filter=venh-strip\n")
    path = notebook(checkout, "00_good")
    content = nbformat.read(path, 4)
    content.cells[2].execution_count = 7
    nbformat.write(content, path)
    stripping.strip_on_commit(checkout)
    subprocess.run([*git, "add", "notebooks"], check=True)
    staged = subprocess.run(
        [*git, "show", ":notebooks/00_good.ipynb"], check=True, capture_output=True, text=True
    ).stdout
    assert "7" in path.read_text() and staged == stripping.stripped(path.read_text())


ROWS = (
    "method,track,clip,frames,psnr_in,psnr_out,gain_db,ms_ssim_in,ms_ssim_out\n"
    "a,1,dog,33,30,30.5,0.5,0.9,0.91\na,1,city,33,32,32.1,0.1,0.9,0.91\nb,1,dog,33,30,31,1,0.9,0.95\n"
)


def test_recorded_rows_become_a_leaderboard(tmp_path):
    (tmp_path / "track1.csv").write_text(ROWS)
    table = results.markdown_table(results.read_rows(tmp_path / "track1.csv")).splitlines()
    assert table[2].startswith("| b | 1 | 30.00 | 31.00 | +1.000 | +1.000 (dog)")
    assert table[3].startswith("| a | 2 | 31.00 | 31.30 | +0.300 | +0.100 (city)")
    text = "Before\n<!-- figures:track1 -->\nold\n<!-- /figures -->\nAfter\n"
    new = results.rendered(text, tmp_path)
    assert "old" not in new and "| b | 1 |" in new and new.startswith("Before") and new.endswith("After\n")
    assert results.rendered(new, tmp_path) == new
    (tmp_path / "track1.csv").write_text("method,gain\na,1\n")
    with pytest.raises(DataError, match="expected the columns"):
        results.read_rows(tmp_path / "track1.csv")
