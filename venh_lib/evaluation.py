"""A method on held-out clips: a tidy table of what it gains, and leaderboards beside the report's."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence as SequenceOf
from contextlib import closing
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas
import torch
from torch import nn
from tqdm import tqdm

from venh_lib import challenge, checkpoints, dataset, devices, origin, references, results
from venh_lib.colour import planes_to_rgb
from venh_lib.dataset import Sequence
from venh_lib.errors import CheckpointError, DataError, SettingError
from venh_lib.files import write_atomically
from venh_lib.inference import Inference, enhance_frames
from venh_lib.methods import METHODS
from venh_lib.methods.method import Method
from venh_lib.metrics.fidelity import Fidelity, FidelityMeter
from venh_lib.validation import validation_gains
from venh_lib.video import Frames

COLUMNS = (*results.COLUMNS, "category", "pqf_gain_db", "non_pqf_gain_db")
Item = TypeVar("Item")


def _rgb(frames: Frames, raw: Frames, count: int) -> Iterator[np.ndarray]:
    """The first ``count`` frames as RGB, by the raw side's colour matrix and range: a pair has one conversion."""
    return (planes_to_rgb(frames.planes(t), raw.matrix, raw.full_range) for t in range(count))


def _measure(raw: Frames, frames: Iterator[np.ndarray], count: int, ms_ssim: bool, device: torch.device) -> Fidelity:
    def tensor(frame: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(frame).to(device).permute(2, 0, 1)[None]

    meter = FidelityMeter(structure=ms_ssim)
    for truth, frame in zip(_rgb(raw, raw, count), frames, strict=True):
        meter.update(tensor(truth), tensor(frame))
    return meter.result()


@lru_cache(maxsize=256)
def _unprocessed(sequence: Sequence, count: int, ms_ssim: bool, device: torch.device) -> Fidelity:
    """Figures of the compressed clip; kept, because they are the same for every method."""
    raw, compressed = sequence.raw_frames(), sequence.compressed_frames()
    return _measure(raw, _rgb(compressed, raw, count), count, ms_ssim, device)


def _gain(given: Fidelity, output: Fidelity, frames: SequenceOf[int]) -> float:
    """Mean over ``frames`` of PSNR after less before, in dB; NaN when there is none to take it over.

    A frame that equals its reference, before or after, has no finite gain: it is left out of both sides, so
    that the same frames are compared.
    """
    pairs = [(given.psnr[t], output.psnr[t]) for t in frames]
    gains = [after - before for before, after in pairs if math.isfinite(before) and math.isfinite(after)]
    return math.fsum(gains) / len(gains) if gains else math.nan


def evaluate_clip(
    network: nn.Module,
    method: Method,
    sequence: Sequence,
    *,
    track: int = 1,
    device: torch.device | None = None,
    frames: int | None = None,
    ms_ssim: bool = True,
    precision: str = "fp32",
    **settings,
) -> dict:
    """One row of ``evaluate``: ``network`` on the first ``frames`` frames of ``sequence`` (all when None).

    In float32 unless told otherwise, so that a figure does not depend on what the processor is quick at.
    Raises as ``enhance_frames``, and DataError for MS-SSIM of frames whose short side is 160 px or less.
    """
    if frames is not None and frames < 1:
        raise SettingError(f"frames must be at least 1, got {frames}.")
    device = device or devices.pick_device()
    infos = sequence.infos[:frames]
    count = len(infos)
    raw, compressed = sequence.raw_frames(), sequence.compressed_frames()
    if raw.shape[1:] != compressed.shape[1:] or min(len(raw), len(compressed)) < count:
        raise DataError(
            f"{sequence.name}: (frames, height, width) are {raw.shape} in {sequence.raw}, {compressed.shape} "
            f"in {sequence.compressed}; a pair must be of one size."
        )
    given = _unprocessed(sequence, count, ms_ssim, device)
    inputs = _rgb(compressed, raw, count)
    running = {"device": device, "precision": precision, **settings}
    with closing(enhance_frames(network, method, inputs, infos, **running)) as outputs:
        output = _measure(raw, outputs, count, ms_ssim, device)
    peaks = references.peak_frames(infos)
    others = [t for t in range(count) if t not in peaks]
    return {
        "method": method.slug,
        "track": track,
        "clip": sequence.name,
        "frames": count,
        "psnr_in": given.mean_psnr,
        "psnr_out": output.mean_psnr,
        "gain_db": _gain(given, output, range(count)),
        "ms_ssim_in": given.mean_ms_ssim if ms_ssim else math.nan,
        "ms_ssim_out": output.mean_ms_ssim if ms_ssim else math.nan,
        "category": sequence.category,
        "pqf_gain_db": _gain(given, output, peaks),
        "non_pqf_gain_db": _gain(given, output, others),
    }


def evaluate(
    method: Method,
    track: int = 1,
    *,
    split: str = "test",
    sequences: SequenceOf[Sequence] | None = None,
    network: nn.Module | None = None,
    checkpoint: Path | None = None,
    device: torch.device | None = None,
    frames: int | None = None,
    ms_ssim: bool = True,
    progress: bool = True,
    **settings,
) -> pandas.DataFrame:
    """One row per clip, columns COLUMNS: RGB PSNR in dB and MS-SSIM before and after, gains in dB.

    8-bit RGB frames, the squared error pooled over three channels, PSNR per frame, mean over all frames of
    a clip (report §2.3; PQFs and the other frames apart in the last two columns, NaN where there are
    none). A frame equal to its reference has infinite PSNR: it is left out of its side's mean (infinite when
    no frame is left), and of the gain when it is equal on either side (NaN when no frame is left).

    Clips are ``sequences``, else the sample set's ``split``; weights are ``network``'s, else
    ``checkpoint``'s, else the shipped ones of ``track``. ``settings`` are the fields of ``Inference``,
    ``precision`` "fp32" unless given.
    """
    challenge.track(track)
    Inference.of(**settings)
    if network is None:
        network = checkpoints.load(checkpoint or checkpoints.ready(method, track), method)
    if sequences is None:
        sequences = dataset.sample_set(split, track, progress=progress)
    if not sequences:
        raise DataError(f"no clips to evaluate {method.slug} on; the split {split!r} is empty.")
    measured = {"track": track, "device": device, "frames": frames, "ms_ssim": ms_ssim, **settings}
    rows = [
        evaluate_clip(network, method, sequence, **measured)
        for sequence in tqdm(sequences, desc=method.slug, unit="clip", disable=not progress)
    ]
    return pandas.DataFrame(rows, columns=list(COLUMNS))


def ship(checkpoint: Path, method: Method, track: int = 1, *, progress: bool = True) -> Path:
    """Measure a trained checkpoint on the held-out clips and put it among the course's, with its gains as provenance.

    The weights are stored in half precision, and measured as they are stored. All is computed in float32, the
    validation clips that chose the step too: the training measured them as it computed, in bf16 say. The rows of the
    test clips are recorded in ``results.recorded(track)``, unless it is a part and no entry of the track. Returns where
    the checkpoint now lies. The test clips choose nothing here: they are measured once, at the end, and again where
    what surrounds the weights has changed; ``measured`` in the provenance is the code that did.
    Raises CheckpointError as ``checkpoints.load`` and ``checkpoints.halved`` do.
    """
    network = checkpoints.load(checkpoint, method)
    network.load_state_dict(checkpoints.halved(network.state_dict()))
    record = checkpoints.provenance(checkpoint)
    device = devices.pick_device()
    network.to(device)
    if track in method.tracks:
        table = evaluate(method, track, network=network, device=device, progress=progress)
        gains = dict(zip(table["clip"], table["gain_db"], strict=True))
    else:
        gains = validation_gains(network, method, dataset.sample_set("test", track), device)
    chose = [clip for clip in dataset.sample_set("validation", track) if clip.name in record["validation_gain_db"]]
    validation = validation_gains(network, method, chose, device)
    for split, measured in (("validation", validation), ("test", gains)):
        record[f"{split}_gain_db"] = {clip: round(gain, 4) for clip, gain in measured.items()}
    del record["sha256"]
    record["measured"] = origin.code_version()
    target = checkpoints.shipped(method, track)
    checkpoints.save(target, network, record, half=True)
    if track in method.tracks:
        save_results(table, results.recorded(track))
    return target


def evaluate_all(track: int = 1, **options) -> pandas.DataFrame:
    """``evaluate`` for every method that has a shipped checkpoint of ``track``, one table.

    ``attrs['without_checkpoint']`` names the methods of the track that have none. ``options`` are
    those of ``evaluate``. Raises CheckpointError when no method has one.
    """
    challenge.track(track)
    methods = [method for method in METHODS.values() if track in method.tracks]
    ready = [method for method in methods if checkpoints.shipped(method, track).is_file()]
    missing = [method.slug for method in methods if method not in ready]
    if not ready:
        raise CheckpointError(
            f"no method of track {track} has a shipped checkpoint (looked for {', '.join(missing)}); "
            "train one with `venh train METHOD` and name it with --checkpoint."
        )
    table = pandas.concat([evaluate(method, track, **options) for method in ready], ignore_index=True)
    table.attrs["without_checkpoint"] = missing
    return table


def summary(table: pandas.DataFrame) -> pandas.DataFrame:
    """One row per method, the largest gain first: means over clips, and the clip that gains least."""
    return pandas.DataFrame([asdict(row) for row in results.summaries(table.to_dict("records"))])


def leaderboard(table: pandas.DataFrame, track: int = 1) -> pandas.DataFrame:
    """Our mean gains beside the report's, in dB, the largest of ours first, with both ranks.

    Index ``method``; ``gain_db``, ``report_gain_db`` (Table 1 or 3; NaN for methods it does not list),
    ``rank`` and ``report_rank`` among the methods that have both. ``attrs['rank_correlation']`` is
    Spearman's, NaN for fewer than two such methods. Raises SettingError for Track 2 (ranked by MOS).
    """
    published = challenge.published_gains(track)
    entries = {slug: method.entry for slug, method in METHODS.items()}
    ours = table[table["track"] == track].groupby("method")["gain_db"].mean()
    listed = ours.index.map(lambda slug: published.get(entries.get(slug, slug), math.nan))
    board = pandas.DataFrame({"gain_db": ours, "report_gain_db": listed.astype(float)})
    both = board.dropna()
    board["rank"] = both["gain_db"].rank(ascending=False)
    board["report_rank"] = both["report_gain_db"].rank(ascending=False)
    board = board.sort_values("gain_db", ascending=False)
    enough = len(both) > 1
    board.attrs["rank_correlation"] = board["rank"].corr(board["report_rank"]) if enough else math.nan
    return board


def spread_out(items: Iterable[Item], count: int | None) -> list[Item]:
    """``count`` of the items, evenly over the list with the first and the last among them; None: all of them."""
    items = list(items)
    places = np.linspace(0, len(items) - 1, min(count or len(items), len(items)))
    return [items[place] for place in places.round().astype(int)]


def to_records(table: pandas.DataFrame) -> list[dict]:
    """The rows as plain dicts for JSON, columns ``results.COLUMNS``.

    What was not measured is None, and so is the infinite PSNR of identical frames: JSON has no word for it.
    """

    def plain(value: object) -> object:
        return None if isinstance(value, float) and not math.isfinite(value) else value

    rows = table[list(results.COLUMNS)].astype(object).to_dict("records")
    return [{column: plain(value) for column, value in row.items()} for row in rows]


def load_results(path: Path) -> pandas.DataFrame:
    """Recorded rows, columns ``results.COLUMNS``; DataError for a file of other columns."""
    results.read_rows(Path(path))
    return pandas.read_csv(path, dtype={"method": str, "clip": str})


def save_results(table: pandas.DataFrame, path: Path) -> pandas.DataFrame:
    """Record ``table`` in the CSV ``path``: rows of its methods (per track) replace those recorded before.

    The file is whole at any time. Returns all rows it now holds.
    """
    path = Path(path)
    rows = table[list(results.COLUMNS)]
    if path.is_file():
        old = load_results(path)
        renewed = set(zip(rows["method"], rows["track"], strict=True))
        kept = [key not in renewed for key in zip(old["method"], old["track"], strict=True)]
        rows = pandas.concat([old[kept], rows], ignore_index=True) if any(kept) else rows
    rows = rows.sort_values(["track", "method", "clip"], kind="stable", ignore_index=True)
    write_atomically(path, rows.to_csv(index=False, float_format="%.6f", na_rep="nan", lineterminator="\n"))
    return rows
