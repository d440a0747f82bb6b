"""How twins are set beside the whole method, and what bringing a frame is said to add."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas
import pytest
import torch

from venh_lib.ablations import COLUMNS, WHOLE
from venh_lib.bitstream import FrameInfo
from venh_lib.figures import twins
from venh_lib.methods.on_brnet import OnBRNet

GAINS = {WHOLE: (0.5, 0.7), "without b": (0.6, 0.6), "without a": (0.4, 0.5)}
TRAININGS = {
    name: {"validation_gain_db": {"z": gain}, "step": step}
    for name, gain, step in (("without a", 0.3, 0), (WHOLE, 0.2, 9), ("without b", 0.1, 5))
}


@pytest.fixture
def gains():
    rows = [(twin, clip, gain) for twin, both in GAINS.items() for clip, gain in zip("xy", both, strict=True)]
    return pandas.DataFrame(rows, columns=list(COLUMNS))


def test_a_lead_is_a_twin_less_the_whole_clip_by_clip(gains):
    ahead = twins.leads(gains)
    assert list(ahead) == ["without b", "without a"]
    assert ahead.loc["x"].tolist() == pytest.approx([0.1, -0.1])
    assert ahead.loc["y"].tolist() == pytest.approx([-0.1, -0.2])


@pytest.mark.parametrize(("ahead", "of", "often"), [(0, 9, 2 / 512), (9, 9, 2 / 512), (6, 9, 260 / 512), (2, 4, 1.0)])
def test_a_coin_falls_at_least_as_unevenly_on_either_side(ahead, of, often):
    assert twins.by_a_coin(ahead, of) == pytest.approx(often)


def test_the_table_sets_test_and_validation_clips_side_by_side(gains):
    table = twins.table(gains, TRAININGS)
    assert list(table.index) == list(GAINS)
    assert table["lost (dB)"].tolist() == pytest.approx([0.0, 0.0, 0.15])
    assert table["ahead on"].tolist() == ["", "1 of 2", "0 of 2"]
    assert table["validation gain (dB)"].tolist() == pytest.approx([0.2, 0.1, 0.3])
    assert table["by a coin"].tolist() == ["", "100.0%", "50.0%"]
    assert table["ahead there"].tolist() == ["", "0 of 1", "1 of 1"]
    assert table["best step"].tolist() == [9, 5, 0]


def test_a_twin_has_the_same_row_in_both_panels_whatever_the_order_of_its_records(gains):
    panels = {"test clips": gains, "validation clips": twins.validation(TRAININGS)}
    test, validation = twins.spread(panels).axes
    assert [text.get_text() for text in test.get_yticklabels()] == ["without b", "without a"]
    dots = [line for line in validation.lines if line.get_marker() == "o"]
    assert [float(line.get_xdata()[0]) for line in dots] == pytest.approx([-0.1, 0.1])
    means = [line.get_xdata()[0] for line in test.lines if line.get_marker() != "o"][:2]
    assert means == pytest.approx([0.0, -0.15])
    words = twins.in_words(panels)
    assert "2 test clips, twins less the whole: without b +0.000 dB on average, from -0.100 to +0.100" in words
    assert words.endswith("without a +0.100 dB on average, from +0.100 to +0.100.")


def test_the_best_mix_is_the_best_of_all_shares():
    frame, offered, truth = torch.rand(3, 2, 3, 8, 8, generator=torch.Generator().manual_seed(0))

    def error(share):
        return (frame + share * (offered - frame) - truth).square().flatten(1).mean(1)

    tried = torch.stack([10 * torch.log10(error(0.0) / error(share)) for share in np.linspace(-2, 2, 4001)])
    torch.testing.assert_close(twins.best_mix(frame, offered, truth).float(), tried.amax(0), atol=1e-4, rtol=0)


class Frames:
    """Frames of a clip whose picture moves by two columns a frame, with or without noise."""

    def __init__(self, noise: float = 0.0) -> None:
        made = np.random.default_rng(0)
        coarse = torch.from_numpy(made.random((1, 3, 10, 20)).astype(np.float32))
        wide = torch.nn.functional.interpolate(coarse, scale_factor=8, mode="bicubic").clamp(0, 1)[0]
        self.wide, self.noise = (wide * 255).permute(1, 2, 0).numpy(), noise

    def rgb(self, t: int) -> np.ndarray:
        noise = self.noise * np.random.default_rng(t).standard_normal((80, 128, 3))
        return np.clip(self.wide[:, 2 * t : 2 * t + 128] + noise, 0, 255).astype(np.uint8)


def moving(name: str) -> SimpleNamespace:
    infos = [FrameInfo(t, "P", 30 if t % 4 == 0 else 40, 1) for t in range(9)]
    return SimpleNamespace(name=name, infos=infos, compressed_frames=lambda: Frames(8.0), raw_frames=Frames)


@pytest.fixture(params=[False, True], ids=["from frame to frame", "between peaks"])
def network(request) -> OnBRNet:
    return OnBRNet(torch.nn.Identity(), 4, 4, between_peaks=request.param)


def test_bringing_a_peak_that_moved_adds_to_the_mix(network):
    clip = moving("x")
    seen = twins.bringing(network, clip, [2, 6])
    assert seen["moved"] > 0.5 and 2 < seen["moved by (px)"] < 6
    assert 10 < seen["alike (dB)"] < 40 and seen["brought adds (dB)"] > 0.5


def test_beside_a_lead_stand_the_clips_that_have_one_the_smallest_first(network):
    lead = pandas.Series({"x": 0.2, "y": -0.1}, name="not brought")
    table = twins.beside_a_lead(lead, network, [moving("x"), moving("y"), moving("later")], [2])
    assert list(table.index) == ["y", "x"] and table["lead of not brought (dB)"].tolist() == [-0.1, 0.2]
    assert table.loc["x"].iloc[:-1].to_dict() == pytest.approx(twins.bringing(network, moving("x"), [2]))
