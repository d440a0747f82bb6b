"""A team's network inside BRNet: it starts as BRNet, hears every frame, and has them brought onto one."""

import pytest
import torch
from torch import nn

from venh_lib.blocks.deformable import DeformConv
from venh_lib.losses import L1
from venh_lib.methods import gogoing, mcenhance, mt_maxclear, nju_vision, noahtcv, vue
from venh_lib.methods.on_brnet import MARGIN, SINGLE, OnBRNet, RecurrentOnBRNet, window_recipe

WINDOWS = {"mt_maxclear": 5, "gogoing": 7, "nju_vision": 7, "mcenhance": 3, "noahtcv": 3}
MODULES = {
    module.__name__.split(".")[-1]: module
    for module in (gogoing, mcenhance, mt_maxclear, nju_vision, noahtcv)
}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def heard(network: nn.Module) -> nn.Module:
    """The same network with noise on all that starts at zero."""
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.requires_grad and not parameter.any():
                parameter.normal_(std=0.02)
    return network


@pytest.mark.parametrize("slug", WINDOWS)
def test_untrained_it_is_brnet(slug):
    network = MODULES[slug].build("course").eval()
    heard(network.single)
    frames = torch.rand(1, WINDOWS[slug], 3, 32, 48)
    with torch.no_grad():
        output = network(frames)
        middle = WINDOWS[slug] // 2
        expected = network.single(frames[:, middle : middle + 1])
    torch.testing.assert_close(output, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("slug", WINDOWS)
def test_every_frame_is_heard_and_every_parameter_learns(slug):
    network = heard(MODULES[slug].build("course"))
    window = torch.rand(1, WINDOWS[slug], 3, 32, 32, requires_grad=True)
    network(window).square().mean().backward()
    assert window.grad.abs().sum(dim=(0, 2, 3, 4)).gt(0).all()
    assert [n for n, p in network.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())] == []


def test_every_frame_of_a_clip_hears_every_other():
    network = heard(vue.build_first("course"))
    clip = torch.rand(1, 4, 3, 32, 32, requires_grad=True)
    for t in (0, 3):
        (reached,) = torch.autograd.grad(network(clip)[:, t].square().mean(), clip)
        assert reached.abs().sum(dim=(0, 2, 3, 4)).gt(0).all()


@pytest.mark.parametrize("slug", WINDOWS)
def test_a_first_step_reaches_what_starts_unheard(slug):
    """Zeros behind zeros would never learn: with the last convolution at zero, its gradient must not be."""
    network = MODULES[slug].build("course")
    heard(network.single)
    network(torch.rand(1, WINDOWS[slug], 3, 32, 32)).square().mean().backward()
    assert network.leave.weight.grad.any()


def test_padding_is_cropped_again():
    network = heard(OnBRNet(nn.Identity(), 4, 4))
    network.core = Middle()
    window = torch.rand(2, 3, 3, 21, 27)
    assert network(window).shape == (2, 3, 21, 27)


