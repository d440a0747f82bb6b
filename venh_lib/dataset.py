"""Sequences: a raw clip, its compressed version, and what the bitstream says about each frame.

Two sources have one shape: the *sample set* that comes with the course (photos made into clips,
shots of a film, real clips) and *LDV*, which a learner unpacks and names by ``VENH_LDV``.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Collection, Sequence as SequenceOf
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from fractions import Fraction
from functools import cache as remember
from math import ceil
from pathlib import Path

from tqdm import tqdm

from venh_lib import cache, codec, settings, synthesis
from venh_lib.bitstream import FrameInfo, read_frame_infos
from venh_lib.errors import DataError, SettingError
from venh_lib.video import Frames, VideoWriter, check_pair, open_frames, probe

SPLITS = ("train", "validation", "test")
CLIP_FRAMES, CLIP_WIDTH, CLIP_HEIGHT, CLIP_RATE = 33, 416, 240, Fraction(30)
PHOTO_CLIPS_PER_SHOT = 5
# The category of a training clip that is a shot of the film; the others are synthesised from photos.
FILM = "film"


@dataclass(frozen=True)
class Sequence:
    """One clip as the challenge sees it.

    ``infos[t]`` is frame t's slice type, QP and size in bytes, in display order. ``seed`` is set for
    clips synthesised from photos: their true motion is known. ``setting`` is set where ``compressed`` was
    made by the course: like a synthesised ``raw`` it lies in the cache, which may remove it to keep its
    bound; the methods below make it again, ``raw`` and ``compressed`` are plain names. ``decoded_bytes``
    is what both sides take in the cache as frames.
    """

    name: str
    split: str
    category: str
    raw: Path
    compressed: Path
    infos: tuple[FrameInfo, ...]
    frame_rate: Fraction
    seed: int | None = None
    setting: codec.Setting | None = None
    decoded_bytes: int = 0

    def __len__(self) -> int:
        return len(self.infos)

    def raw_file(self) -> Path:
        """The file ``raw``, made again if the cache has removed it."""
        return self.raw if self.seed is None or self.raw.is_file() else synthesised_clip(self.seed)

    def compressed_file(self) -> Path:
        """The file ``compressed``, made again if the cache has removed it."""
        if self.setting is None or self.compressed.is_file():
            return self.compressed
        return codec.compressed(self.raw_file(), self.setting)

    def raw_frames(self) -> Frames:
        """The uncompressed frames, memory-mapped."""
        return open_frames(self.raw_file())

    def compressed_frames(self) -> Frames:
        """The decoded compressed frames, memory-mapped, converted by the raw side's colour matrix and range.

        A bare HEVC stream carries no tag: taken as untagged it would differ from a tagged source by several dB.
        """
        raw = self.raw_frames()
        return open_frames(self.compressed_file(), raw.matrix, raw.full_range)

    def scene(self) -> synthesis.Scene:
        """The drawn scene of a synthesised clip, with its true motion; DataError for other clips."""
        if self.seed is None:
            raise DataError(f"{self.name} is not a synthesised clip: its true motion is not known.")
        return synthesis.draw_scene(self.seed, photos(), CLIP_FRAMES, CLIP_WIDTH, CLIP_HEIGHT)


@remember
def manifest() -> list[dict]:
    """The entries of ``data/manifest.json``: every photo, shot and clip of the sample set."""
    path = settings.data_dir() / "manifest.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))["entries"]
    except FileNotFoundError:
        raise DataError(f"{path} is missing; restore data/ from the repository.") from None
    except (json.JSONDecodeError, KeyError) as error:
        raise DataError(
            f"{path} is not a manifest of the sample set ({error}); restore it from the repository."
        ) from error


def manifest_hash(validation: Collection[str] | None = None) -> str:
    """Sha256 over name, split and content hash of what a training sees: the training and validation entries.

    ``validation`` names the validation clips that it saw, all of them by default: clips that joined the set later say
    nothing of weights that were chosen before.
    """
    seen = (e for e in manifest() if e["split"] != "test")
    if validation is not None:
        seen = (e for e in seen if e["split"] == "train" or e["name"] in validation)
    rows = sorted(f"{e['file']} {e['split']} {e['sha256']}" for e in seen)
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def photos() -> list[Path]:
    """The photos that training clips are made from."""
    return sorted(_file(entry) for entry in manifest() if entry["kind"] == "photo")


def _file(entry: dict) -> Path:
    path = settings.data_dir() / entry["file"]
    if not path.is_file():
        raise DataError(f"{path} is named in data/manifest.json but missing; restore data/ from the repository.")
    return path


@remember
def _photo_hash() -> str:
    rows = sorted(f"{e['file']} {e['sha256']}" for e in manifest() if e["kind"] == "photo")
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def synthesised_clip(seed: int) -> Path:
    """The lossless file of the training clip ``seed`` (33 frames, 416×240), made on first use."""
    key = hashlib.sha256(f"{synthesis.VERSION} {seed} {_photo_hash()}".encode()).hexdigest()[:24]

    def make(target: Path) -> None:
        scene = synthesis.draw_scene(seed, photos(), CLIP_FRAMES, CLIP_WIDTH, CLIP_HEIGHT)
        with VideoWriter(target, CLIP_WIDTH, CLIP_HEIGHT, CLIP_RATE, encoder="lossless") as writer:
            for planes in scene.render():
                writer.write_planes(planes)

    return cache.entry("clips", f"photo_{seed:05d}_{key}", ".mkv", make)


def _infos(stream: Path) -> tuple[FrameInfo, ...]:
    """``read_frame_infos`` of a stream, kept beside it in the cache: reading hundreds of streams takes a minute."""

    def make(target: Path) -> None:
        target.write_text(json.dumps([astuple(info) for info in read_frame_infos(stream)]), encoding="utf-8")

    key = hashlib.sha256(cache.key_of_file(stream).encode()).hexdigest()[:32]
    rows = json.loads(cache.entry("infos", key, ".json", make).read_text(encoding="utf-8"))
    return tuple(FrameInfo(*row) for row in rows)


def _pair(
    name: str,
    split: str,
    category: str,
    raw: Path,
    compressed: Path,
    seed: int | None = None,
    setting: codec.Setting | None = None,
) -> Sequence:
    info = probe(raw)
    infos = _infos(compressed)
    if len(infos) != info.frames:
        raise DataError(
            f"{compressed} has {len(infos)} frames, {raw} has {info.frames}; a pair must have equal counts."
        )
    decoded_bytes = 2 * info.frames * info.width * info.height * 3 // 2
    return Sequence(name, split, category, raw, compressed, infos, info.frame_rate, seed, setting, decoded_bytes)


def _compressed_pair(
    name: str, split: str, category: str, raw: Callable[[], Path], track: int, seed: int | None
) -> Sequence:
    """``_pair`` with its compressed side made as ``track`` asks."""
    # Several may be made at once: none may remove what another is about to read.
    with cache.in_use():
        path = raw()
        info = probe(path)
        setting = codec.setting_of_track(track, info.width, info.height)
        return _pair(name, split, category, path, codec.compressed(path, setting), seed, setting)


def synthesised(seed: int, track: int = 1) -> Sequence:
    """The clip ``seed`` of those synthesised from photos, compressed as ``track`` asks; made on first use.

    Trainings take the seeds from 0 on, as many as they have clips.
    """
    return _compressed_pair(f"photo_{seed:05d}", "train", "photo", lambda: synthesised_clip(seed), track, seed)


def check_cache_holds(sequences: SequenceOf[Sequence]) -> None:
    """Raise SettingError unless the cache's bound lets the decoded frames of ``sequences`` stay there together.

    A training maps all of its clips. What a smaller bound removed meanwhile would keep its place on the disk
    until the training ends, and be decoded again by each loading process and each later training.
    """
    needed, limit = sum(sequence.decoded_bytes for sequence in sequences), settings.cache_limit_bytes()
    if needed > limit:
        raise SettingError(
            f"the {len(sequences)} clips need {needed / 2**30:.2f} GiB of cache when decoded, its bound is "
            f"{limit / 2**30:.2f} GiB. Set VENH_CACHE_GIB to {ceil(1.25 * needed / 2**30)} or more, and "
            f"VENH_CACHE to a folder on another disk if {settings.cache_dir()} has no room; or take fewer clips."
        )


def sample_set(split: str, track: int = 1, limit: int | None = None, *, progress: bool = True) -> list[Sequence]:
    """The sample set's ``split``, compressed as ``track`` asks; made and cached on first use.

    'train' holds as many clips as ``limit`` asks for (280 when None): five synthesised from photos
    for each shot of the film, more photo clips when the shots run out. 'validation' and 'test' are
    real clips, never trained on; ``limit`` takes the first ones. Track 3 gives their smaller frames as much
    rate for each pixel as LDV's have.

    Raises SettingError for an unknown split or track, DataError when a file of the set is missing.
    """
    if split not in SPLITS:
        raise SettingError(f"unknown split {split!r}; choose one of {', '.join(SPLITS)}.")
    codec.setting_of_track(track)

    def sequence(job: tuple[str, str, Callable[[], Path], int | None]) -> Sequence:
        name, category, raw, seed = job
        return _compressed_pair(name, split, category, raw, track, seed)

    jobs = _training_jobs(280 if limit is None else limit) if split == "train" else _real_jobs(split)[:limit]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        rows = pool.map(sequence, jobs)
        made = list(
            tqdm(rows, total=len(jobs), desc=f"{split} clips", unit="clip", disable=not progress or len(jobs) < 20)
        )
    cache.bounded()
    return made


def _real_jobs(split: str) -> list[tuple]:
    entries = [e for e in manifest() if e["kind"] == "clip" and e["split"] == split]
    return [(e["name"], e["category"], lambda e=e: _file(e), None) for e in sorted(entries, key=lambda e: e["name"])]


def _training_jobs(count: int) -> list[tuple]:
    shots = sorted((e for e in manifest() if e["kind"] == "shot"), key=lambda e: e["name"])
    jobs, seed = [], 0
    for index in range(count):
        shot, place = divmod(index, PHOTO_CLIPS_PER_SHOT + 1)
        if place == PHOTO_CLIPS_PER_SHOT and shot < len(shots):
            entry = shots[shot]
            jobs.append((entry["name"], FILM, lambda e=entry: _file(e), None))
        else:
            jobs.append((f"photo_{seed:05d}", "photo", lambda s=seed: synthesised_clip(s), seed))
            seed += 1
    return jobs


# --- LDV ---------------------------------------------------------------------------------------

LDV_FOLDERS = {
    ("train", "fixed-QP"): ("training_raw", "training_fixed-QP", 200),
    ("train", "fixed-rate"): ("training_raw", "training_fixed-rate", 200),
    ("validation", "fixed-QP"): ("validation_raw", "validation_fixed-QP", 20),
    ("validation", "fixed-rate"): ("validation_raw", "validation_fixed-rate", 20),
    ("test", "fixed-QP"): ("test_raw_1", "test_fixed-QP_release", 10),
    ("test", "fixed-rate"): ("test_raw_2", "test_fixed-rate_release", 10),
}


def ldv_folders(split: str, track: int) -> tuple[str, str, int]:
    """Names of the raw and compressed folder of LDV's ``split`` for ``track``, and how many videos each holds."""
    if split not in SPLITS:
        raise SettingError(f"unknown split {split!r}; choose one of {', '.join(SPLITS)}.")
    codec.setting_of_track(track)
    return LDV_FOLDERS[split, "fixed-rate" if track == 3 else "fixed-QP"]


