"""The table of methods: one record per entry of the challenge and per baseline."""

from __future__ import annotations

from venh_lib.errors import SettingError
from venh_lib.methods import (
    arcnn,
    bilibili,
    dncnn,
    gogoing,
    ivp_tencent,
    mcenhance,
    mfqe,
    mt_maxclear,
    nju_vision,
    noahtcv,
    ntu_slab,
    qecnn,
    spynet,
    vue,
)
from venh_lib.methods.method import Method

# Baselines, then the teams in the order of the report's §4.
_RECORDS = (
    arcnn.METHOD,
    dncnn.METHOD,
    qecnn.METHOD,
    mfqe.METHOD,
    bilibili.METHOD,
    ntu_slab.METHOD,
    vue.METHOD,
    vue.METHOD_TRACK_3,
    noahtcv.METHOD,
    mt_maxclear.METHOD,
    gogoing.METHOD,
    nju_vision.METHOD,
    mcenhance.METHOD,
    ivp_tencent.METHOD,
)

METHODS: dict[str, Method] = {record.slug: record for record in _RECORDS}

# Networks that are no entry themselves: methods start from their weights. They are trained like any other.
PARTS: dict[str, Method] = {
    record.slug: record for record in (spynet.METHOD, bilibili.FIRST, bilibili.SECOND, vue.FIRST)
}


def get(slug: str) -> Method:
    """The method or part called ``slug``; SettingError naming the known ones if there is none."""
    try:
        return METHODS[slug] if slug in METHODS else PARTS[slug]
    except KeyError:
        known = ", ".join((*sorted(METHODS), *PARTS))
        raise SettingError(f"unknown method {slug!r}; choose one of {known}.") from None
