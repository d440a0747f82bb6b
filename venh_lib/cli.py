"""The command ``venh``: the course and the library from a terminal."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import click

from venh_lib import __version__, settings
from venh_lib.errors import SettingError, VenhError

TRACKS = click.IntRange(1, 3)
# The notebook that measures Track 1.
LEADERBOARD = "50_track1_leaderboard"
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead of text.")


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="venh")
@click.pass_context
def cli(context: click.Context) -> None:
    """Enhance compressed video, and learn how: the NTIRE 2021 challenge rebuilt as a course.

    Start with `venh doctor`, which says what works on this machine, then `venh run` (the notebooks)
    or `venh enhance in.mkv out.mkv` (a video of yours). Each command has its own --help.
    """
    # doctor reports an unknown setting among its findings; git calls strip, whatever is set.
    if context.invoked_subcommand not in ("doctor", "strip"):
        settings.check_environment()


def _value(text: str) -> Any:
    """A notebook parameter as typed: a number, true, false or null as JSON has them, else a string."""
    try:
        return json.loads(text)
    except ValueError:
        return text


@cli.command(short_help="Execute the notebooks of the course.")
@click.argument("notebooks", nargs=-1)
@click.option(
    "--scale",
    type=click.Choice(settings.SCALES),
    default="smoke",
    show_default=True,
    help="smoke: a minute each. course: more clips and frames. paper: LDV, on GPUs.",
)
@click.option(
    "-p",
    "--parameter",
    "parameters",
    nargs=2,
    multiple=True,
    metavar="NAME VALUE",
    help="Set a parameter, e.g. -p MODE train to train where a notebook would load weights; may be repeated.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("build"),
    show_default=True,
    help="Where executed notebooks, HTML pages and recorded numbers go.",
)
@click.option(
    "--measure",
    is_flag=True,
    help="Keep time and memory in notebooks/budgets.json and renew the README's figures.",
)
@AS_JSON
def run(
    notebooks: tuple[str, ...],
    scale: str,
    parameters: tuple[tuple[str, str], ...],
    out: Path,
    measure: bool,
    as_json: bool,
) -> None:
    """Execute the course's notebooks, or those named by number or name (`venh run 00 12`).

    One line for each: time, peak memory, how many numbers it recorded. Exits with 1 if a cell failed
    or a notebook exceeded 60 s or 4 GiB at smoke scale.
    """
    from venh_lib import course, results, runner

    chosen = runner.select(notebooks)
    values = {name: _value(text) for name, text in parameters}
    for path in chosen:
        runner.check_parameters(path, {"SCALE": scale, **values})
    saved = out / "results" / results.recorded(1).name
    measured = saved if any(path.stem == LEADERBOARD for path in chosen) else None
    if measured:
        # One of an earlier run would pass for this run's.
        measured.unlink(missing_ok=True)
    runs = []
    for path in chosen:
        click.echo(f"{path.stem:<28} ", nl=False, err=as_json)
        runs.append(runner.run_notebook(path, scale, out, values))
        click.echo(runs[-1].line(), err=as_json)
    if as_json:
        _print_json([done.as_dict() for done in runs])
    else:
        seconds = sum(done.seconds for done in runs)
        click.echo(f"{len(runs)} notebooks in {seconds:.0f} s; pages in {out / 'html'}")
    if measure:
        budgets = course.read_budgets()
        budgets.update({done.name: done.budget() for done in runs if done.error is None})
        course.write_budgets(budgets, course.notebooks_dir())
        _renew_readme()
    if not as_json:
        _show_track_table(measured)
    if any(done.failed for done in runs):
        sys.exit(1)


def _renew_readme() -> None:
    from venh_lib import results
    from venh_lib.files import write_atomically

    readme = settings.data_dir().resolve().parent / "README.md"
    write_atomically(readme, results.rendered(readme.read_text(encoding="utf-8"), results.recorded(1).parent))


def _show_track_table(measured: Path | None) -> None:
    """The Track 1 leaderboard as recorded, and what this run ``measured`` of it, if it was to and did."""
    from venh_lib import results

    tables = {"as recorded with the course": results.recorded(1), "measured by this run": measured}
    for origin, path in tables.items():
        if path and path.exists():
            click.echo(f"\nTrack 1, RGB PSNR, {origin}\n{results.plain_table(results.read_rows(path))}")


@cli.command(short_help="Train a method, or go on with a training.")
@click.argument("method")
@click.option("--track", type=TRACKS, default=1, show_default=True, help="The challenge's track.")
@click.option(
    "--scale",
    type=click.Choice(settings.SCALES),
    default="course",
    show_default=True,
    help="smoke: a few steps. course: the sample set. paper: LDV, on GPUs.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of everything drawn.")
@click.option("--steps", type=click.IntRange(min=1), help="Replaces the recipe's number of steps.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the training lives; one found there goes on.  [default: in the cache]",
)
@click.option("--compile", "compile_network", is_flag=True, help="Through torch.compile: worth it for long trainings.")
@click.option("--ship", is_flag=True, help="Then measure it on the test clips and put both into data.")
@AS_JSON
def train(
    method: str,
    track: int,
    scale: str,
    seed: int,
    steps: int | None,
    folder: Path | None,
    compile_network: bool,
    ship: bool,
    as_json: bool,
) -> None:
    """Train METHOD (see `venh methods`), or go on with a training that was stopped.

    Prints the path of the checkpoint that was best on the validation clips; as JSON its record, too. On several GPUs:
    `accelerate launch -m venh_lib.cli train METHOD`; in two processes on CPUs:
    `torchrun --nproc_per_node 2 -m venh_lib.cli train METHOD`. The recipe's batch is shared by all.
    """
    from venh_lib import checkpoints, evaluation, methods, training

    chosen = methods.get(method)
    options = {"seed": seed, "steps": steps, "folder": folder, "compile_network": compile_network}
    try:
        best = training.train(chosen, track, scale, **options)
    except KeyboardInterrupt:
        _interrupted("the same command goes on from the last saved step")
    if not training.leave():
        return
    if ship:
        best = evaluation.ship(best, chosen, track)
        _renew_readme()
    if as_json:
        _print_json({"checkpoint": str(best), **checkpoints.provenance(best)})
    else:
        click.echo(best)


@cli.command(short_help="Train a method's twins that lack one idea each.")
@click.argument("method")
@click.option("--track", type=TRACKS, default=1, show_default=True, help="The challenge's track.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of everything drawn.")
def ablate(method: str, track: int, seed: int) -> None:
    """Train METHOD and its twins, which lack one of its ideas each, for the same short time; record what they gain.

    A few minutes each on a GPU, a quarter of an hour and more on two cores. A training that was stopped goes on. Each
    seed has a record of its own.
    """
    from venh_lib import ablations, methods, training

    try:
        table = ablations.ablate(methods.get(method), track, seed=seed)
    except KeyboardInterrupt:
        _interrupted("the same command goes on from the last saved step")
    if training.leave():
        click.echo(ablations.summary(table).to_string(float_format="{:+.3f}".format))


@cli.command(short_help="Measure methods on held-out clips.")
@click.argument("method", required=False)
@click.option("--all", "everything", is_flag=True, help="Every method that has weights for the track.")
@click.option("--track", type=TRACKS, default=1, show_default=True, help="The challenge's track.")
@click.option(
    "--split",
    type=click.Choice(("validation", "test")),
    default="test",
    show_default=True,
    help="Which held-out clips.",
)
@click.option(
    "--scale",
    type=click.Choice(settings.SCALES),
    default="course",
    show_default=True,
    help="smoke, course: the sample set's clips. paper: LDV's videos.",
)
@click.option("--checkpoint", type=click.Path(dir_okay=False, path_type=Path), help="Weights you trained, for METHOD.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Also keep the rows in this CSV.")
@click.option("--ship", is_flag=True, help="Put METHOD's weights and what they gain into data.")
@AS_JSON
def evaluate(
    method: str | None,
    everything: bool,
    track: int,
    split: str,
    scale: str,
    checkpoint: Path | None,
    output: Path | None,
    ship: bool,
    as_json: bool,
) -> None:
    """Measure METHOD, or --all of them, on held-out clips: RGB PSNR in dB and MS-SSIM, before and after.

    Means are over the frames of a clip, then over clips. --ship measures the test clips of the sample set, of weights
    just trained (--checkpoint), or again those that come with the course, where the code around them has changed.
    """
    if (method is None) != everything:
        raise SettingError("name one METHOD, or say --all; `venh methods` lists them.")
    if everything and checkpoint:
        raise SettingError("--checkpoint is of one METHOD; name it instead of --all.")
    if ship and (everything or split != "test" or scale != "course" or output or as_json):
        raise SettingError("--ship is of one METHOD and the sample set's test clips; it goes with --checkpoint alone.")
    from venh_lib import checkpoints, dataset, evaluation, methods, results
    from venh_lib.files import write_atomically

    if ship:
        chosen = methods.get(method)
        click.echo(evaluation.ship(checkpoint or checkpoints.ready(chosen, track), chosen, track))
        return _renew_readme()
    sequences = dataset.sequences(split, track, scale)
    if everything:
        table = evaluation.evaluate_all(track, sequences=sequences)
    else:
        table = evaluation.evaluate(methods.get(method), track, sequences=sequences, checkpoint=checkpoint)
    if output is not None:
        write_atomically(output, table.to_csv(columns=list(results.COLUMNS), index=False, na_rep="nan"))
    if as_json:
        _print_json(evaluation.to_records(table))
    else:
        click.echo(results.plain_table(table.to_dict("records")))


@cli.command(short_help="Enhance a video file.")
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--method", default="ivp_tencent", show_default=True, help="Which method; see `venh methods`.")
@click.option("--track", type=TRACKS, default=1, show_default=True, help="Weights of which track.")
@click.option(
    "--checkpoint",
    "checkpoints",
    type=click.Path(dir_okay=False, path_type=Path),
    multiple=True,
    help="Weights you trained; of several networks (--checkpoint again) the mean is taken.",
)
@click.option(
    "--ensemble",
    type=click.Choice(("1", "2", "4", "6", "8")),
    default="1",
    show_default=True,
    help="Average over this many flips and transposes: slower, a little better.",
)
@click.option(
    "--tile",
    type=click.IntRange(min=64),
    help="Side of tiles in pixels, where memory is short; tiles overlap by 32 pixels, so at least 64.",
)
@click.option("--overwrite", is_flag=True, help="Replace TARGET if it exists.")
@AS_JSON
def enhance(
    source: Path,
    target: Path,
    method: str,
    track: int,
    checkpoints: tuple[Path, ...],
    ensemble: str,
    tile: int | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write SOURCE, a compressed video, enhanced to TARGET.

    TARGET, an .mkv or .mp4 say, is written whole or not at all. The shipped weights are made for HEVC at
    QP 37 (Track 1), or by x265 at a fixed bit-rate (Track 3; `venh methods` says which methods have them).
    """
    from venh_lib import inference, methods

    options = {"checkpoint": checkpoints, "ensemble": int(ensemble), "tile": tile, "overwrite": overwrite}
    report = inference.enhance_file(source, target, methods.get(method), track, **options)
    if as_json:
        _print_json({"target": str(target), **vars(report)})
    else:
        click.echo(f"{target}: {report.frames} frames in {report.seconds:.1f} s")


