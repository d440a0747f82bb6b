"""SpyNet as a part: its windows, its start, what it learns from, and what chooses its weights."""

import pytest
import torch

from venh_lib import dataset, methods
from venh_lib.bitstream import FrameInfo
from venh_lib.blocks.flow import warp
from venh_lib.blocks.spynet import SpyNet
from venh_lib.losses import L1
from venh_lib.methods import spynet

CPU = torch.device("cpu")


def test_its_window_is_a_frame_and_another_in_turn():
    qps = (36, 45, 44, 45, 38, 45, 44, 45, 38, 45)
    infos = tuple(FrameInfo(t, "P", qp, 1) for t, qp in enumerate(qps))
    windows = [spynet.frame_and_another(infos, t) for t in range(len(infos))]
    assert all(own == t and other != t and 0 <= other < 10 for t, (own, other) in enumerate(windows))
    # The frame before, the one after, the PQF before, the PQF after.
    assert [other - own for own, other in windows[4:8]] == [-1, 1, -2, 1]
    assert spynet.frame_and_another(infos[:1], 0) == (0, 0)


def blob(x: float, y: float) -> torch.Tensor:
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    place = torch.exp(-((columns - x).square() + (rows - y).square()) / 60)
    return (0.3 + 0.5 * place).expand(1, 3, 64, 64).contiguous()


def test_untrained_it_points_the_way_a_blob_moved():
    torch.manual_seed(0)
    network = SpyNet().eval()
    frame, other = blob(30, 32), blob(33, 31)
    with torch.no_grad():
        flow = network(frame, other)
    across, down = flow[0, :, 24:40, 22:38].mean(dim=(1, 2)).tolist()
    assert 0.5 < across < 6 and -3 < down < 0
    before = (other - frame).square().mean()
    assert (warp(other, flow) - frame).square().mean() < 0.6 * before


def test_its_loss_is_the_error_of_its_flows_where_motion_is_known():
    network = SpyNet()
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    motion = torch.tensor([3.0, -4.0]).view(1, 1, 2, 1, 1).expand(2, 2, 2, 64, 64)
    samples = {"lq": torch.rand(2, 2, 3, 64, 64), "motion": motion, "known": torch.ones(2, 2, 64, 64, dtype=torch.bool)}
    assert float(network.training_loss(samples, 0, 10, L1()).detach()) == pytest.approx(5, rel=1e-4)
    samples["known"] = torch.zeros(2, 2, 64, 64, dtype=torch.bool)
    assert float(network.training_loss(samples, 0, 10, L1()).detach()) == 0


def test_what_chooses_its_weights_is_how_well_raw_frames_match():
    clip = dataset.synthesised(1)
    frames = (5, 14)

    class Still(torch.nn.Module):
        def forward(self, frame, other):
            return torch.zeros(1, 2, *frame.shape[-2:])

    class True_(torch.nn.Module):
        """The true motion; it knows which frames come next."""

        def __init__(self):
            super().__init__()
            self.windows = iter([spynet.frame_and_another(clip.infos, t) for t in frames])

        def forward(self, frame, other):
            flow, _ = clip.scene().motion(*next(self.windows))
            return torch.from_numpy(flow).permute(2, 0, 1)[None]

    gains = [spynet.matching_gain(net, spynet.METHOD, clip, frames, CPU) for net in (Still(), True_())]
    assert gains[0] == 0 and gains[1] > 3


def test_a_part_is_found_by_name_but_takes_part_in_no_track():
    assert methods.get("spynet") is spynet.METHOD
    assert "spynet" not in methods.METHODS and spynet.METHOD.tracks == ()
