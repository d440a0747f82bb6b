"""What the figures that notebooks record must be at smoke scale: name, figure, (least, greatest)."""

from __future__ import annotations

MOVED = ("moved", (0.0, 0.02))

EXPECTATIONS: dict[str, dict[str, tuple[float, float]]] = {
    "00_start_here": {
        "compression_ratio": (300, 2000),
        "gain": (0.2, 0.8),
        "gain_in_file": (0.17, 0.8),
        "least_gain": (0.1, 0.8),
        **dict([MOVED]),
    },
    "01_compression": {
        "test_clips": (7, 30),
        "psnr_qp37": (27.5, 29.8),
        "psnr_drop_22_to_47": (11.0, 16.5),
        "fixed_rate": (150, 260),
        "blocking": (1.02, 1.2),
        "b_frames_at_fixed_rate": (1, 16),
    },
    "02_peak_quality_frames": {
        "mean_pvd": (1.5, 2.6),
        "mean_sd": (0.7, 1.4),
        "agreement": (0.6, 0.95),
        "literal_candidates_per_peak": (1.8, 2.0),
        "streams_without_peaks": (1, 5),
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
    },
    "06_training": {
        "photos": (40, 60),
        "error_with_true_motion": (0.5, 4.0),
        "error_without_motion": (4.5, 30),
        "chroma_bias_augmented": (0.0, 4.0),
        "tensors_that_differ_after_resume": (0, 0),
        "tensors_that_differ_without_optimiser": (1, 1000),
        "shipped_validation_gain": (0.5, 2.0),
        "two_processes_differ_by": (0.0, 1e-4),
    },
    "07_inference": {
        "frames_held_ivp_tencent": (1, 1),
        "frames_held_mfqe": (3, 5),
        "seam_max_overlap_0": (2.0, 30.0),
        "seam_max_overlap_32": (0.0, 1.0),
        "gain_x1": (0.2, 0.8),
        "gain_x8": (0.2, 0.8),
        "identity_error": (0.0, 1e-9),
    },
    "10_arcnn": {
        "parameters_paper": (117_731, 117_731),
        "error_of_identity_start": (0.0, 1e-6),
        "gain": (0.02, 0.5),
        **dict([MOVED]),
    },
    "11_dncnn": {
        "parameters_paper": (670_531, 670_531),
        "train_mode_difference": (0.01, 50),
        "eval_mode_difference": (0.0, 0.01),
        "gain": (0.005, 0.6),
        **dict([MOVED]),
    },
    "12_qecnn": {
        "parameters_paper": (1_389_123, 1_389_123),
        "variation_he_over_default": (3, 40),
        "gain": (0.08, 0.6),
        "least_gain": (0.05, 0.6),
        **dict([MOVED]),
    },
    "13_mfqe": {
        "parameters_paper": (5_570_138, 5_570_138),
        "cost_of_slip": (0.3, 3.0),
        "gain": (0.08, 0.8),
        "gain_over_qecnn": (-0.001, 0.5),
        **dict([MOVED]),
    },
    "46_ivp_tencent": {
        "parameters_paper": (641_700, 641_700),
        "full_over_half_resolution": (1.3, 8.0),
        "gain": (0.25, 0.8),
        "least_gain": (0.2, 0.8),
        **dict([MOVED]),
    },
    "50_track1_leaderboard": {
        "methods": (5, 30),
        "clips": (7, 30),
        "best_gain": (0.25, 2.0),
        "rank_correlation": (0.5, 1.0),
        "least_mean_gain_now": (-0.05, 1.0),
    },
}
