"""Benchmarks anyone can run again: ``venh bench NAME``. Each returns one flat dict of figures and ratios.

Ratios are taken within one run, the two sides in turn, because machines differ and their speed drifts.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

from venh_lib.bench.clips import any_frame, compression, import_time
from venh_lib.bench.deformable import deform
from venh_lib.bench.enhancing import inference
from venh_lib.bench.loading import training
from venh_lib.bench.networks import methods
from venh_lib.bench.timing import Figures
from venh_lib.errors import SettingError

BENCHES: dict[str, Callable[..., Figures]] = {
    "import": import_time,
    "frames": any_frame,
    "compression": compression,
    "training": training,
    "deform": deform,
    "inference": inference,
    "methods": methods,
}


def run(name: str, **options) -> Figures:
    """The figures of benchmark ``name``; ``options`` are the parameters of its function.

    Raises SettingError for an unknown benchmark, or an option that it does not take.
    """
    if name not in BENCHES:
        raise SettingError(f"unknown benchmark {name!r}; choose one of {', '.join(BENCHES)}.")
    known = inspect.signature(BENCHES[name]).parameters
    if unknown := sorted(set(options) - set(known)):
        raise SettingError(f"benchmark {name} takes no {', '.join(unknown)}; it takes {', '.join(known)}.")
    return {"bench": name, **BENCHES[name](**options)}