@cli.command("methods", short_help="List the methods and their sizes.")
@AS_JSON
def list_methods(as_json: bool) -> None:
    """List the methods: their tracks, the tracks for which the course has weights, and their parameters.

    Parameters are those of both presets: `course`, which the course trains, and `paper`, the size in the report.
    """
    import torch

    from venh_lib import checkpoints
    from venh_lib.methods import METHODS
    from venh_lib.methods.method import PRESETS

    rows = []
    for method in METHODS.values():
        # On the meta device a network has shapes and no memory: the largest is counted at once.
        with torch.device("meta"):
            params = {preset: sum(p.numel() for p in method.build(preset).parameters()) for preset in PRESETS}
        rows.append({"slug": method.slug, "team": method.team, "tracks": list(method.tracks), "params": params})
    if as_json:
        _print_json(rows)
        return
    click.echo(f"{'method':<16} {'team':<24} {'tracks':<8} {'weights':<8} {'parameters: course':>18} {'paper':>12}")
    for row in rows:
        shipped = [track for track in row["tracks"] if checkpoints.shipped(METHODS[row["slug"]], track).is_file()]
        tracks, weights = (", ".join(map(str, some)) or "none" for some in (row["tracks"], shipped))
        course, paper = row["params"]["course"], row["params"]["paper"]
        click.echo(f"{row['slug']:<16} {row['team']:<24} {tracks:<8} {weights:<8} {course:18,} {paper:12,}")