def _ldv_folder(root: Path, name: str) -> Path:
    """Where the zip ``name`` was unpacked: ``root/name``, or the same name once more inside it."""
    for folder in (root / name / name, root / name):
        if folder.is_dir() and any(folder.glob("*.mkv")):
            return folder
    raise DataError(
        f"LDV: no folder {name} with .mkv files under {root}; "
        f"unpack {name}.zip there so that {root / name / '001.mkv'} exists."
    )


def ldv_root(root: Path | None = None) -> Path:
    """LDV's folder: the argument, else ``VENH_LDV``; DataError when neither names an existing folder."""
    root = root or settings.ldv_dir()
    if root is None:
        raise DataError("LDV is not set up: set VENH_LDV to the folder in which its zips were unpacked.")
    if not Path(root).is_dir():
        raise DataError(f"LDV: {root} is not a folder; set VENH_LDV to the folder in which its zips were unpacked.")
    return Path(root)


def _ranges(numbers: SequenceOf[int]) -> str:
    """Ascending numbers as LDV's files are named, neighbours together: 003–017, 044."""
    ends: list[list[int]] = []
    for number in numbers:
        if ends and number == ends[-1][1] + 1:
            ends[-1][1] = number
        else:
            ends.append([number, number])
    return ", ".join(f"{first:03d}" if first == last else f"{first:03d}–{last:03d}" for first, last in ends)


