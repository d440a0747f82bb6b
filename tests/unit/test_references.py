"""Peak quality frames and reference policies, on QP lists written by hand from the report's rules."""

from __future__ import annotations

import math
import time

import pytest

from venh_lib.bitstream import FrameInfo
from venh_lib.errors import DataError, SettingError
from venh_lib.references import (
    BestNext,
    Neighbours,
    SMGFProposal,
    best_intra_frame,
    centre_only,
    i_p_candidates,
    intra_frames,
    lower_qp_frames,
    mfqe_window,
    nearest_intra_frame,
    nearest_pqfs,
    neighbours,
    peak_frames,
    peak_quality_frames,
    peak_quality_frames_by_psnr,
    previous_and_next_pqf,
    qp_candidates,
    quality_fluctuation,
    smgf_proposal,
)

HM = [36] + [45, 44, 45, 38] * 5  # frames 0 to 20
# Two-pass x265: I, then groups with three or two B frames; the middle one of three is a reference.
X265_TYPES = "I B B B P B B P P B B B P".split()
X265_QPS = [30, 35, 34, 35, 32, 36, 36, 33, 31, 34, 33, 34, 31]


def stream(qps: list[int], types: str | list[str] | None = None) -> list[FrameInfo]:
    types = types or ["I"] + ["P"] * (len(qps) - 1)
    return [FrameInfo(t, kind, qp, 100) for t, (kind, qp) in enumerate(zip(types, qps, strict=True))]


CASCADE = stream(HM)
FLAT = stream([37] * 6)


def test_candidates_are_section_4_1_as_written():
    assert qp_candidates(HM) == tuple(range(0, 21, 2))
    assert qp_candidates([30, 29, 30, 30, 28, 28, 31]) == (1,)


def test_peaks_of_the_cascade_are_every_fourth_frame_as_the_organisers_baseline_has_them():
    assert peak_quality_frames(HM) == (0, 4, 8, 12, 16, 20)


@pytest.mark.parametrize("length", range(2, 21))
def test_peaks_of_the_cascade_do_not_depend_on_where_the_clip_ends(length):
    assert peak_quality_frames(HM[:length]) == tuple(range(0, length, 4))


def test_an_end_is_held_against_its_one_neighbour():
    assert peak_quality_frames([30, 31, 30]) == (0, 2)
    assert peak_quality_frames([31, 30, 31]) == (1,)
    assert peak_quality_frames([30]) == peak_quality_frames([]) == peak_quality_frames([37] * 5) == ()


def test_peaks_of_x265_are_i_and_p_frames_beside_b_frames_and_no_reference_b_frame():
    # Frame 7 (QP 33) has frame 8 (QP 31) beside it.
    assert qp_candidates(X265_QPS) == (0, 2, 4, 8, 10, 12)
    assert peak_quality_frames(X265_QPS) == (0, 4, 8, 12)


def test_peaks_of_a_measured_x265_stream_are_its_i_and_p_frames():
    # One shot of the sample set, two passes at 100 kbit/s: type and QP read back from the headers.
    coded = (
        "I32 B34 B33 P32 B34 B33 B34 P32 B34 B33 B34 P32 B34 B34 B33 B34 P32 "
        "B35 B35 B33 B35 P32 B35 B34 B35 P32 B35 P32 B35 B34 B35 P32 P33"
    ).split()
    infos = stream([int(frame[1:]) for frame in coded], [frame[0] for frame in coded])
    assert peak_frames(infos) == i_p_candidates(infos)[:-1]  # the last P frame has a better one beside it
    assert {infos[t].slice_type for t in lower_qp_frames(infos)} == {"I", "P", "B"}


def test_peaks_at_a_distance_of_two_may_tie():
    assert peak_quality_frames([30, 33, 30, 33, 30]) == (0, 2, 4)


def test_the_two_readings_on_a_stream_take_its_qps():
    assert lower_qp_frames(CASCADE) == qp_candidates(HM)
    assert peak_frames(CASCADE) == peak_quality_frames(HM)


def test_peaks_by_psnr_are_better_than_both_neighbours():
    assert peak_quality_frames_by_psnr([33.0, 31.0, 31.5, 31.0, 34.0, 30.0]) == (0, 2, 4)
    assert peak_quality_frames_by_psnr([31.0, math.inf, 31.0, 31.0]) == (1,)
    assert peak_quality_frames_by_psnr([31.0, 31.0]) == peak_quality_frames_by_psnr([31.0]) == ()
    with pytest.raises(DataError, match="NaN"):
        peak_quality_frames_by_psnr([31.0, math.nan])