@cli.command(short_help="Measure speed and memory.")
@click.argument("name")
@click.option("--method", help="Which method to train or infer with; see `venh methods`.  [default: ivp_tencent]")
@AS_JSON
def bench(name: str, method: str | None, as_json: bool) -> None:
    """Measure what the course says about speed and memory, e.g. `venh bench training --method mfqe`.

    An unknown NAME lists the known ones.
    """
    from venh_lib import bench as benches

    options = {} if method is None else {"method": method}
    figures: Mapping[str, Any] = benches.run(name, **options)
    if as_json:
        _print_json(dict(figures))
        return
    for figure, value in figures.items():
        click.echo(f"{figure:<32} {value:.4g}" if isinstance(value, float) else f"{figure:<32} {value}")


@cli.command(short_help="Say what works on this machine, and what to do.")
@AS_JSON
def doctor(as_json: bool) -> None:
    """Say what works on this machine, what does not, and what to do; exits with 1 if something is broken."""
    from venh_lib import doctor as examination

    checks = examination.report()
    works = all(check.status != examination.BROKEN for check in checks)
    if as_json:
        _print_json({"works": works, "checks": [vars(check) for check in checks]})
    else:
        for check in checks:
            click.echo(f"{check.name:<12} {check.status:<9} {check.found}")
            if check.advice:
                click.echo(f"{'':<22} {check.advice}")
    sys.exit(0 if works else 1)


