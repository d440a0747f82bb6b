"""The table of methods: one record per entry of the challenge and per baseline."""

from __future__ import annotations

from venh_lib.errors import SettingError
from venh_lib.methods import arcnn, dncnn, ivp_tencent, mfqe, qecnn, spynet
from venh_lib.methods.method import Method

_MODULES = (arcnn, dncnn, qecnn, mfqe, ivp_tencent)

METHODS: dict[str, Method] = {module.METHOD.slug: module.METHOD for module in _MODULES}

# Networks that restore nothing themselves: methods start from their weights. They are trained like any other.
PARTS: dict[str, Method] = {"spynet": spynet.METHOD}


def get(slug: str) -> Method:
    """The method or part called ``slug``; SettingError naming the known ones if there is none."""
    try:
        return METHODS[slug] if slug in METHODS else PARTS[slug]
    except KeyError:
        known = ", ".join((*sorted(METHODS), *PARTS))
        raise SettingError(f"unknown method {slug!r}; choose one of {known}.") from None
