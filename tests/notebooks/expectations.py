"""What the figures that notebooks record must be at smoke scale.

``EXPECTATIONS``: notebook, figure, and (least, greatest) or the value itself. ``RELATIONS``: notebook, and
(name, predicate over the figures' values). Every recorded figure stands in one of the two, and no other does.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

# The record's gains were measured with the same code on the same frames: only rounding may differ.
MOVED = ("moved", (0.0, 0.02))
# What every method's notebook records alike, at smoke scale and with the shipped weights.
OF_A_METHOD = dict([MOVED, ("shipped", True), ("clips", (3, 10))])

EXPECTATIONS: dict[str, dict[str, Any]] = {
    "00_start_here": {
        "recorded_test_gain": (0.2, 1.5),
        "cost_of_420": (0.0, 0.06),
        "pixels_made_worse": (0.1, 0.45),
        "compression_ratio": (1400, 1600),
        "gain": (0.2, 0.8),
        "gain_in_file": (0.17, 0.8),
        "least_gain": (0.1, 0.8),
        **dict([MOVED]),
    },
    "01_compression": {
        "rate_factor_of_5_qps": (1.4, 1.7),
        "pumping_raw": (0.8, 1.3),
        "pumping_qp37": (2.0, 5.0),
        "encoders_psnr_difference": (0.0, 0.5),
        "encoders_error_correlation": (0.45, 0.8),
        "test_clips": (7, 30),
        "psnr_qp37": (33.5, 34.1),
        "psnr_drop_22_to_47": (11.5, 12.6),
        "fixed_rate": (200, 260),
        "fixed_rate_per_pixel": (39, 60),
        "pixels_of_ldv_over_ours": (5.15, 5.16),
        "blocking": (1.02, 1.2),
        "blocking_least": (0.8, 1.0),
        "blocking_most": (1.05, 1.3),
        "b_frames_at_fixed_rate": (1, 16),
        "categories_without_clips": (0, 5),
        "ours_less_ldv": (-2.0, 2.0),
    },
    "02_peak_quality_frames": {
        "lead_of_38": (1.4, 2.7),
        "lead_of_44": (0.05, 0.5),
        "gain_of_copying": (-8.0, -3.0),
        "mean_pvd": (1.5, 2.6),
        "mean_sd": (0.7, 1.4),
        "agreement": (0.6, 0.95),
        "literal_candidates_per_peak": (1.8, 2.0),
        "streams_without_peaks": (1, 5),
        "share_of_44_in_extra_peaks": (0.9, 1.0),
        "peaks_by_qp_that_psnr_confirms": (0.9, 1.0),
        "sd_of_stream_without_peaks": (0.1, 1.0),
    },
    "03_fidelity": {
        "psnr": (28.5, 30.2),
        "difference_to_ffmpeg": (0.0, 0.006),
        "table1_average_off_by": (0.0, 0.0061),
        "ceiling_of_wrong_matrix": (30, 50),
        "trap: wrong colour matrix on one side": (-2.0, -0.1),
        "trap: Y-PSNR read as RGB-PSNR": (1.0, 5.0),
        "trap: PSNR of the mean error": (-0.5, -0.01),
        "trap: one frame off": (-8.0, -1.0),
        "identical_frames": (1, 1),
        "ms_ssim": (0.92, 0.97),
        "trap: floats instead of 8-bit frames": (0.0005, 0.03),
        "trap: not clipped: bytes wrap": (-15.0, -0.5),
        "ms_ssim_by_hand_differs_by": (0.0, 1e-4),
        "wrong_matrix_at_best": (-0.05, 0.0),
        "wrong_matrix_at_worst": (-2.0, -0.4),
    },
    "06_training": {
        "valid_share": (0.85, 0.98),
        "motion_known": (0.8, 1.0),
        "error_of_turned_flow": (0.5, 4.0),
        "gradient_loss_of_brightness": (0.0, 1e-6),
        "fft_loss_of_blur_over_noise": (0.7, 1.0),
        "luma_psnr_moved_by_colour": (0.0, 0.1),
        "chroma_bias_as_is": (5, 20),
        "l1_answer": (0.249, 0.251),
        "l2_answer": (0.349, 0.351),
        "least_kept_adaptively": (0.01, 0.3),
        "clipped, random start": (0.5, 1.0),
        "photos": (150, 200),
        "error_with_true_motion": (0.5, 4.0),
        "error_without_motion": (4.5, 30),
        "recoloured_share": (0.3, 0.45),
        "chroma_bias_augmented": (0.0, 4.0),
        "tensors_that_differ_after_resume": (0, 0),
        "tensors_that_differ_without_optimiser": (1, 1000),
        "shipped_validation_gain": (0.5, 2.0),
        "two_processes_differ_by": (0.0, 1e-4),
        "short_run_gain": (-1.5, 0.2),
        "short_run_seconds": (0.0, 30),
        "clipped, at its start": (0.0, 0.3),
        "clipped, trained": (0.0, 0.3),
        "shipped_steps": (1000, 1_000_000),
        "bare_gain": (-20.0, -1.0),
    },
    "07_inference": {
        "frames_held_ivp_tencent": (1, 1),
        "frames_held_mfqe": (3, 5),
        "seam_max_overlap_0": (2.0, 30.0),
        "seam_max_overlap_32": (0.0, 1.0),
        "gain_x1": (0.2, 0.8),
        "gain_x8": (0.2, 0.8),
        "identity_error": (0.0, 1e-9),
        "frames_alive_short": (5, 14),
        "strong_field": (5, 40),
        "tile_work_overlap_32": (2.4, 2.6),
        "tile_error_ratio": (5, 500),
        "seconds_a_pass": (0.0, 5.0),
        "spread_share": (0.0005, 0.05),
        "network_share_of_time": (0.2, 1.0),
    },
    "10_arcnn": {
        **OF_A_METHOD,
        "psnr_of_random_start": (3, 15),
        "first_step_arcnn": (-14, -3),
        "first_step_dncnn": (-1.5, 0.2),
        "parameters_paper": 117_731,
        "report_gain": (0.195, 0.205),
        "error_of_identity_start": (0.0, 1e-6),
        "bf16_identity_error_arcnn": (0.15, 0.6),
        "bf16_identity_error_dncnn": 0,
        "first_kernels_moved_by": (0.02, 5.0),
        "smoothness_of_start": (-0.05, 0.05),
        "agreement_of_residuals": (0.05, 0.9),
        "gain": (0.05, 0.4),
    },
    "11_dncnn": {
        **OF_A_METHOD,
        "cost_of_forgotten_eval": (0.02, 5.0),
        "mean_moved_by_dark_frame": (0.05, 3.0),
        "change_by_bias_in_train_mode": (0, 1e-6),
        "change_by_bias_in_eval_mode": (1, 1000),
        "parameters_paper": 670_531,
        "report_gain": (0.375, 0.385),
        "train_mode_difference": (0.5, 100),
        "eval_mode_difference": (0.0, 0.01),
        "agreement_of_residuals": (0.05, 0.9),
        "gain": (0.15, 0.6),
    },
    "12_qecnn": {
        **OF_A_METHOD,
        "parameters_paper": 1_389_123,
        "report_gain": (0.435, 0.445),
        "agreement_of_residuals": (0.05, 0.9),
        "variation_he_over_default": (3, 60),
        "gain": (0.15, 0.6),
    },
    "13_mfqe": {
        **OF_A_METHOD,
        "parameters_paper": 5_570_138,
        "report_gain": (0.575, 0.585),
        "window_of_frame_3": "(0, 3, 4)",
        "sent_the_right_way": (0.5, 0.8),
        "matching_at_truth": (0.05, 0.6),
        "cost_of_slip": (0.3, 3.0),
        "gain": (0.2, 0.9),
        "gain_over_qecnn": (0.01, 0.5),
        "fused_by_dis": (0.2, 0.6),
        "motion_at_first_level": (0.1, 0.5),
        "output_over_frame": (0.05, 1.0),
        "output_over_best_input": (-0.1, 0.5),
        "least_sent_the_right_way": (0.5, 0.8),
        "sent_nowhere": (0.02, 0.5),
        "cost_of_slip_in_db": (0.05, 1.0),
        "clips_where_truth_loses": 0,
        "clips_where_warping_loses": (1, 3),
        "share_without_warping": (-0.5, 0.8),
        "dis_less_net": (-0.1, 0.1),
    },
    "20_deformable_alignment": {
        # Rounding of float32: of sums over 27 products, and of places in a frame of some hundred pixels.
        "apart_from_plain": (0.0, 1e-4),
        "apart_from_library": (0.0, 1e-4),
        "apart_from_warp": (0.0, 1e-3),
        "moved_by_offsets": (0.1, 10.0),
        "cost_of_swapped_axes": (1.0, 60.0),
        # The last layer starts at zero.
        "gradient_at_start": 0,
        # Half would be chance; a gradient that knows the way would send nearly all.
        "sent_the_right_way": (0.0, 0.7),
        "heard_start_brought": (0.0, 1.0),
        "heard_start_left": (0.0, 1.0),
        "heard_trained_brought": (0.0, 1.0),
        "heard_trained_left": (0.0, 1.0),
        # The first push beyond half a side; pushed down and right, no tap is inside the frame any more.
        "guard_speaks_at": (0.5, 0.65),
        "gradient_share_at_guard": (0.0, 0.05),
        "gradient_share_outside": 0,
        "cascade_moves": (0.01, 50.0),
        "off_by_pyramid_and_cascade": (0.1, 50.0),
    },
    "30_bilibili": {
        **OF_A_METHOD,
        "parameters_paper": 58_668_467,
        "report_gain_over_mfqe": (1.39, 1.41),
        "best_next_by": (0.2, 4.0),
        # Chance is a third, and the text says that looks tell badly.
        "peak_guessed_by_sharpness": (0.2, 0.7),
        "length_of_offsets": (0.0, 0.1),
        # They are kept on a short lead, and the text says so.
        "mask_of_the_frames": (0.45, 0.55),
        "beyond_the_next": (0.02, 1.0),
        # The text says that both best frames have weights of one size.
        "before_over_after": (0.8, 1.25),
        # The text says that two are hardly better than one.
        "fused_over_better": (-0.05, 0.05),
        "models_apart": (0.05, 3.0),
        "mask_mean": (0.3, 0.7),
        "mask_spread": (0.01, 0.3),
        "gate_over_mean": (-0.01, 0.05),
        "beta_moved": (0.001, 0.1),
        "best_choice_over_mean": (0.02, 1.0),
        "gain": (0.5, 1.2),
        "least_gain": (0.3, 1.2),
    },
    "33_noahtcv": {
        **OF_A_METHOD,
        "parameters_paper": 17_742_444,
        "report_gain_over_mfqe": (0.77, 0.79),
        "numbers_per_pixel": 162,
        "peaks_better_by": (0.05, 3.0),
        # They are kept on a short lead, and the text says so.
        "length_of_offsets": (0.001, 0.5),
        "spread_of_taps": (0.001, 0.5),
        # Flow has nothing to tell where hardly anything moves, and much where it does.
        "motion_left_of_slowest": (0.7, 1.5),
        "least_motion_left": (0.0, 0.25),
        "offsets_over_flow": (0.95, 1.05),
        "least_fused": (0.05, 10.0),
        "lost_without_flow": (0.1, 1.5),
        # The text says that they do little once the flow has brought the frames.
        "lost_without_offsets": (-0.02, 0.03),
        "gain": (0.5, 1.2),
        "least_gain": (0.3, 1.2),
        # No test clip loses by two references.
        "least_over_brnet": (0.0, 1.0),
        "rank_correlation_with_lead": (0.2, 1.0),
        "turned_differs_by": (0.001, 5.0),
    },
    "34_mt_maxclear": {
        **OF_A_METHOD,
        "parameters_paper": 20_928_995,
        "report_gain_over_mfqe": (0.62, 0.64),
        # Of four.
        "phases_with_a_later_peak": 2,
        # The text says that offsets hardly move, and that attention lets everything through.
        "moved_as_a_whole": (0.0, 0.02),
        "taps_apart": (0.0, 0.05),
        "total_variation": (0.0, 1e-3),
        "variance": (0.0, 1e-3),
        "heard_least": (0.95, 1.0),
        "heard_most": (0.95, 1.0),
        "lost_without_offsets": (-0.01, 0.01),
        "lost_without_attention": (-0.01, 0.01),
        "lost_without_flow": (0.3, 2.0),
        # The text says that a peak gains nothing from the others.
        "added_at_peaks": (-0.1, 0.05),
        "gain": (0.55, 0.75),
        "least_gain": (0.3, 0.5),
    },
    "46_ivp_tencent": {
        **OF_A_METHOD,
        "receptive_field": 78,
        "difference_by_shift_1": (1, 100),
        "difference_by_shift_2": (0, 0.01),
        "memory_saved_without_batch_norm": (0.45, 0.55),
        "influence_within_9x9": (0.4, 0.95),
        "parameters_paper": 641_700,
        "full_over_half_resolution": (1.3, 8.0),
        "seconds_per_frame": (0.0, 5.0),
        "agreement_of_residuals": (0.1, 0.9),
        "gain": (0.35, 0.9),
        "least_gain": (0.2, 0.9),
    },
    "50_track1_leaderboard": {
        "methods": (5, 30),
        "clips": (7, 30),
        "best_gain": (0.25, 2.0),
        "rank_correlation": (0.5, 1.0),
        "least_mean_gain_now": (-0.05, 1.0),
        "best_is_best_now": True,
        "clips_led_by_the_best": (5, 30),
        "smallest_course_share": (0.01, 0.99),
    },
}

Relation = tuple[str, Callable[[Mapping[str, Any]], bool]]
RELATIONS_OF_A_METHOD: list[Relation] = [
    ("the course's network is the smaller one", lambda f: f["parameters_course"] < f["parameters_paper"]),
    # On fewer frames than the record's: half of what the method gains is more than the frames differ by.
    ("it gains as recorded", lambda f: abs(f["gain_less_recorded"]) <= 0.01 + f["recorded_gain"] / 2),
    ("no clip gains less than the least", lambda f: f["least_gain"] <= f["gain"]),
]
FAILURE: Relation = (
    "the worst frame of the hardest clip is below the mean",
    lambda f: f["gain_of_worst_frame"] < f["recorded_gain"],
)

RELATIONS: dict[str, list[Relation]] = {
    "00_start_here": [
        (
            "a file gains what its frames do, less what halving the colour costs",
            lambda f: abs(f["gain_in_file"] - (f["gain"] - f["cost_of_420"])) < 0.005,
        ),
        ("the least gain is below the mean", lambda f: f["least_gain"] <= f["gain"]),
    ],
    "06_training": [
        (
            "the hardest of three places lost more",
            lambda f: f["coding_error, hardest of three"] > 1.2 * f["coding_error, any place"],
        ),
        ("arrows turn with their picture", lambda f: f["error_of_turned_flow"] < f["error_of_unturned_flow"] / 4),
        ("the head start pays", lambda f: f["short_run_gain"] > f["bare_gain"] + 1),
        (
            "true motion explains most of the change",
            lambda f: f["error_with_true_motion"] < f["error_without_motion"] / 2,
        ),
        ("colour augmentation takes the bias", lambda f: f["chroma_bias_augmented"] < f["chroma_bias_as_is"] / 2),
    ],
    "07_inference": [
        ("memory does not grow", lambda f: f["frames_alive_long"] <= f["frames_alive_short"] + 2),
        ("a net is not seen further than it can look", lambda f: f["strong_field"] < f["receptive_field"] == 78),
        ("an overlap removes seams", lambda f: f["seam_max_overlap_32"] < f["seam_max_overlap_0"] / 4),
        ("ensembles do not cost quality", lambda f: f["gain_x8"] >= f["gain_x1"] - 0.005),
        ("and grow better with size", lambda f: f["gain_x2"] <= f["gain_x4"] + 0.01 <= f["gain_x8"] + 0.02),
        ("six lie between four and eight", lambda f: f["gain_x4"] - 0.01 <= f["gain_x6"] <= f["gain_x8"] + 0.01),
        ("a good file is made worse", lambda f: f["gain_at_qp_22"] < f["gain_at_qp_27"] < f["gain_at_qp_32"]),
        ("nor is one that is worse", lambda f: min(f["gain_at_qp_42"], f["gain_at_qp_47"]) > -0.2),
        ("a file like those of the training is not", lambda f: f["gain_at_qp_22"] < -0.3 < 0.05 < f["gain_at_qp_37"]),
    ],
    "50_track1_leaderboard": [
        ("a bad frame gains less than the mean", lambda f: f["worst_frame_gain"] < f["best_gain"]),
    ],
    "10_arcnn": [
        *RELATIONS_OF_A_METHOD,
        FAILURE,
        (
            "without a skip ten steps lose, with one they gain",
            lambda f: f["tenth_step_arcnn"] < 0 < f["tenth_step_dncnn"],
        ),
        ("what training adds has a form", lambda f: f["smoothness_of_change"] > f["smoothness_of_start"] + 0.2),
        (
            "some layer cannot be silenced",
            lambda f: (
                min(
                    f["gain_without_feature_extraction"],
                    f["gain_without_feature_enhancement"],
                    f["gain_without_mapping"],
                )
                < f["gain_on_frame"] - 0.01
            ),
        ),
    ],
    "11_dncnn": [*RELATIONS_OF_A_METHOD, FAILURE],
    "12_qecnn": [
        *RELATIONS_OF_A_METHOD,
        FAILURE,
        ("the same QP, another error", lambda f: f["error_predicted"] < 0.8 * f["error_alone"]),
        ("damage is inherited", lambda f: f["inherited_error_predicted"] > f["inherited_error_alone"] + 0.1),
        (
            "a branch is needed",
            lambda f: min(f["gain_without_i"], f["gain_without_b"]) < f["gain_on_frame"] - 0.01,
        ),
        ("B uses what I has found", lambda f: abs(f["gain_without_sharing"] - f["gain_on_frame"]) > 1e-3),
        ("filters without a mean leave brightness out", lambda f: f["brightness_ours"] < f["brightness_he"] / 2),
        ("He's start learns sooner", lambda f: f["short_gain_he"] > f["short_gain_default"] + 0.05),
        ("and ours sooner still", lambda f: f["short_gain_ours"] > f["short_gain_he"] + 0.1),
    ],
    "13_mfqe": [
        *RELATIONS_OF_A_METHOD,
        ("the start is better than nothing", lambda f: f["end_point_error_of_start"] < f["end_point_error_of_none"]),
        (
            "the net is better than standing still",
            lambda f: f["end_point_error_of_net"] < 0.9 * f["end_point_error_of_none"],
        ),
        ("training helps", lambda f: f["end_point_error_of_net"] < f["end_point_error_of_start"]),
        ("so is DIS", lambda f: f["end_point_error_of_dis"] < f["end_point_error_of_none"] / 2),
        (
            "finer levels do not lose it",
            lambda f: f["end_point_error_of_last_level"] <= f["end_point_error_of_first_level"] + 0.05,
        ),
        ("the truth warps best", lambda f: f["warped_by_truth"] <= f["warped_by_net"] <= f["not_warped"]),
        ("and much better than nothing", lambda f: f["warped_by_truth"] < f["not_warped"] - 1),
        ("the fusion uses true motion", lambda f: f["fused_by_truth"] > f["fused_by_none"] + 0.02),
        ("and gains by its own", lambda f: f["fused_by_net"] > f["fused_by_qecnn"] + 0.01),
        ("what it gains comes from the peaks", lambda f: f["fused_by_truth"] > f["fused_with_itself"]),
        ("the worst frame is below the mean", lambda f: f["helped_worst_frame"] <= f["gain_over_qecnn"]),
    ],
    "20_deformable_alignment": [
        ("a peak helps once it is brought", lambda f: f["mixed_as_it_moved"] > f["mixed_as_it_lies"] + 0.05 >= 0.05),
        ("one motion is not enough", lambda f: 0.1 < f["one_motion_for_all"] < f["standing_still"] / 2),
        ("a teacher starts it", lambda f: f["off_by_taught"] < f["standing_still"] / 2),
        ("the restoration loss does not", lambda f: f["off_by_alone"] > 0.8 * f["standing_still"]),
        ("nor does so short a teaching if crops are turned", lambda f: f["off_by_turned"] > 0.7 * f["standing_still"]),
        ("what was learnt is one clip's motion", lambda f: f["elsewhere_taught"] > f["elsewhere_standing_still"]),
        ("the loss does not tell", lambda f: abs(f["gain_taught"] - f["gain_alone"]) < 0.2),
        (
            "all levels are taught",
            lambda f: max(f["off_by_coarsest"], f["off_by_middle"], f["off_by_finest"]) < f["standing_still"] / 1.5,
        ),
        ("STDF is taught, too", lambda f: f["off_by_stdf"] < f["standing_still_three"] / 1.3),
        (
            "and so are two steps",
            lambda f: min(f["off_by_first_step"], f["off_by_both_steps"]) < f["standing_still"] / 1.5,
        ),
        ("equal embeddings hear likeness", lambda f: f["heard_equal_brought"] > f["heard_equal_left"] + 0.01),
        # Neighbours that differ by independent noise of variance one: twice 2/√π on top of what is smooth.
        ("noise is rough", lambda f: f["total_variation_ragged"] > f["total_variation_learnt"] + 1 > 1),
        ("and varies by its own variance", lambda f: 0.8 < f["variance_ragged"] - f["variance_learnt"] < 1.2),
        ("variance is deaf to what taps share", lambda f: abs(f["variance_shared"] - f["variance_learnt"]) < 1e-3),
        ("total variation is not", lambda f: f["total_variation_shared"] > f["total_variation_learnt"] + 1),
        (
            "total variation is deaf to what pixels share",
            lambda f: abs(f["total_variation_fan"] - f["total_variation_learnt"]) < 1e-3,
        ),
        ("variance is not", lambda f: f["variance_fan"] > f["variance_learnt"] + 0.5),
    ],
    "30_bilibili": [
        *RELATIONS_OF_A_METHOD,
        FAILURE,
        ("references help", lambda f: f["gain_by_all"] > f["gain_by_alone"] + 0.1),
        ("those that come later more", lambda f: f["gain_by_after"] > f["gain_by_before"] + 0.05),
        ("the next peak most of all", lambda f: f["gain_by_next_peak"] > f["gain_by_alone"] + 0.1),
        ("two peaks are not worse than one", lambda f: f["gain_by_two_peaks"] > f["gain_by_next_peak"] - 0.05),
    ],
    "33_noahtcv": [
        *RELATIONS_OF_A_METHOD,
        FAILURE,
        ("peaks help", lambda f: f["gain_by_both"] > f["gain_by_itself"] + 0.1),
        ("neighbours were coded no better", lambda f: f["gain_by_both"] > f["gain_by_neighbours"] + 0.05),
        ("by motion between coded frames, it has less to give", lambda f: f["new_in_before"] < f["new_in_after"] / 2),
        (
            "how far peaks stand out tells more than motion",
            lambda f: f["rank_correlation_with_lead"] > f["rank_correlation_with_motion"],
        ),
        ("by true motion it has much", lambda f: f["new_in_before_by_raw_motion"] > f["new_in_before"] + 0.3),
        ("what the peak before holds was handed on", lambda f: f["gain_by_after"] > f["gain_by_before"] + 0.05),
    ],
    "34_mt_maxclear": [
        *RELATIONS_OF_A_METHOD,
        FAILURE,
        (
            "total variation first helps, then spoils",
            lambda f: f["least_error_by_total_variation"] < 0.5 * f["error_at_first"]
            and f["last_error_by_total_variation"] > 1.2 * f["least_error_by_total_variation"],
        ),
        (
            "variance takes what taps do not share",
            lambda f: 0.3 < f["last_error_by_variance"] / f["error_at_first"] < 0.8,
        ),
        ("the later peak counts", lambda f: f["lost_without_later_peak"] > f["lost_without_earlier_peak"] + 0.2),
        (
            "what is added depends on the phase",
            lambda f: f["added_with_a_later_peak"] > f["added_without_a_later_peak"] + 0.2,
        ),
        ("a frame before hardly counts", lambda f: abs(f["lost_without_earlier_peak"]) < 0.05),
    ],
    "46_ivp_tencent": [
        *RELATIONS_OF_A_METHOD,
        FAILURE,
        (
            "no guess gains more than its correlation allows",
            lambda f: f["gain_on_frame"] <= f["gain_by_correlation"] + 0.01,
        ),
        ("it hedges", lambda f: abs(f["deviation_of_residual"] - f["agreement_of_residuals"]) < 0.15),
    ],
}


class _Seen(dict):
    """Values of figures that note which of them were asked for."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def __getitem__(self, figure: str) -> Any:
        self.asked.add(figure)
        return super().__getitem__(figure)


def faults(notebook: str, values: Mapping[str, Any]) -> list[str]:
    """What is wrong with a notebook's recorded figures: empty if they are as expected, all of them."""
    expected, found, asked = EXPECTATIONS.get(notebook, {}), [], set()
    for figure in expected.keys() & values.keys():
        value, wanted = values[figure], expected[figure]
        if isinstance(wanted, tuple):
            if not wanted[0] <= value <= wanted[1]:
                found.append(f"{figure} is {value}, expected {wanted[0]} to {wanted[1]}")
        elif value != wanted:
            found.append(f"{figure} is {value!r}, expected {wanted!r}")
    for name, holds in RELATIONS.get(notebook, []):
        seen = _Seen(values)
        # A figure that was not recorded is told below.
        with contextlib.suppress(KeyError):
            if not holds(seen):
                found.append(f"{name}: not so with {', '.join(f'{key} {values[key]}' for key in sorted(seen.asked))}")
        asked |= seen.asked
    asserted = expected.keys() | asked
    found += [f"{figure} is recorded and expected nowhere" for figure in sorted(values.keys() - asserted)]
    return found + [f"{figure} is expected and not recorded" for figure in sorted(asserted - values.keys())]