@cli.command(short_help="Remove outputs from notebooks.")
@click.argument("notebooks", nargs=-1)
@click.option("--on-commit", is_flag=True, help="Make git in this checkout strip notebooks as they are committed.")
def strip(notebooks: tuple[str, ...], on_commit: bool) -> None:
    """Remove outputs and traces of execution from NOTEBOOKS, files; tags are kept.

    Without NOTEBOOKS, all of the course's are stripped; `-` reads one from stdin and writes it to stdout.
    """
    from venh_lib import runner, stripping

    if on_commit:
        stripping.strip_on_commit(settings.data_dir().resolve().parent)
    elif notebooks == ("-",):
        text = sys.stdin.buffer.read().decode()
        sys.stdout.buffer.write(stripping.stripped(text).encode())
    else:
        for path in [Path(name) for name in notebooks] or runner.notebook_paths():
            if stripping.strip_file(path):
                click.echo(f"{path.name} stripped")


def _interrupted(left: str) -> NoReturn:
    click.echo(f"venh: interrupted; {left}.", err=True)
    sys.exit(130)


def _say_warning(message: Warning | str, *_: Any) -> None:
    """A warning as one line, without the place in the code that Python names."""
    click.echo(f"venh: {message}", err=True)


def main() -> None:
    """Run the command line; errors a user can act on are one line on stderr and exit code 2."""
    warnings.showwarning = _say_warning
    try:
        cli.main(prog_name="venh", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except VenhError as error:
        click.echo(f"venh: {error}", err=True)
        sys.exit(2)
    except ModuleNotFoundError as error:
        click.echo(f"venh: {error.name} is not installed; install the course: pip install 'venh[notebooks]'.", err=True)
        sys.exit(2)
    except OSError as error:
        # A full disk, a folder that may not be written to: the system's words name the file.
        click.echo(f"venh: {error}", err=True)
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort):
        _interrupted("nothing half-written is left")


if __name__ == "__main__":
    main()