class Middle(nn.Module):
    """A core that hands on the middle frame's features, and says that nothing moved."""

    multiple = 4

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        assert features.shape[-2] % 4 == 0 and features.shape[-1] % 4 == 0
        self.seen = features.shape
        return features[:, features.shape[1] // 2]

    def flows(self) -> list[torch.Tensor]:
        batch, frames, _, height, width = self.seen
        return [torch.zeros(batch * frames, 2, height, width)]


def samples() -> dict[str, torch.Tensor]:
    return {"lq": torch.rand(2, 3, 3, 16, 16), "gt": torch.rand(2, 3, 16, 16)}


def test_a_core_may_have_losses_of_its_own():
    network = OnBRNet(Middle(), 4, 4)
    network.core.penalty = lambda progress: torch.tensor(1.0 - progress)
    given = samples()
    plain = L1()(network(given["lq"]), given["gt"])
    assert network.training_loss(given, 25, 100, L1()).item() == pytest.approx(plain.item() + 0.75, rel=1e-4)


def test_frames_are_brought_over_a_margin_and_learned_from_inside_it():
    network = OnBRNet(Middle(), 4, 4, between_peaks=True)
    window = moving(3)[..., :48, :48]
    given = {"lq": window, "gt": torch.rand(1, 3, 16, 16), "qps": TOLD[0], "places": TOLD[1]}
    loss = network.training_loss(given, 0, 1, L1())
    assert network.core.seen[-2:] == (8, 8)
    brought, edge = network.brought(window, *TOLD), slice(MARGIN, -MARGIN)
    inside = brought[..., edge, edge]
    torch.testing.assert_close(loss, L1()(network.restored(inside), given["gt"]))
    # A crop alone does not show what moves into it.
    alone = network.brought(window[..., edge, edge], *TOLD)
    assert (alone - inside).abs().max() > 0.02


@pytest.mark.parametrize("slug", WINDOWS)
def test_flows_are_one_for_each_frame_of_each_window(slug):
    network = MODULES[slug].build("course")
    with torch.no_grad():
        network(torch.rand(2, WINDOWS[slug], 3, 32, 48))
    flows = network.core.flows()
    assert flows and all(flow.shape[:2] == (2 * WINDOWS[slug], 2) for flow in flows)
    assert all(32 % flow.shape[2] == 0 and 48 / flow.shape[3] == 32 / flow.shape[2] for flow in flows)


def moving(count: int) -> torch.Tensor:
    """A window [1, N, 3, 48, 64] of a soft texture that goes two pixels to the right from frame to frame."""
    large = nn.functional.avg_pool2d(torch.rand(1, 3, 56, 96), 9, stride=1)
    large = (large - large.min()) / (large.max() - large.min())
    shifts = [2 * (t - count // 2) for t in range(count)]
    return torch.stack([large[..., 12 - s : 76 - s] for s in shifts], dim=1)


TOLD = torch.tensor([[37.0, 44.0, 37.0]]), torch.tensor([[-1.0, 0.0, 1.0]])


@pytest.mark.parametrize("told", [None, (), TOLD], ids=["from frame to frame", "told nothing", "between peaks"])
def test_frames_are_brought_onto_the_restored_one(told):
    window = moving(3)
    network, told = OnBRNet(Middle(), 4, 4, between_peaks=told is not None), told or ()
    before, flow, after = network.motion(window, *told)
    assert not flow.any()
    # What stands somewhere in the middle frame stands two pixels to the left in the one before.
    for flow, across in ((before, -2.0), (after, 2.0)):
        assert flow[..., 12:-12, 12:-12].mean(dim=(0, 2, 3)).tolist() == pytest.approx([across, 0.0], abs=0.1)
    brought = network.brought(window, *told)
    assert torch.equal(brought[:, 1], window[:, 1])
    left = (brought - window[:, 1:2]).abs()[..., 12:-12, 12:-12].mean(dim=(0, 2, 3, 4))
    assert (left[[0, 2]] < 0.1 * (window - window[:, 1:2]).abs().mean(dim=(0, 2, 3, 4))[[0, 2]]).all()
    assert torch.equal(OnBRNet(Middle(), 4, 4, brought=False).brought(window), window)


def test_brought_frames_get_the_light_of_the_restored_one_and_keep_their_detail():
    still = moving(1).expand(-1, 3, -1, -1, -1)
    slope = torch.linspace(0.05, 0.15, 64)
    lit = torch.stack((still[:, 0] + 0.1, still[:, 1], still[:, 2] + slope), dim=1)
    network = OnBRNet(Middle(), 4, 4)
    network.search.forward = lambda frame, other: torch.zeros_like(frame[:, :2])
    assert (network.brought(lit) - still).abs().max() < 0.03
    assert torch.allclose(network.brought(lit)[:, 0], still[:, 0], atol=1e-5)
    dotted = still.clone()
    dotted[:, 0, :, 24, 32] += 0.5  # a dot in a frame before
    assert network.brought(dotted)[0, 0, 0, 24, 32] > still[0, 0, 0, 24, 32] + 0.49


def test_what_light_coding_may_have_taken_is_left_to_frames_brought_by_the_peaks():
    """A frame whose light differs by a level may have a shade that the restored one lost."""
    own = torch.full((1, 3, 64, 64), 0.5)
    network = OnBRNet(Middle(), 4, 4, between_peaks=True)
    for levels, left in ((1, 1 / 1.04), (5, 5 / 2), (20, 20 / 17)):
        window = torch.stack((own + levels / 255, own, own), dim=1)
        kept = (network.along(window, [torch.zeros(1, 2, 64, 64)] * 3)[:, 0] - own).mul(255)
        assert torch.allclose(kept, torch.tensor(left), atol=1e-3), levels


def test_a_network_is_told_what_it_reads_in_training():
    network = OnBRNet(Middle(), 4, 4, between_peaks=True)
    seen = []
    network.search.forward = lambda window, *told: seen.append(told) or [torch.zeros_like(window[:, 0, :2])] * 3
    given = samples() | {"qps": torch.rand(2, 3), "places": torch.rand(2, 3)}
    network.training_loss(given, 0, 1, L1())
    assert seen[0][0] is given["qps"] and seen[0][1] is given["places"]
    assert OnBRNet(Middle(), 4, 4).reads == OnBRNet(Middle(), 4, 4, between_peaks=True, brought=False).reads == ()


def test_offsets_wait_for_a_quarter_of_the_steps_and_are_slow_then():
    recipe = window_recipe(1_000, L1())
    assert recipe.rate_of("core.align.conv_offset.weight") == (0.02, 250)
    assert recipe.with_steps(200).rate_of("core.fusion.conv_offset.predict.bias") == (0.02, 50)
    assert recipe.rate_of("single.body.0.conv1.weight") == (0.3, 0) and recipe.rate_of("core.first.weight") == (1, 0)


def test_what_stands_still_stays_where_it_is():
    """Noise alone is no motion, although interpolation makes frames more alike."""
    still = moving(1).expand(-1, 3, -1, -1, -1)
    noisy = still + 0.02 * torch.randn(still.shape)
    network = OnBRNet(Middle(), 4, 4)
    assert not any(flow.any() for flow in network.motion(noisy))
    # The mean of the noise over a large surrounding is taken for light.
    assert (network.brought(noisy) - noisy).abs().max() < 0.003


def test_recurrent_flows_have_the_features_size_and_pixels():
    network = RecurrentOnBRNet(vue.course_core(1), channels=vue.CHANNELS).eval()

    class Onwards(nn.Module):
        def forward(self, frame: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
            return torch.ones(len(frame), 2, *frame.shape[-2:])

    network.flow = Onwards()
    there, back = network.flows(torch.rand(1, 3, 3, 32, 48))
    assert [flow.shape for flow in there + back] == [(1, 2, 16, 24)] * 4
    # A pixel of the frame is half a pixel of the features.
    assert all((flow == 0.5).all() for flow in there + back)


def test_a_clip_of_one_frame_and_odd_sides():
    network = heard(vue.build_first("course")).eval()
    with torch.no_grad():
        assert network(torch.rand(2, 1, 3, 21, 27)).shape == (2, 1, 3, 21, 27)


def test_ablations_leave_the_path_out():
    twins = mt_maxclear.METHOD.ablations
    apart, brought = twins["no alignment"](), twins["brought alone"]()
    assert not any(isinstance(module, DeformConv) for twin in (apart, brought) for module in twin.modules())
    assert apart.search is None and brought.search is not None and twins["not brought"]().search is None
    assert hasattr(mt_maxclear.build("course").core, "penalty")
    assert not hasattr(twins["no offset losses"]().core, "penalty")
    twins = noahtcv.METHOD.ablations
    assert not twins["no references"]().core.references and twins["not brought"]().search is None
    assert not any(isinstance(module, noahtcv.ScaleFusion) for module in twins["last fusion alone"]().modules())


def test_brnet_inside_has_the_prefix_that_recipes_name():
    network = mt_maxclear.build("course")
    names = [name for name, _ in network.named_parameters()]
    assert any(name.startswith(SINGLE) for name in names)
    recipe = mt_maxclear.METHOD.recipe(1, "course")
    for name, parameter in network.named_parameters():
        assert parameter.requires_grad == (not name.startswith(recipe.frozen)), name
