"""Motion by way of the peaks: straight between them, with what the whole picture shares, and what was found."""

import pytest
import torch
from torch.nn import functional

from venh_lib.blocks import peaks
from venh_lib.blocks.flow import warp
from venh_lib.blocks.peaks import BetweenPeaks, fitted, peaks_around, velocity_between

QPS, PLACES = torch.tensor([[38.0, 44.0, 38.0]]), torch.tensor([[-2.0, 0.0, 2.0]])


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def texture() -> torch.Tensor:
    """A soft texture [1, 3, 112, 160] in 0–1."""
    large = functional.avg_pool2d(torch.rand(1, 3, 120, 168), 9, stride=1)
    return (large - large.min()) / (large.max() - large.min())


def seen_at(picture: torch.Tensor, x: float, y: float = 0.0) -> torch.Tensor:
    """What a frame [1, 3, 80, 128] shows of ``picture`` that went ``x`` to the right and ``y`` down."""
    flow = torch.tensor([-x, -y]).view(1, 2, 1, 1).expand(-1, -1, *picture.shape[-2:])
    return warp(picture, flow)[..., 16:-16, 16:-16]


def coarse(frame: torch.Tensor) -> torch.Tensor:
    """``frame`` with errors of its own."""
    return frame + 0.1 * torch.randn(frame.shape)


def inside(flow: torch.Tensor) -> list[float]:
    return flow[..., 20:-20, 20:-20].mean(dim=(0, 2, 3)).tolist()


def test_a_frame_that_was_put_in_the_wrong_place_is_put_right():
    """A coded frame lies where its vector put it, a pixel off; a flow to it follows, that by the peaks less."""
    picture = texture()
    # A third of the frame was copied to a wrong place: what the whole picture shares is not that.
    wrong = torch.cat((seen_at(picture, 0.0)[..., :84], seen_at(picture, 1.0)[..., 84:]), dim=-1)
    window = torch.stack((seen_at(picture, -3.0), coarse(wrong), seen_at(picture, 3.0)), dim=1)
    alone, by_peaks = BetweenPeaks()(window)[2], BetweenPeaks()(window, torch.tensor([[37.0, 51.0, 37.0]]), PLACES)[2]
    true = torch.tensor([3.0, 0.0]).view(1, 2, 1, 1)
    off = [(flow - true)[..., 20:-20, 98:-20].norm(dim=1).mean().item() for flow in (alone, by_peaks)]
    assert off[0] == pytest.approx(1.0, abs=0.2) and off[1] < 0.7 * off[0]


def test_what_the_whole_picture_does_besides_is_followed():
    """A hand trembles: the frame between lies two pixels below the straight line from peak to peak."""
    picture = texture()
    middle = coarse(seen_at(picture, 0.0, 2.0))
    window = torch.stack((seen_at(picture, -2.0), middle, seen_at(picture, 2.0)), dim=1)
    before, _, after = BetweenPeaks()(window, QPS, PLACES)
    # Found and trembling both know it, the straight line does not, and is hardly heard.
    assert inside(before) == pytest.approx([-2.0, -2.0], abs=0.15)
    assert inside(after) == pytest.approx([2.0, -2.0], abs=0.15)


def test_what_brings_the_three_frames_together_is_believed(monkeypatch):
    """Something swings out between two peaks, and nothing else does: what was found is right."""
    picture = texture()
    window = torch.stack((seen_at(picture, -2.0), seen_at(picture, 0.0, 3.0), seen_at(picture, 2.0)), dim=1)
    monkeypatch.setattr(peaks, "fitted", torch.zeros_like)
    assert inside(BetweenPeaks()(window, QPS, PLACES)[2]) == pytest.approx([2.0, -3.0], abs=0.1)


def test_what_was_found_is_doubted_the_more_the_coarser_the_frame():
    picture = texture()
    window = torch.stack((seen_at(picture, -2.0), coarse(seen_at(picture, 0.0, 1.0)), seen_at(picture, 2.0)), dim=1)
    found = BetweenPeaks()(window)[2]
    flows = [BetweenPeaks()(window, torch.tensor([[38.0, qp, 38.0]]), PLACES)[2] for qp in (39.0, 51.0)]
    little, much = ((flow - found)[..., 20:-20, 20:-20].norm(dim=1).mean().item() for flow in flows)
    assert much > 1.2 * little


