"""Branches that start as memories: running means of the frames before, and what they differ by from the frame."""

from functools import partial

import pytest
import torch

from venh_lib.blocks.basicvsr import BidirectionalPropagation
from venh_lib.blocks.propagation import KEPT, FirstOrderPropagation
from venh_lib.errors import SettingError

CHANNELS, HALF = 16, 8


@pytest.fixture
def features():
    """Six frames [1, 16, 12, 14] that vary by one about means of their own."""
    torch.manual_seed(0)
    return list((torch.randn(6, 1, CHANNELS, 12, 14) + torch.randn(CHANNELS, 1, 1)).unbind())


def running_means(frames, kept):
    """What a memory that began with the first frame holds at each frame, and what it held before."""
    kept, held, after, before = torch.linspace(*KEPT, kept)[:, None, None], frames[0][:, :kept], [], []
    for frame in frames:
        before.append(held)
        held = kept * held + (1 - kept) * frame[:, : len(kept)]
        after.append(held)
    return after, before


def still(frames):
    return [torch.zeros(1, 2, *frames[0].shape[2:])] * (len(frames) - 1)


def test_a_first_order_branch_remembers_and_compares(features):
    branch = FirstOrderPropagation(CHANNELS, CHANNELS, blocks=1, own_first=True)
    branch.start_as_memory_()
    made = branch(features, still(features))
    after, before = running_means(features, HALF)
    for frame, found, mean, held in zip(features, made, after, before, strict=True):
        assert torch.allclose(found[:, :HALF], mean, atol=1e-4)
        difference = 2 * (held - frame[:, :HALF])
        assert torch.allclose(found[:, HALF:], difference, atol=1e-4)


def test_a_frame_with_too_few_channels_cannot_begin_a_memory():
    with pytest.raises(SettingError, match="16 channels cannot begin with the 12 of a frame"):
        FirstOrderPropagation(CHANNELS, 12, blocks=1, own_first=True)


def test_what_is_fused_at_first_tells_later_frames_from_earlier_ones(features):
    core = BidirectionalPropagation(CHANNELS, CHANNELS, 1, branch=partial(FirstOrderPropagation, own_first=True))
    core.start_as_memory_()
    clip = torch.stack(features, dim=1)
    flows = still(features)
    fused = core(clip, flows, flows)
    clip[:, 4] += 1.0
    moved = (core(clip, flows, flows) - fused).abs().mean(dim=(0, 3, 4))
    # Backwards first: frame 2 hears of frame 4 there alone, frame 5 forwards alone.
    assert moved[2, :HALF].min() > 5e-3 > 1e-3 > moved[2, HALF:].max()
    assert moved[5, HALF:].min() > 5e-3 > 1e-3 > moved[5, :HALF].max()
