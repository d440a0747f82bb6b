"""What keeps a video's frames few: who needs which frame until when, and threads ahead and behind."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from venh_lib.bitstream import FrameInfo
from venh_lib.errors import VenhError, VideoError
from venh_lib.methods.method import Method

_END = object()
# Enough for the decoder's jitter, few enough for memory.
DEPTH = 4


def read_ahead(items: Iterable, depth: int = DEPTH) -> Iterator:
    """``items`` in order, up to ``depth`` made beforehand in a thread; errors come where they belong."""
    iterator = iter(items)
    with ThreadPoolExecutor(max_workers=1) as pool:
        waiting = deque(pool.submit(next, iterator, _END) for _ in range(depth))
        while (item := waiting.popleft().result()) is not _END:
            waiting.append(pool.submit(next, iterator, _END))
            yield item
            del item


@contextmanager
def behind(function: Callable[[Any], Any], depth: int = DEPTH) -> Iterator[Callable[[Any], None]]:
    """``function`` in a thread, up to ``depth`` calls waiting; all are done, or have raised, on leaving."""
    waiting: deque = deque()
    with ThreadPoolExecutor(max_workers=1) as pool:

        def call(item: Any) -> None:
            if len(waiting) >= depth:
                waiting.popleft().result()
            waiting.append(pool.submit(function, item))

        yield call
        while waiting:
            waiting.popleft().result()


def one_later(items: Iterator) -> Iterator:
    """``items``, each handed on when the next one is under way, so that the device never waits for a copy."""
    previous = None
    for item in items:
        if previous is not None:
            yield previous
        previous = item
    if previous is not None:
        yield previous


def window_schedule(
    method: Method, infos: Sequence[FrameInfo]
) -> tuple[tuple[tuple[int, ...], ...], tuple[int, ...]]:
    """Each frame's window, and for each frame the last t whose window asks for it (−1 when none does).

    Known before the first frame is decoded, so each frame is held exactly as long as it is needed.
    Raises VenhError when the policy names frames that do not exist.
    """
    windows, last_use = [], [-1] * len(infos)
    for t in range(len(infos)):
        window = method.policy(infos, t)
        if not window or not all(0 <= i < len(infos) for i in window):
            raise VenhError(
                f"{method.slug}: the window of frame {t} is {window}, the clip has {len(infos)} frames."
            )
        windows.append(window)
        for i in window:
            last_use[i] = t
    return tuple(windows), tuple(last_use)


class Source:
    """The decoded frames that are still needed, by index; reads on only when asked for a later frame."""

    def __init__(self, frames: Iterator, count: int, upload: Callable[[Any], Any]) -> None:
        self.frames, self.count, self.upload = frames, count, upload
        self.held: dict[int, Any] = {}
        self.read = 0

    def read_to(self, stop: int) -> None:
        """Hold all frames before ``stop``; VideoError when the video ends before."""
        while self.read < stop:
            frame = next(self.frames, None)
            if frame is None:
                raise VideoError(f"the video ended after {self.read} frames, its bitstream has {self.count}.")
            self.held[self.read] = self.upload(frame)
            self.read += 1

    def drop(self, needless: Callable[[int], bool]) -> None:
        """Let go of the frames whose index is ``needless``."""
        for index in [i for i in self.held if needless(i)]:
            del self.held[index]

    def finish(self) -> None:
        """Let go of all; VideoError unless the video ends where its bitstream does."""
        self.read_to(self.count)
        self.held.clear()
        if next(self.frames, None) is not None:
            raise VideoError(f"the video goes on after frame {self.count}, where its bitstream ends.")