@pytest.mark.parametrize(
    ("qps", "places"),
    [
        ([38, 38, 38], [-2, 0, 2]),  # a peak itself
        ([38, 44, 45], [-2, 0, 2]),  # nothing better after it
        ([38, 44, 38], [-2, 0, -1]),  # nor when both lie before
    ],
)
def test_without_a_peak_on_either_side_flows_are_found_from_frame_to_frame(qps, places):
    window = torch.stack([seen_at(texture(), x) for x in (-2.0, 0.0, 2.0)], dim=1)
    told = (torch.tensor([own], dtype=torch.float32) for own in (qps, places))
    assert all(map(torch.equal, BetweenPeaks()(window, *told), BetweenPeaks()(window)))


def test_each_window_of_a_batch_is_its_own():
    picture = texture()
    one = torch.stack([seen_at(picture, x) for x in (-2.0, 0.5, 2.0)], dim=1)
    other = torch.stack([seen_at(picture, 0.0, y) for y in (-1.0, 0.0, 3.0)], dim=1)
    qps, places = torch.tensor([[38.0, 44, 37], [38, 44, 45]]), torch.tensor([[-1.0, 0, 3], [-1, 0, 3]])
    both = BetweenPeaks()(torch.cat((one, other)), qps, places)
    apart = [BetweenPeaks()(own, qps[k : k + 1], places[k : k + 1]) for k, own in enumerate((one, other))]
    for together, *single in zip(both, *apart, strict=True):
        assert torch.allclose(together, torch.cat(single), atol=1e-4)


def test_the_best_coded_and_then_the_nearest_of_each_side_is_the_peak():
    qps = torch.tensor([[38.0, 37, 44, 45, 39], [44, 44, 44, 38, 38]])
    places = torch.tensor([[-5.0, -1, 0, 3, 2], [-2, -1, 0, 3, 1]])
    rows, before, after = peaks_around(qps, places)
    assert (rows.tolist(), before.tolist(), after.tolist()) == ([0], [1], [4])
    qps[1, :2] = 40
    rows, before, after = peaks_around(qps, places)
    assert (rows.tolist(), before.tolist(), after.tolist()) == ([0, 1], [1, 1], [4, 4])


def test_velocity_is_that_of_a_frame_between_at_its_own_pixels():
    """A zoom: what stands at a pixel of the frame stood elsewhere on each peak, and goes faster the further out."""
    picture = functional.interpolate(texture(), scale_factor=2, mode="bilinear")
    y, x = (torch.arange(side, dtype=torch.float32) - side / 2 for side in picture.shape[-2:])
    out = torch.stack((x.expand(len(y), -1), y[:, None].expand(-1, len(x))))[None]
    shown = [warp(picture, -out * shift)[..., 40:-40, 40:-40] for shift in (0.06, -0.02)]
    places = torch.tensor([-3.0, 1.0]).view(1, 2, 1, 1, 1)
    # Pictures shrink by 0.02 a frame: sample 1 − s of a picture, and what was at x is at x / (1 − s).
    velocity = velocity_between(torch.stack(shown, dim=1), places)
    expected = -0.02 * out[..., 40:-40, 40:-40]
    assert (velocity - expected)[..., 20:-20, 20:-20].norm(dim=1).mean() < 0.25 * expected.norm(dim=1).mean()


def test_the_common_motion_is_affine_and_deaf_to_outliers():
    y, x = torch.meshgrid(torch.linspace(-1, 1, 40), torch.linspace(-1, 1, 60), indexing="ij")
    common = torch.stack((0.5 + 0.3 * x, -0.2 + 0.1 * x - 0.4 * y))[None]
    flow = common.clone()
    flow[..., 5:20, 10:30] += 6.0
    assert (fitted(flow) - common).abs().max() < 0.05
    assert fitted(flow).dtype == flow.dtype