def test_quality_fluctuation_by_hand():
    # Peaks 0 (34), 2 (33), 5 (36); nearest valleys 1 (30), 1 (30, the earlier of 1 and 3), 4 (31).
    deviation, drop = quality_fluctuation([34.0, 30.0, 33.0, 32.0, 31.0, 36.0])
    assert drop == pytest.approx((4 + 3 + 5) / 3)
    assert deviation == pytest.approx(math.sqrt(35 / 9))
    assert quality_fluctuation([32.0, 32.0, 32.0]) == (0.0, 0.0)
    assert quality_fluctuation([32.0]) == (0.0, 0.0)


@pytest.mark.parametrize("psnr", [[], [31.0, math.inf], [math.nan]])
def test_quality_fluctuation_refuses_what_has_no_deviation(psnr):
    with pytest.raises(DataError, match="finite"):
        quality_fluctuation(psnr)


@pytest.mark.parametrize("candidates", [lower_qp_frames, peak_frames, i_p_candidates])
def test_what_is_remembered_of_a_stream_is_never_another_streams(candidates):
    one, other = (tuple(s) for s in (stream([36, 45, 44, 45, 38]), stream([38, 37, 45, 36, 45, 36], list("IPBPBP"))))
    expected = [candidates(list(infos)) for infos in (one, other)]
    assert expected[0] != expected[1]
    assert [candidates(infos) for infos in (one, other, one, one)] == [*expected, expected[0], expected[0]]
    changing = list(one)
    assert candidates(changing) == expected[0]
    changing[:] = other
    assert candidates(changing) == expected[1]


def test_a_policy_takes_no_longer_for_a_frame_of_a_long_video():
    """Half an hour: what a policy looked up for each frame anew would take minutes."""
    infos = tuple(stream([36, 45, 44, 45, 38, 45, 44, 45] * 6750))
    started = time.perf_counter()
    for policy in (smgf_proposal, nearest_pqfs, mfqe_window):
        assert len({policy(infos, t)[0] for t in range(0, len(infos), 9)}) > 100
    assert time.perf_counter() - started < 5


def test_neighbours_repeat_the_edge_frame():
    assert neighbours(2)(CASCADE, 10) == (8, 9, 10, 11, 12)
    assert neighbours(2)(CASCADE, 0) == (0, 0, 0, 1, 2)
    assert neighbours(3)(CASCADE, 19) == (16, 17, 18, 19, 20, 20, 20)
    assert neighbours(0)(CASCADE, 3) == centre_only(CASCADE, 3) == (3,)
    assert neighbours(2)(CASCADE[:1], 0) == (0,) * 5


@pytest.mark.parametrize(
    ("t", "expected"),
    [(5, (4, 5, 8)), (6, (4, 6, 8)), (7, (4, 7, 8)), (8, (4, 8, 12)), (0, (4, 0, 4)), (20, (16, 20, 16))],
)
def test_nearest_pqfs_in_the_cascade(t, expected):
    assert nearest_pqfs(CASCADE, t) == expected


def test_nearest_pqfs_where_one_side_or_both_have_none():
    assert nearest_pqfs(CASCADE[:7], 6) == (4, 6, 4)
    assert nearest_pqfs(FLAT, 2) == (1, 2, 3)
    assert nearest_pqfs(FLAT, 0) == (0, 0, 1)
    assert nearest_pqfs(FLAT[:1], 0) == (0, 0, 0)
    assert nearest_pqfs(CASCADE[:3], 0) == (0, 0, 1)  # its one PQF is the frame itself


def test_previous_and_next_pqf_say_what_is_missing():
    assert previous_and_next_pqf(CASCADE, 0) == (None, 4)
    assert previous_and_next_pqf(CASCADE, 20) == (16, None)
    assert previous_and_next_pqf(FLAT, 3) == (None, None)


def test_mfqe_enhances_a_pqf_by_itself_and_the_others_with_two():
    assert [mfqe_window(CASCADE, t) for t in (3, 4, 5)] == [(0, 3, 4), (4,), (4, 5, 8)]
    assert mfqe_window(CASCADE[:7], 6) == (4, 6, 4)
    assert mfqe_window(FLAT, 3) == (3,)


def test_the_best_coded_frames_stand_next_to_the_frame():
    # QPs of 3 … 9: 45, 38, 45, (44), 45, 38, 45; the nearest of equals first.
    assert BestNext(neighbours(3))(CASCADE, 6) == (3, 5, 4, 6, 8, 7, 9)
    assert BestNext(neighbours(2))(CASCADE, 5) == (3, 4, 5, 6, 7)
    assert BestNext(smgf_proposal)(CASCADE, 9) == (2, 6, 4, 8, 9, 12, 16, 10, 14)


def test_where_all_are_coded_alike_the_order_is_that_of_time():
    policy = BestNext(neighbours(3))
    assert [policy(FLAT, t) for t in range(6)] == [neighbours(3)(FLAT, t) for t in range(6)]


