"""The table of methods: one record per entry of the challenge and per baseline."""

from __future__ import annotations

from venh_lib.errors import SettingError
from venh_lib.methods import arcnn, dncnn, ivp_tencent, mfqe, qecnn
from venh_lib.methods.method import Method

_MODULES = (arcnn, dncnn, qecnn, mfqe, ivp_tencent)

METHODS: dict[str, Method] = {module.METHOD.slug: module.METHOD for module in _MODULES}


def get(slug: str) -> Method:
    """The method called ``slug``; SettingError naming the known ones if there is none."""
    try:
        return METHODS[slug]
    except KeyError:
        raise SettingError(f"unknown method {slug!r}; choose one of {', '.join(sorted(METHODS))}.") from None