def ldv(split: str, track: int = 1, root: Path | None = None, limit: int | None = None) -> list[Sequence]:
    """LDV's ``split`` for ``track``; every missing video is named in one DataError.

    Track 3's test videos are 001–010 on disk and #11–#20 in Table 3: they are named as in the table.
    """
    root = ldv_root(root)
    raw_name, compressed_name, count = ldv_folders(split, track)
    raw, compressed = _ldv_folder(root, raw_name), _ldv_folder(root, compressed_name)
    files = [f"{number:03d}.mkv" for number in range(1, count + 1)]
    missing = {
        name: [number for number, file in enumerate(files, start=1) if not (folder / file).is_file()]
        for name, folder in ((raw_name, raw), (compressed_name, compressed))
    }
    lacking = {name: numbers for name, numbers in missing.items() if numbers}
    if lacking:
        raise DataError(
            f"LDV: {sum(map(len, lacking.values()))} of {2 * count} videos are missing in {root}: "
            f"{'; '.join(f'{name}: {_ranges(numbers)}' for name, numbers in lacking.items())}. "
            f"Unpack {' and '.join(f'{name}.zip' for name in lacking)} again."
        )
    offset = 10 if (split, track) == ("test", 3) else 0
    sequences = []
    for number, file in enumerate(files[:limit], start=1 + offset):
        check_pair(probe(raw / file), probe(compressed / file))
        sequences.append(
            _pair(f"#{number}" if split == "test" else f"{number:03d}", split, "", raw / file, compressed / file)
        )
    return sequences


def sequences(split: str, track: int, scale: str, limit: int | None = None, *, progress: bool = True) -> list[Sequence]:
    """LDV at ``paper`` scale, the sample set at ``smoke`` and ``course``."""
    if settings.check_scale(scale) == "paper":
        return ldv(split, track, limit=limit)
    return sample_set(split, track, limit, progress=progress)
