"""What learners answer to the notebooks' exercises: notebook, exercise, right answers and the usual wrong ones.

An answer is what would be typed in the exercise's cell: statements that take the place of those which bind the
same names. It may use whatever the notebook has at that point. Of each check, every explanation of a mistake has
to be heard by one of the wrong answers; ``by_chance`` names explanations that some data make unreachable.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Exercise:
    """Answers to one exercise, as Python source."""

    right: tuple[str, ...]
    wrong: tuple[str, ...]
    by_chance: tuple[str, ...] = ()


EXERCISES: dict[str, dict[str, Exercise]] = {
    "00_start_here": {
        "Exercise 1": Exercise(
            ("ratio = 10 ** -0.1", "ratio = 0.79"),
            ("ratio = 10 ** -0.05", "ratio = 1.26", "ratio = 0.5", 'ratio = "0.79"'),
        ),
        "Exercise 2": Exercise(
            ("peaks = [0, 4, 8]", "peaks = (0, 4, 8)", "peaks = {0, 4, 8}"),
            ("peaks = [1, 5, 9]", "peaks = [0, 2, 4, 6, 8]"),
        ),
        "Exercise 3": Exercise(
            (
                "given, output = through_files(codec.FixedQP(27))\ngain_at_27 = (output - given).mean()",
            ),
            ("gain_at_27 = gain_in_file", "gain_at_27 = 0.0"),
        ),
    },
    "01_compression": {
        "Exercise 1": Exercise(("times = 2**1.5", "times = 2.8"), ("times = 1.5", "times = 45 / 36", "times = 9")),
        "Exercise 2": Exercise(("i_frames = 1",), ("i_frames = 0", "i_frames = 5")),
        "Exercise 3": Exercise(('cheapest = "B"',), ('cheapest = "I"', 'cheapest = "P"')),
        "Exercise 4": Exercise(
            (
                "qp_of_frame_1 = 40",
                'c = codec.FixedQP(37, cascade="hm-16.9")\n'
                'qp_of_frame_1 = codec.compress(source, folder / "older.mkv", c)[1].qp',
            ),
            ("qp_of_frame_1 = 45", "qp_of_frame_1 = 37"),
        ),
    },
    "02_peak_quality_frames": {
        "Exercise 1": Exercise(
            ("answer = [0, 9]", "answer = (0, 9)"),
            ("answer = [0, 2, 4, 9]", "answer = [1, 10]", "answer = [9]", "answer = [0, 6, 9]", "answer = [0, 4, 9]"),
        ),
        "Exercise 2": Exercise(
            (
                "def nearest_peak(infos, t):\n"
                "    return min(references.peak_frames(infos), key=lambda peak: abs(peak - t)), t",
            ),
            (
                "def nearest_peak(infos, t):\n"
                "    return t, min(references.peak_frames(infos), key=lambda peak: abs(peak - t))",
                "def nearest_peak(infos, t):\n"
                "    return max(peak for peak in references.peak_frames(infos) if peak <= t), t",
                "def nearest_peak(infos, t):\n    return 8, t",
                "def nearest_peak(infos, t):\n    return round(t / 4) * 4, t",
                "def nearest_peak(infos, t):\n"
                "    return min(references.peak_frames(infos), key=lambda peak: abs(peak - t)), 999, -5, t",
                "def nearest_peak(infos, t):\n"
                "    beside = [peak for peak in references.peak_frames(infos) if peak != t]\n"
                "    return min(beside, key=lambda peak: abs(peak - t)), t",
            ),
        ),
        "Exercise 3": Exercise(
            ("window = (0, 0, 4, 5, 6, 7, 8, 12, 16)",),
            (
                "window = (0, 0, 0, 4, 6, 8, 12, 16, 20)",
                "window = (0, 4, 5, 6, 7, 8, 12)",
                "window = (0, 4, 5, 6, 7, 8, 12, 16, 20)",
                "window = (-4, 0, 4, 5, 6, 7, 8, 12, 16)",
                "window = references.smgf_proposal(infos, 6)",
            ),
        ),
        "Exercise 4": Exercise(
            (
                'missing = "the raw video"',
                'missing = "Original"',
                'missing = "the target"',
                'missing = "clean video"',
                'missing = "ground truth"',
            ),
            ('missing = "the QPs"', 'missing = "time"', 'missing = "reference frames"', 'missing = "length"'),
        ),
    },
    "03_fidelity": {
        "Exercise 1": Exercise(
            ('name = "Jensen"', 'name = "Jensen\'s inequality"'),
            ('name = "Cauchy-Schwarz"', 'name = "Minkowski"'),
        ),
        "Exercise 2": Exercise(("mean_psnr = 28.1",), ("mean_psnr = 21.1", "mean_psnr = 30")),
        "Exercise 3": Exercise(
            ("green_psnr = psnr(given[..., 1:2], truth[..., 1:2]).mean()",),
            ("green_psnr = right", "green_psnr = psnr(given[..., :1], truth[..., :1]).mean()"),
        ),
    },
    "06_training": {
        "Exercise 1": Exercise(
            ("r = method.recipe(1, 'course')\ncrops_seen = r.steps * r.batch",),
            ("crops_seen = method.recipe(1, 'course').steps", "crops_seen = method.recipe(1, 'course').clips"),
        ),
        "Exercise 2": Exercise(("at_zero = 0.001",), ("at_zero = 0", "at_zero = 1e-6")),
        "Exercise 3": Exercise(
            ("r = method.recipe(1, 'course')\nfirst_rate = r.learning_rate / r.warmup",),
            ("first_rate = method.recipe(1, 'course').learning_rate", "first_rate = 0"),
        ),
        "Exercise 4": Exercise(
            ("each, raise_rate = 16, False",),
            ("each, raise_rate = 64, True", "each, raise_rate = 16, True", "each, raise_rate = 64, False"),
        ),
    },
    "07_inference": {
        "Exercise 1": Exercise(("most_held = 9",), ("most_held = 3", "most_held = 8", "most_held = 5")),
        "Exercise 2": Exercise(
            ("number_of_tiles = 45",),
            ("number_of_tiles = 40", "number_of_tiles = 14", "number_of_tiles = 32"),
        ),
        "Exercise 3": Exercise(
            ("gain_if_equal = 0", "gain_if_equal = 0.0"), ("gain_if_equal = 0.1", "gain_if_equal = -0.1")
        ),
        "Exercise 4": Exercise(('choice = "nothing"',), ('choice = "ensemble"', 'choice = "tile"')),
    },
    "10_arcnn": {
        "Exercise 1": Exercise(("weights = 15552",), ("weights = 5184", "weights = 15616", "weights = 64")),
        "Exercise 2": Exercise(("width = 19",), ("width = 22", "width = 21", "width = 20", "width = 9")),
        "Exercise 3": Exercise(
            (
                "share = (frame < 0.5).float().mean().item()",
                "share = float((frame - 0.5).relu().eq(0).double().mean())",
            ),
            (
                "share = (frame >= 0.5).float().mean().item()",
                "share = 100 * (frame < 0.5).float().mean().item()",
                "share = 0",
            ),
        ),
        "Exercise 4": Exercise(
            ('picture = "black"',), ('picture = "the frame"', 'picture = "noise"', 'picture = "red"')
        ),
    },
    "11_dncnn": {
        "Exercise 1": Exercise(
            ('layer = "tail"', 'layer = "self.tail"'),
            ('layer = "head"', 'layer = "body"', 'layer = "head, body, tail"'),
        ),
        "Exercise 2": Exercise(("width = 41",), ("width = 60", "width = 40", "width = 20")),
        "Exercise 3": Exercise(('same_in = "train"',), ('same_in = "eval"', 'same_in = "both"', 'same_in = "neither"')),
    },
    "12_qecnn": {
        "Exercise 1": Exercise(("width = 21",), ("width = 25", "width = 17", "width = 9")),
        "Exercise 2": Exercise(
            (
                "def without_sharing(frame):\n"
                "    i_features = both = frame[None]\n"
                "    for i_level, b_level in zip(network.i_branch, network.b_branch):\n"
                "        i_features, b_features = i_level(i_features), b_level(both)\n"
                "        both = torch.cat((0 * i_features, b_features), dim=1)\n"
                "    return frame + network.tail(torch.cat((i_features, b_features), dim=1))[0]",
            ),
            (
                "def without_sharing(frame):\n    return network(frame[None, None])[0]",
                "def without_sharing(frame):\n    return frame + parts['from the B branch']",
                "def without_sharing(frame):\n    return frame + parts['from the I branch']",
                "def without_sharing(frame):\n    return frame",
            ),
        ),
        "Exercise 3": Exercise(('layers = "the tail"',), ('layers = "all"', 'layers = "none"', 'layers = "the first"')),
    },
    "13_mfqe": {
        "Exercise 1": Exercise(
            ("window = (8, 9, 12)", "window = [8, 9, 12]"),
            ("window = (8, 9, 10)", "window = (0, 9, 12)", "window = (7, 9, 11)"),
        ),
        "Exercise 2": Exercise(("pixels = 2.5",), ("pixels = 1.25", "pixels = 5", "pixels = 20", "pixels = 40")),
        "Exercise 3": Exercise(
            (
                "def enlarged(flow):\n    return upsample_flow(flow)",
                "def enlarged(flow):\n    return 2 * F.interpolate(flow, scale_factor=2)",
            ),
            (
                "def enlarged(flow):\n    return 2 * flow",
                "def enlarged(flow):\n    return F.interpolate(flow, scale_factor=2)",
                "def enlarged(flow):\n    return F.interpolate(flow, scale_factor=2) / 2",
                "def enlarged(flow):\n    return 2 * flow.repeat(1, 1, 2, 2)",
            ),
        ),
        "Exercise 4": Exercise(
            ('known_at = "t"', 'known_at = "frame t"'),
            ('known_at = "the peak"', 'known_at = "both"'),
        ),
    },
    "20_deformable_alignment": {
        "Exercise 1": Exercise(
            ("channels = 2 * 16 * 25", "channels = 800"), ("channels = 400", "channels = 1200", "channels = 50")
        ),
        "Exercise 2": Exercise(
            (
                "def offsets_of(flow, groups):\n    return flow.flip(1).repeat(1, 9 * groups, 1, 1)",
                "def offsets_of(flow, groups):\n    return as_offsets(flow, 9 * groups)",
            ),
            (
                "def offsets_of(flow, groups):\n    return flow.repeat(1, 9 * groups, 1, 1)",
                "def offsets_of(flow, groups):\n    return flow.flip(1).repeat(1, groups, 1, 1)",
                "def offsets_of(flow, groups):\n    return flow.flip(1).repeat_interleave(9 * groups, 1)",
                "def offsets_of(flow, groups):\n    return as_offsets(flow, 36)",
            ),
        ),
        "Exercise 3": Exercise(('hears = "total variation"',), ('hears = "variance"', 'hears = "both"')),
    },
    "21_flow_and_propagation": {
        "Exercise 1": Exercise(
            ("pixels = 6.5", "pixels = 7 * 208 / 224"),
            ("pixels = 7", "pixels = 7.54", "pixels = 6.5625", "pixels = 3.5"),
        ),
        "Exercise 2": Exercise(
            ("count = 240_050",), ("count = 239_904", "count = 44_210", "count = 1_440_300", "count = 49 * 8 * 32")
        ),
        "Exercise 3": Exercise(
            (
                "def turned_back(flow):\n"
                "    back = -flow\n"
                "    for _ in range(4):\n"
                "        back = -warp(flow, back)\n"
                "    return back",
                "def turned_back(flow):\n"
                "    back = torch.zeros_like(flow)\n"
                "    for _ in range(9):\n"
                "        back = back - (back + warp(flow, back)) / 2\n"
                "    return back",
            ),
            (
                "def turned_back(flow):\n    return -flow / 1.2",
                "def turned_back(flow):\n    return -flow",
                "def turned_back(flow):\n    return -warp(flow, flow)",
                "def turned_back(flow):\n    return -warp(flow, -flow)",
                "def turned_back(flow):\n    return flow / 1.2",
                "def turned_back(flow):\n    return torch.zeros_like(flow)",
            ),
        ),
        "Exercise 4": Exercise(
            ('reason = "detail lies where the encoder put it"', 'reason = "the encoder moved it"'),
            ('reason = "there is less detail"', 'reason = "detail is noisy"', 'reason = "the frames are small"'),
        ),
    },
    "22_attention_and_unets": {
        "Exercise 1": Exercise(("columns = 23",), ("columns = 21", "columns = 19", "columns = 11", "columns = 15")),
        "Exercise 2": Exercise(
            ("operations = 512", "operations = 2 * 64 * 4"),
            (
                "operations = 2 * 64 * 4 * 120 * 208",
                "operations = 2 * 64 * 64",
                "operations = 580",
                "operations = 256",
                "operations = 4608",
                "operations = 64",
            ),
        ),
        "Exercise 3": Exercise(
            (
                "def filled(aligned, attention, centre):\n"
                "    own, share = aligned[:, centre : centre + 1], attention[:, :, None]\n"
                "    return share * aligned + (1 - share) * own",
                "def filled(aligned, attention, centre):\n"
                "    own = aligned[:, centre].unsqueeze(1)\n"
                "    return own + attention.unsqueeze(2) * (aligned - own)",
            ),
            (
                "def filled(aligned, attention, centre):\n    return aligned * attention[:, :, None]",
                "def filled(aligned, attention, centre):\n"
                "    own, share = aligned[:, centre : centre + 1], attention[:, :, None]\n"
                "    return share * own + (1 - share) * aligned",
                "def filled(aligned, attention, centre):\n"
                "    share = attention[:, :, None]\n"
                "    return share * aligned / share.sum(1, keepdim=True)",
                "def filled(aligned, attention, centre):\n    return (attention[:, :, None] * aligned).sum(1)",
            ),
        ),
        "Exercise 4": Exercise(
            ('reason = "the means of a crop are not those of the frame"', 'reason = "its means differ"'),
            (
                'reason = "a crop has fewer channels"',
                'reason = "convolutions work differently on crops"',
                'reason = "none"',
            ),
        ),
    },
    "30_bilibili": {
        "Exercise 1": Exercise(
            ("window = (6, 8, 10, 12, 13, 14, 16, 18, 20)", "window = [6, 8, 10, 12, 13, 14, 16, 18, 20]"),
            (
                "window = tuple(range(9, 18))",
                "window = (0, 4, 8, 12, 13, 14, 16, 20, 24)",
                "window = (12, 13, 14)",
                "window = (8, 10, 11, 12, 13, 14, 15, 16, 18)",
            ),
        ),
        "Exercise 2": Exercise(("levels = -2", "levels = -2.0"), ("levels = 2", "levels = 0", "levels = 1")),
        "Exercise 3": Exercise(
            (
                "def best_mask(first, second, truth):\n"
                "    return (first - truth).square().sum(0) < (second - truth).square().sum(0)",
                "def best_mask(first, second, truth):\n"
                "    return ((first - truth).norm(dim=0) < (second - truth).norm(dim=0)).float()",
            ),
            (
                "def best_mask(first, second, truth):\n"
                "    return (first - truth).square().sum(0) > (second - truth).square().sum(0)",
                "def best_mask(first, second, truth):\n"
                "    return (first - truth).square() < (second - truth).square()",
                "def best_mask(first, second, truth):\n    return torch.full(truth.shape[1:], 0.5)",
            ),
        ),
        "Exercise 4": Exercise(
            ('pair = "err in different places"',),
            ('pair = "err alike"', 'pair = "one is better everywhere"', 'pair = "none"'),
        ),
    },
    "31_ntu_slab": {
        "Exercise 1": Exercise(
            ("share = 0.2", "share = 1 / (1 + 2 ** ((46 - 40) / 3))"),
            ("share = 0.8", "share = 1 / 3", "share = 0.5", "share = 0.25", "share = 0.9"),
        ),
        "Exercise 2": Exercise(
            ("pixels = ((0, 2), (1,))", "pixels = [[0, 2], [1]]"),
            (
                "pixels = ((0, 1), (1,))",
                "pixels = ((1,), (1,))",
                "pixels = ((0, 2), (0, 1))",
                "pixels = ((1,), (0, 2))",
                "pixels = (0, 2)",
            ),
        ),
        "Exercise 3": Exercise(
            (
                "def keep(own, recalled, variance, qp):\n"
                "    before, error = variance + 0.1, 2 ** ((qp - 40) / 3)\n"
                "    share = before / (before + error)\n"
                "    return recalled + share * (own - recalled), (1 - share) * before",
                "def keep(own, recalled, variance, qp):\n"
                "    sure, told = 1 / (variance + 0.1), 2 ** ((40 - qp) / 3)\n"
                "    return (sure * recalled + told * own) / (sure + told), 1 / (sure + told)",
            ),
            (
                "def keep(own, recalled, variance, qp):\n"
                "    before, error = variance, 2 ** ((qp - 40) / 3)\n"
                "    share = before / (before + error)\n"
                "    return recalled + share * (own - recalled), (1 - share) * before",
                "def keep(own, recalled, variance, qp):\n"
                "    before, error = variance + 0.1, 2 ** ((qp - 40) / 6)\n"
                "    share = before / (before + error)\n"
                "    return recalled + share * (own - recalled), (1 - share) * before",
                "def keep(own, recalled, variance, qp):\n"
                "    before, error = variance + 0.1, 2 ** ((qp - 40) / 3)\n"
                "    share = error / (before + error)\n"
                "    return recalled + share * (own - recalled), (1 - share) * before",
                "def keep(own, recalled, variance, qp):\n"
                "    before, error = variance + 0.1, 2 ** ((qp - 40) / 3)\n"
                "    share = before / (before + error)\n"
                "    return recalled + share * (own - recalled), before",
                "def keep(own, recalled, variance, qp):\n    return own, variance",
            ),
        ),
        "Exercise 4": Exercise(
            ('reason = "it was predicted from the one behind"',),
            ('reason = "the flow forwards is better"', 'reason = "the one behind is forgotten"'),
        ),
    },
    "32_vue": {
        "Exercise 1": Exercise(
            ("others = (40, 0)", "others = [40, 0]"),
            ("others = (0, 40)", "others = (1, 0)", "others = (41, 1)", "others = (40, 40)", "others = 40"),
        ),
        "Exercise 2": Exercise(
            ("model_runs = (17, 32)", "model_runs = (2 * 8 + 1, 4 * 8)"),
            (
                "model_runs = (24, 32)",
                "model_runs = (16, 32)",
                "model_runs = (9, 8)",
                "model_runs = (3, 4)",
                "model_runs = 17",
            ),
        ),
        "Exercise 3": Exercise(
            (
                "def backwards(frames, to_next, step):\n"
                "    memories = [step(frames[-1], frames[-1])]\n"
                "    for t in range(len(frames) - 2, -1, -1):\n"
                "        memories.insert(0, step(frames[t], warp(memories[0], to_next[t], outside='zeros')))\n"
                "    return memories",
                "def backwards(frames, to_next, step):\n"
                "    made, passed = [], frames[-1]\n"
                "    for t in reversed(range(len(frames))):\n"
                "        if t < len(frames) - 1:\n"
                "            passed = warp(made[-1], to_next[t])\n"
                "        made.append(step(frames[t], passed))\n"
                "    return made[::-1]",
            ),
            (
                "def backwards(frames, to_next, step):\n"
                "    memories = [step(frames[-1], frames[-1])]\n"
                "    for t in range(len(frames) - 2, -1, -1):\n"
                "        memories.append(step(frames[t], warp(memories[-1], to_next[t])))\n"
                "    return memories",
                "def backwards(frames, to_next, step):\n"
                "    memories = [step(frames[-1], frames[-1])]\n"
                "    for t in range(len(frames) - 2, -1, -1):\n"
                "        memories.insert(0, step(frames[t], memories[0]))\n"
                "    return memories",
                "def backwards(frames, to_next, step):\n"
                "    memories = [step(frames[0], frames[0])]\n"
                "    for t in range(1, len(frames)):\n"
                "        memories.append(step(frames[t], warp(memories[-1], -to_next[t - 1])))\n"
                "    return memories",
                "def backwards(frames, to_next, step):\n"
                "    memories = [step(frames[-1], frames[-1])]\n"
                "    for t in range(len(frames) - 2, -1, -1):\n"
                "        memories.insert(0, step(frames[t], warp(memories[0], -to_next[t])))\n"
                "    return memories",
                "def backwards(frames, to_next, step):\n"
                "    made = [step(a, warp(b, f)) for a, b, f in zip(frames, frames[1:], to_next)]\n"
                "    return made + [step(frames[-1], frames[-1])]",
                "def backwards(frames, to_next, step):\n    return frames",
            ),
        ),
        "Exercise 4": Exercise(
            ('reason = "the next peak is missing"',),
            ('reason = "memory has to fill up first"', 'reason = "the last frames are coded worse"'),
        ),
    },
    "33_noahtcv": {
        "Exercise 1": Exercise(
            ("window = (4, 8, 12)", "window = [4, 8, 12]"),
            ("window = (7, 8, 9)", "window = (8, 8, 8)", "window = (4, 8, 8)", "window = (0, 8, 16)"),
        ),
        "Exercise 2": Exercise(("numbers = 648",), ("numbers = 216", "numbers = 432", "numbers = 81", "numbers = 18")),
        "Exercise 3": Exercise(
            (
                "def turned(window):\n    return restored_from(window[[2, 1, 0]])",
                "def turned(window):\n    return restored_from(window.flip(0))",
            ),
            (
                "def turned(window):\n    return restored_from(window)",
                "def turned(window):\n    return restored_from(window.flip(0)).flip(-1)",
                "def turned(window):\n    return restored_from(window[[1, 0, 2]])",
                "def turned(window):\n    return window[1]",
            ),
        ),
        "Exercise 4": Exercise(
            ('part = "convolutions that read the frames side by side"', 'part = "side by side"'),
            ('part = "convolutions that go over each frame by itself"', 'part = "BRNet\'s body"', 'part = "none"'),
        ),
    },
    "34_mt_maxclear": {
        "Exercise 1": Exercise(("radius = 3",), ("radius = 2", "radius = 4", "radius = 1")),
        "Exercise 2": Exercise(
            ("both_losses = (0.05, 0)", "both_losses = [0.05, 0.0]"),
            ("both_losses = (0.1, 0)", "both_losses = (0.05, 0.01)", "both_losses = (0.2, 0)", "both_losses = 0.05"),
        ),
        "Exercise 3": Exercise(
            (
                "def together(offsets):\n"
                "    pairs = offsets.unflatten(1, (-1, 2))\n"
                "    return pairs.mean(1, keepdim=True).expand_as(pairs).flatten(1, 2)",
                "def together(offsets):\n"
                "    down, right = offsets[:, 0::2].mean(1), offsets[:, 1::2].mean(1)\n"
                "    return torch.stack((down, right), 1).repeat(1, offsets.shape[1] // 2, 1, 1)",
            ),
            (
                "def together(offsets):\n    return torch.zeros_like(offsets)",
                "def together(offsets):\n    return offsets.mean(1, keepdim=True).expand_as(offsets)",
                "def together(offsets):\n    return offsets.mean((2, 3), keepdim=True).expand_as(offsets)",
                "def together(offsets):\n    return offsets.unflatten(1, (-1, 2)).mean(1)",
                "def together(offsets):\n    return offsets",
            ),
        ),
        "Exercise 4": Exercise(
            ('reason = "they press on what is right as well"',),
            ('reason = "offsets are zero at the end"', 'reason = "the losses would slow the network at test time"'),
        ),
    },
    "37_gogoing": {
        "Exercise 1": Exercise(
            ("coarsest = (68, 120)", "coarsest = [68, 120]"),
            ("coarsest = (67, 120)", "coarsest = (135, 240)", "coarsest = (34, 60)", "coarsest = (540, 960)"),
        ),
        "Exercise 2": Exercise(
            ("weights = 33312", "weights = 512 * 32 + 32 + 32 * 512 + 512"),
            ("weights = 32768", "weights = 16416", "weights = 262656", "weights = 295456", "weights = 1024"),
        ),
        "Exercise 3": Exercise(
            (
                "def folded(block, factors):\n"
                "    scale = factors.flatten()\n"
                "    return block.conv2.weight * scale[:, None, None, None], block.conv2.bias * scale",
                "def folded(block, factors):\n"
                "    return factors.transpose(0, 1) * block.conv2.weight, factors.flatten() * block.conv2.bias",
            ),
            (
                "def folded(block, factors):\n"
                "    return block.conv2.weight * factors.transpose(0, 1), block.conv2.bias",
                "def folded(block, factors):\n"
                "    return block.conv2.weight * factors, block.conv2.bias * factors.flatten()",
                "def folded(block, factors):\n"
                "    return block.conv2.weight / factors.transpose(0, 1), block.conv2.bias / factors.flatten()",
                "def folded(block, factors):\n    return block.conv2.weight, block.conv2.bias",
                "def folded(block, factors):\n    return block.conv2.weight * factors.transpose(0, 1)",
            ),
        ),
        "Exercise 4": Exercise(
            ('part = "channel attention"', 'part = "attention"'),
            ('part = "the coarsest scale"', 'part = "the skips"', 'part = "none"'),
        ),
    },
    "38_nju_vision": {
        "Exercise 1": Exercise(
            ("pixels_left = 1", "pixels_left = 16 * (1 - 0.75) ** 2"),
            ("pixels_left = 4", "pixels_left = -8", "pixels_left = 0", "pixels_left = 9"),
        ),
        "Exercise 2": Exercise(
            ("share = 1.5", "share = 3 / 2"), ("share = 0.5", "share = 0.75", "share = 2", "share = 1")
        ),
        "Exercise 3": Exercise(
            (
                "def read_once(guide, neighbour, reference, steps):\n"
                "    aligned, total = neighbour, torch.zeros_like(neighbour[:, :2])\n"
                "    for _ in range(steps):\n"
                "        step = guide(torch.cat((aligned, reference), 1))\n"
                "        total = step + warp(total, step)\n"
                "        aligned = warp(neighbour, total)\n"
                "    return aligned",
            ),
            (
                "def read_once(guide, neighbour, reference, steps):\n    return neighbour",
                "def read_once(guide, neighbour, reference, steps):\n"
                "    return in_steps(guide, neighbour, reference, steps)[0]",
                "def read_once(guide, neighbour, reference, steps):\n"
                "    return warp(neighbour, in_steps(guide, neighbour, reference, steps)[1][-1])",
                "def read_once(guide, neighbour, reference, steps):\n"
                "    aligned, total = neighbour, torch.zeros_like(neighbour[:, :2])\n"
                "    for _ in range(steps):\n"
                "        total = total + guide(torch.cat((aligned, reference), 1))\n"
                "        aligned = warp(neighbour, total)\n"
                "    return aligned",
            ),
        ),
        "Exercise 4": Exercise(
            ('reason = "it has the same task, with less to do"', 'reason = "the same task"'),
            ('reason = "it is never trained"', 'reason = "its offsets are those of the first"', 'reason = "none"'),
        ),
    },
    "45_mcenhance": {
        "Exercise 1": Exercise(
            ("window = (0, 4, 8)", "window = [0, 4, 8]"),
            ("window = (2, 4, 6)", "window = (3, 4, 5)", "window = (4, 4, 4)", "window = (0, 4, 6)"),
        ),
        "Exercise 2": Exercise(
            ("decibels = 10 * np.log10(4 / 3)", "decibels = 1.25", "decibels = float(expected(0.5, 1))"),
            ("decibels = 3.01", "decibels = 2.5", "decibels = 0", "decibels = -1.25", "decibels = 6"),
        ),
        "Exercise 3": Exercise(
            (
                "def best_share(first, second, truth):\n"
                "    one, other = first - truth, second - truth\n"
                "    return (other * (other - one)).sum() / (other - one).square().sum()",
                "def best_share(first, second, truth):\n"
                "    step = first - second\n"
                "    return ((truth - second) * step).sum().item() / step.square().sum().item()",
            ),
            (
                "def best_share(first, second, truth):\n"
                "    step = second - first\n"
                "    return ((truth - first) * step).sum().item() / step.square().sum().item()",
                "def best_share(first, second, truth):\n"
                "    one, other = ((x - truth).square().mean().item() for x in (first, second))\n"
                "    return other / (one + other)",
                "def best_share(first, second, truth):\n    return 0.5",
                "def best_share(first, second, truth):\n    return 1",
            ),
        ),
        "Exercise 4": Exercise(
            ('reason = "the B frame was predicted from it"', 'reason = "predicted"'),
            ('reason = "B frames have low QPs"', 'reason = "DIS does not find the motion"', 'reason = "none"'),
        ),
    },
    "46_ivp_tencent": {
        "Exercise 1": Exercise(("channels = 48",), ("channels = 12", "channels = 16", "channels = 3")),
        "Exercise 2": Exercise(("width = 78",), ("width = 39", "width = 46", "width = 20")),
        "Exercise 3": Exercise(
            (
                "def shifted_back(s):\n    return shifted(enhanced(shifted(frame, s)), -s)",
                "def shifted_back(s):\n"
                "    moved = torch.roll(frame, s, dims=-1)\n"
                "    return torch.roll(network(moved[None, None])[0], -s, dims=-1)",
            ),
            (
                "def shifted_back(s):\n    return shifted(enhanced(shifted(frame, s)), s)",
                "def shifted_back(s):\n    return enhanced(shifted(frame, s))",
                "def shifted_back(s):\n    return enhanced(shifted(shifted(frame, s), -s))",
                "def shifted_back(s):\n    return shifted(enhanced(frame), s)",
            ),
        ),
        "Exercise 4": Exercise(("smallest = 2",), ("smallest = 1", "smallest = 4", "smallest = 3")),
    },
    "50_track1_leaderboard": {
        "Exercise 1": Exercise(("value = 0.9",), ("value = 0.8", "value = 0.5")),
        "Exercise 2": Exercise(
            ("clip = recorded.groupby('clip')['gain_db'].mean().idxmin()",),
            (
                "clip = recorded.groupby('clip')['gain_db'].mean().idxmax()",
                "clip = recorded.groupby('method')['gain_db'].mean().idxmin()",
            ),
        ),
        "Exercise 3": Exercise(
            ('reason = "the clips"', 'reason = "other videos"', 'reason = "LDV is another test set"'),
            ('reason = "the encoder"', 'reason = "their networks are larger"', 'reason = "time"'),
        ),
    },
    "52_track3_leaderboard": {
        "Exercise 1": Exercise(
            ("ratio = 0.5", "ratio = 30 / 60"), ("ratio = 2", "ratio = 1", "ratio = 0.25")
        ),
        "Exercise 2": Exercise(
            (
                "teams = {'ntu_slab', 'mt_maxclear'}",
                "teams = [s for s in challenge.published_gains(1) if challenge.published_gains(3).get(s, 0) > "
                "challenge.published_gains(1)[s]]",
            ),
            (
                "teams = {'bilibili', 'vue', 'noahtcv', 'gogoing', 'boe_iot_aibd', 'vip_dji'}",
                "teams = {'ntu_slab'}",
                "teams = {'ntu_slab', 'mt_maxclear', 'bluedot'}",
                "teams = {'ntu_slab', 'mt_maxclear', 'vue'}",
                "teams = 'ntu_slab'",
            ),
        ),
        "Exercise 3": Exercise(
            (
                "def weakened(given, output, share):\n    return given + share * (output - given)",
                "def weakened(given, output, share):\n    return (1 - share) * given + share * output",
            ),
            (
                "def weakened(given, output, share):\n    return share * given + (1 - share) * output",
                "def weakened(given, output, share):\n    return share * output",
                "def weakened(given, output, share):\n    return given + share * output",
                "def weakened(given, output, share):\n    return (given + output) / 2",
            ),
        ),
        "Exercise 4": Exercise(
            ('reason = "nothing copies from the last frames"', 'reason = "they are copied by none"'),
            ('reason = "the clips get harder"', 'reason = "the bits run out"', 'reason = "none"'),
        ),
    },
}