def test_smgf_takes_the_adjacent_frame_then_candidate_after_candidate():
    # Before 9: 8 (adjacent), then the candidates below it, 6, 4, 2. After 9: 10, then 12, 14, 16.
    assert smgf_proposal(CASCADE, 9) == (2, 4, 6, 8, 9, 10, 12, 14, 16)
    # Before 10: 9 (adjacent, no candidate), then 8, 6, 4.
    assert smgf_proposal(CASCADE, 10) == (4, 6, 8, 9, 10, 11, 12, 14, 16)


def test_smgf_with_peaks_reaches_further():
    by_peaks = SMGFProposal(candidates=peak_frames)
    assert by_peaks(CASCADE, 10) == (0, 4, 8, 9, 10, 11, 12, 16, 20)


def test_smgf_pads_with_the_last_selected_frame_at_the_outer_ends():
    assert smgf_proposal(CASCADE, 3) == (0, 0, 0, 2, 3, 4, 6, 8, 10)
    assert smgf_proposal(CASCADE, 19) == (12, 14, 16, 18, 19, 20, 20, 20, 20)
    assert smgf_proposal(CASCADE, 0) == (0, 0, 0, 0, 0, 1, 2, 4, 6)
    assert smgf_proposal(FLAT, 3) == (2, 2, 2, 2, 3, 4, 4, 4, 4)


def test_smgf_on_track_3_takes_i_and_p_frames():
    infos = stream(X265_QPS, X265_TYPES)
    assert i_p_candidates(infos) == (0, 4, 7, 8, 12)
    policy = SMGFProposal(candidates=i_p_candidates)
    assert policy(infos, 6) == (0, 0, 4, 5, 6, 7, 8, 12, 12)
    assert SMGFProposal(per_side=2, candidates=i_p_candidates)(infos, 6) == (4, 5, 6, 7, 8)


@pytest.mark.parametrize("t", range(len(X265_QPS)))
@pytest.mark.parametrize("candidates", [lower_qp_frames, peak_frames, i_p_candidates])
def test_smgf_is_nine_frames_in_temporal_order_around_t(candidates, t):
    window = SMGFProposal(candidates=candidates)(stream(X265_QPS, X265_TYPES), t)
    assert len(window) == 9 and window[4] == t and list(window) == sorted(window)


def test_intra_frames_nearest_and_best():
    infos = stream([30] * 11, "I P P P P I P P P P I".split())
    assert intra_frames(infos) == (0, 5, 10)
    assert [nearest_intra_frame(infos, t) for t in (2, 3, 5, 10)] == [0, 5, 5, 10]
    assert best_intra_frame(infos, 2, [0.1, 0.3, 0.9]) == 10
    assert best_intra_frame(infos, 4, [0.5, 0.5, 0.5]) == 5


def test_intra_frames_refused():
    infos = stream([30] * 4, "I P I P".split())
    with pytest.raises(DataError, match="one relevance"):
        best_intra_frame(infos, 1, [0.3])
    with pytest.raises(DataError, match="one relevance"):
        best_intra_frame(infos, 1, [0.3, math.nan])
    with pytest.raises(DataError, match="no intra frame"):
        nearest_intra_frame(stream([30, 30], "P P".split()), 0)


POLICIES = (
    centre_only, neighbours(2), nearest_pqfs, mfqe_window, smgf_proposal, nearest_intra_frame, BestNext(neighbours(2)),
)  # fmt: skip


@pytest.mark.parametrize("policy", POLICIES)
def test_bad_input_is_named(policy):
    for t in (-1, len(CASCADE)):
        with pytest.raises(SettingError, match=f"frame {t} is outside the stream; it has frames 0 to 20"):
            policy(CASCADE, t)
    with pytest.raises(DataError, match="no frames"):
        policy([], 0)
    with pytest.raises(DataError, match="display order"):
        policy(CASCADE[1:], 3)


def test_policies_read_well_and_compare_by_value():
    assert repr(neighbours(3)) == "Neighbours(radius=3)" and neighbours(3) == Neighbours(3)
    assert repr(SMGFProposal(4, i_p_candidates)) == "SMGFProposal(per_side=4, candidates=i_p_candidates)"
    assert smgf_proposal == SMGFProposal()
    assert repr(BestNext(neighbours(2))) == "BestNext(Neighbours(radius=2))"
    assert BestNext(neighbours(2)) == BestNext(Neighbours(2)) != BestNext(neighbours(3))
    with pytest.raises(SettingError, match="radius"):
        neighbours(-1)
    with pytest.raises(SettingError, match="each side"):
        SMGFProposal(per_side=0)
