"""The U-Net and RCAN's channel attention: sizes, skips, what the caller's blocks see, and cases with a known answer."""

import pytest
import torch
from torch import nn

from venh_lib.blocks.attention import ChannelAttention, ResidualChannelAttentionBlock
from venh_lib.blocks.residual import ResidualBlock, same_conv
from venh_lib.blocks.unet import UNet, UNetEncoder
from venh_lib.errors import SettingError

WIDTHS = (4, 6, 8)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_encoder_gives_each_scale_its_width():
    scales = UNetEncoder(WIDTHS, ResidualBlock)(torch.rand(2, 4, 24, 32))
    assert [tuple(scale.shape) for scale in scales] == [(2, 4, 24, 32), (2, 6, 12, 16), (2, 8, 6, 8)]


@pytest.mark.parametrize("size", [(24, 32), (23, 33), (1, 5)])
def test_any_sides_come_back_and_every_parameter_learns(size):
    network = UNet(WIDTHS, ResidualBlock)
    output = network(torch.rand(2, 4, *size))
    assert output.shape == (2, 4, *size)
    output.square().sum().backward()
    assert not [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]


def test_odd_sides_are_padded_by_their_border():
    network = UNet(WIDTHS, ResidualBlock).eval()
    features = torch.rand(1, 4, 7, 10)
    padded = nn.functional.pad(features, (0, 2, 0, 1), mode="replicate")
    with torch.no_grad():
        assert torch.equal(network(features), network(padded)[..., :7, :10])


def test_the_caller_makes_one_block_a_scale_down_and_up():
    asked = []

    def block(width: int) -> nn.Module:
        asked.append(width)
        return same_conv(width, width)

    UNet(WIDTHS, block)
    assert asked == [4, 6, 8, 4, 6]


def reach(network: nn.Module, size: int = 64) -> int:
    """How many pixels away, in columns, a change in the middle is still seen."""
    features = torch.rand(1, 4, size, size)
    changed = features.clone()
    changed[..., size // 2, size // 2] += 10
    with torch.no_grad():
        moved = (network(changed) - network(features)).abs().amax(dim=(0, 1, 2)) > 1e-6
    return int((moved.nonzero() - size // 2).abs().max())


def test_coarse_scales_see_far_and_the_skip_alone_sees_near():
    network = UNet(WIDTHS, lambda width: nn.Identity())
    assert reach(network) >= 8
    nn.init.zeros_(network.decoder.narrow[0].weight)
    # What is left: the finest scale's own features through the 3×3 convolution that joins.
    assert reach(network) == 1


def test_a_single_scale_is_refused():
    with pytest.raises(SettingError, match="two scales"):
        UNet((8,), ResidualBlock)


def test_channel_attention_looks_at_means_and_stays_in_0_to_1():
    attention = ChannelAttention(32)
    assert attention.squeeze.out_channels == 2
    features = torch.randn(2, 32, 6, 8)
    heard = attention(features) / features
    assert (heard > 0).all() and (heard < 1).all()
    torch.testing.assert_close(heard, heard[..., :1, :1].expand_as(heard))
    # The same values elsewhere in the frame: the same mean.
    torch.testing.assert_close(attention(features.flip(2, 3)), attention(features).flip(2, 3))
    assert not torch.allclose(attention(features + 1) / (features + 1), heard)


def test_channel_attention_by_hand():
    attention = ChannelAttention(2, reduction=1)
    with torch.no_grad():
        attention.squeeze.weight.copy_(torch.eye(2)[:, :, None, None])
        attention.excite.weight.copy_(torch.tensor([[2.0, 0.0], [0.0, 3.0]])[:, :, None, None])
        for conv in (attention.squeeze, attention.excite):
            conv.bias.zero_()
    features = torch.stack((torch.full((2, 2), 1.5), torch.tensor([[-4.0, 0.0], [2.0, -2.0]])))[None]
    # Means 1.5 and −1, of which the rectifier leaves 0.
    expected = features * torch.sigmoid(torch.tensor([3.0, 0.0]))[:, None, None]
    torch.testing.assert_close(attention(features), expected)


def test_with_every_channel_heard_the_block_is_a_plain_residual_block():
    block, plain = ResidualChannelAttentionBlock(32), ResidualBlock(32)
    plain.load_state_dict({name: p for name, p in block.state_dict().items() if "attention" not in name})
    features = torch.randn(1, 32, 6, 8)
    assert not torch.allclose(block(features), plain(features))
    nn.init.constant_(block.attention.excite.bias, 100)
    torch.testing.assert_close(block(features), plain(features))


def test_the_finest_scale_may_pass_nearly_as_it_is_at_first():
    network = UNet(WIDTHS, lambda width: nn.Identity())
    features = torch.rand(1, WIDTHS[0], 16, 24)
    before = network(features) - features
    network.start_at_the_finest_()
    after = network(features) - features
    assert 0 < after.std() < 0.2 * before.std()
    after.square().mean().backward()
    assert all(p.grad.any() for p in network.parameters())
