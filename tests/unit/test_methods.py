"""Every method: its shapes, its size, its gradient, its record; and what single methods promise."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from venh_lib import methods
from venh_lib.bitstream import FrameInfo
from venh_lib.errors import SettingError
from venh_lib.losses import FFT, L1, L2, Charbonnier, Gradient, Weighted
from venh_lib.methods import ivp_tencent
from venh_lib.methods.method import PRESETS, as_seen_by
from venh_lib.recipes import belongs

# Parameters of the paper presets. The first four: METHODS of the authors' or the challenge's code,
# instantiated. MFQE: two motion nets of 1,200,250, the fusion's 1,780,515 and QECNN.
PAPER_PARAMETERS = {
    "arcnn": 117_731,
    "dncnn": 670_531,
    "qecnn": 1_389_123,
    "mfqe": 2 * 1_200_250 + 1_780_515 + 1_389_123,
    "ivp_tencent": 641_700,
    # With EDVR's large model at one size, and sizes of ours where the report prints none.
    "bilibili": 58_668_467,
    "ntu_slab": 44_075_631,
    "vue": 16_510_541,
    "vue_four": 19_552_188,
    "noahtcv": 17_742_444,
    "mt_maxclear": 20_928_995,
    "gogoing": 26_704_524,
    "nju_vision": 15_342_811,
    "mcenhance": 2_212_369,
}
# The QPs of HM 16.20 at QP 37: peaks at 0, 4 and 8.
INFOS = tuple(
    FrameInfo(index=t, slice_type="P" if t else "I", qp=qp, size=100)
    for t, qp in enumerate((36, 45, 44, 45, 38, 45, 44, 45, 38, 45))
)
SLUGS = sorted(PAPER_PARAMETERS)
STARTS_AS_IDENTITY = ("arcnn", "dncnn", "qecnn", "mfqe", "ivp_tencent")


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def window_lengths(method):
    if method.kind == "recurrent":
        return [1, 3]
    return sorted({len(method.policy(INFOS, t)) for t in range(len(INFOS))})


@pytest.mark.parametrize("slug", SLUGS)
def test_a_network_that_orders_its_window_leaves_the_frame_in_the_middle_and_no_frame_out(slug):
    method = methods.get(slug)
    for preset in PRESETS:
        seen = as_seen_by(built(slug, preset), method)
        for t in range(len(INFOS)):
            window, asked = seen.policy(INFOS, t), method.policy(INFOS, t)
            assert sorted(window) == sorted(asked) and window[len(window) // 2] == asked[len(asked) // 2]
    # The report's networks see their frames in the order of time.
    assert as_seen_by(built(slug, "paper"), method) is method


@cache
def built(slug, preset):
    with torch.device("meta"):
        return methods.get(slug).build(preset)


def course_network(slug):
    return methods.get(slug).build("course")


def disturbed(network):
    """The same network with noise on what is trained, so that no start at zero hides a broken path."""
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.requires_grad:
                parameter.add_(0.02 * torch.randn_like(parameter))
    return network


@pytest.mark.parametrize("slug", SLUGS)
def test_paper_preset_has_the_published_number_of_parameters(slug):
    with torch.device("meta"):
        network = methods.get(slug).build("paper")
    assert sum(p.numel() for p in network.parameters()) == PAPER_PARAMETERS[slug]


@pytest.mark.parametrize("slug", SLUGS)
def test_course_preset_is_smaller_and_made_of_the_same_modules(slug):
    with torch.device("meta"):
        paper, course = (methods.get(slug).build(preset) for preset in ("paper", "course"))
    assert sum(p.numel() for p in course.parameters()) < 0.6 * sum(p.numel() for p in paper.parameters())
    inside_brnet = any(isinstance(m, ivp_tencent.BRNet) for m in course.modules()) and slug != "ivp_tencent"
    if inside_brnet:
        # The ends of the network are BRNet's.
        own = {type(m) for name, m in paper.named_modules() if ".core." in f".{name}."}
        kept = tuple({type(m) for m in course.modules()})
        assert own and [kind for kind in own if not any(issubclass(other, kind) for other in kept)] == []
    else:
        assert {type(m) for m in course.modules()} == {type(m) for m in paper.modules()}


@pytest.mark.parametrize("slug", SLUGS)
def test_record_is_complete(slug):
    method = methods.get(slug)
    assert method.slug == slug and method.team and method.title and method.sections and method.departures
    assert all(text.endswith(".") for text in method.departures)
    for track in method.tracks:
        for scale in ("smoke", "course", "paper"):
            assert method.recipe(track, scale).preset == ("paper" if scale == "paper" else "course")
        assert method.recipe(track, "smoke").steps <= 40
        assert method.least_size <= 64


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("size", [(32, 48), (33, 47), (16, 16)])
def test_forward_keeps_the_size_for_each_window_of_the_policy(slug, size):
    network = disturbed(course_network(slug)).eval()
    for length in window_lengths(methods.get(slug)):
        with torch.no_grad():
            output = network(torch.rand(2, length, 3, *size))
        recurrent = methods.get(slug).kind == "recurrent"
        assert output.shape == ((2, length, 3, *size) if recurrent else (2, 3, *size))
        assert torch.isfinite(output).all()


@pytest.mark.parametrize("slug", SLUGS)
def test_gradient_reaches_every_trainable_parameter(slug):
    network = disturbed(course_network(slug)).train()
    length = max(window_lengths(methods.get(slug)))
    network(torch.rand(2, length, 3, 32, 32)).square().mean().backward()
    # A bias in front of batch normalisation is subtracted again: its gradient is zero by right.
    cancelled = [f"body.{i}.0.bias" for i in range(len(network.body))] if slug == "dncnn" else []
    without = [
        name for name, p in network.named_parameters()
        if p.requires_grad and (p.grad is None or not p.grad.abs().sum() > 0)
        and name not in cancelled
    ]
    assert without == []


@pytest.mark.parametrize("slug", STARTS_AS_IDENTITY)
def test_untrained_course_network_gives_the_centre_back(slug):
    network = course_network(slug).eval()
    for length in window_lengths(methods.get(slug)):
        window = torch.rand(1, length, 3, 24, 24)
        with torch.no_grad():
            assert torch.allclose(network(window), window[:, length // 2], atol=1e-6)


@pytest.mark.parametrize("slug", SLUGS)
def test_prefixes_of_a_recipe_name_parameters(slug):
    method = methods.get(slug)
    for (_, _), recipe in method.recipes.items():
        names = [name for name, _ in built(slug, recipe.preset).named_parameters()]
        prefixes = (*recipe.frozen, *(start[0] for start in recipe.start), *(rate[0] for rate in recipe.rates))
        for prefix in prefixes:
            assert any(belongs(name, prefix) for name in names), prefix


def test_unknown_method_and_preset_name_the_known_ones():
    with pytest.raises(SettingError, match="ivp_tencent"):
        methods.get("nobody")
    for slug in SLUGS:
        with pytest.raises(SettingError, match=PRESETS[0]):
            methods.get(slug).build("huge")


def test_brnet_frozen_prefixes_are_its_mean_shift():
    network = course_network("ivp_tencent")
    frozen = methods.get("ivp_tencent").recipe(1, "course").frozen
    for name, parameter in network.named_parameters():
        assert parameter.requires_grad == (not name.startswith(frozen)), name


def test_brnet_mean_shift_and_its_inverse_cancel():
    network = course_network("ivp_tencent")
    frame = torch.rand(1, 3, 4, 4)
    shifted = network.sub_mean(frame)
    assert torch.allclose(shifted[0, 0], frame[0, 0] - 0.4488, atol=1e-6)
    assert torch.allclose(network.add_mean(shifted), frame, atol=1e-6)


# What the report prints of each training, or the team's public code where the report is silent.
PRINTED = {
    "ntu_slab": {
        "loss": Charbonnier(1e-6), "crop": 256, "frames": 30, "batch": 8, "steps": 300_000, "learning_rate": 1e-4,
        "betas": (0.9, 0.99), "rates": (("flow.", 0.25, 5_000),),
    },
    "bilibili_first": {"loss": Weighted(((1.0, L1()), (1.0, FFT()), (1.0, Gradient())))},
    "vue": {"loss": Charbonnier(1e-6), "frames": 15, "batch": 8, "steps": 300_000, "learning_rate": 2e-4},
    "vue_four": {"loss": Charbonnier(1e-6), "frames": 15, "batch": 8, "steps": 300_000, "learning_rate": 2e-4},
    "noahtcv": {"loss": L2()},
    "mt_maxclear": {
        "loss": Charbonnier(), "crop": 256, "batch": 32, "steps": 600_000, "learning_rate": 4e-4, "betas": (0.9, 0.99),
    },
    "gogoing": {"loss": L2(), "crop": 256, "batch": 12, "learning_rate": 4e-4},
    "nju_vision": {"loss": L2(), "crop": 128, "batch": 16, "steps": 300_000, "learning_rate": 1e-4},
    "mcenhance": {"loss": Charbonnier(), "crop": 128, "batch": 32, "steps": 360_000, "learning_rate": 1e-4},
    "ivp_tencent": {"loss": L1(), "crop": 64, "batch": 64, "steps": 100_000, "learning_rate": 1e-4},
}  # fmt: skip


@pytest.mark.parametrize("slug", PRINTED)
def test_paper_recipes_have_the_settings_that_were_printed(slug):
    record = methods.get(slug)
    recipes = [recipe for (_, scale), recipe in record.recipes.items() if scale == "paper"]
    assert recipes and all(recipe.flips or slug == "ivp_tencent" for recipe in recipes)
    for recipe in recipes:
        assert {name: getattr(recipe, name) for name in PRINTED[slug]} == PRINTED[slug]


def test_brnet_reads_the_names_of_the_published_weights():
    with torch.device("meta"):
        network = methods.get("ivp_tencent").build("paper")
    blocks = [f"body.{block}.body.{conv}" for block in range(8) for conv in (0, 2)]
    layers = ["sub_mean", "add_mean", "head.0", *blocks, "body.8", "tail.0"]
    theirs = {f"{layer}.{kind}": torch.zeros(1) for layer in layers for kind in ("weight", "bias")}
    assert ivp_tencent.from_published(theirs).keys() == network.state_dict().keys()


def test_qecnn_b_branch_sees_the_i_branch_but_not_the_other_way_round():
    network = disturbed(course_network("qecnn"))
    window = torch.rand(1, 1, 3, 16, 16)
    i_parameters = [p for n, p in network.named_parameters() if n.startswith("i_branch.2")]
    features = {}
    network.i_branch[3].register_forward_hook(lambda m, i, o: features.update(i=o))
    network.b_branch[3].register_forward_hook(lambda m, i, o: features.update(b=o))
    network(window)
    used = torch.autograd.grad(features["b"].sum(), i_parameters, retain_graph=True)
    assert all(g.abs().sum() > 0 for g in used)
    b_parameters = [p for n, p in network.named_parameters() if n.startswith("b_branch.2")]
    unused = torch.autograd.grad(features["i"].sum(), b_parameters, allow_unused=True)
    assert all(g is None for g in unused)


def test_dncnn_result_of_a_frame_does_not_depend_on_its_batch_after_training():
    network = disturbed(course_network("dncnn"))
    with torch.no_grad():
        network.train()(torch.rand(4, 1, 3, 16, 16))
        network.eval()
        frames = torch.rand(2, 1, 3, 16, 16)
        assert torch.allclose(network(frames)[:1], network(frames[:1]), atol=1e-6)


@pytest.mark.parametrize("slug", STARTS_AS_IDENTITY)
def test_mixed_precision_does_not_round_the_picture(slug):
    """Untrained, each course network is the identity: under bf16 too, to far less than an 8-bit level."""
    window = torch.rand(1, 1, 3, 24, 24)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        output = course_network(slug).eval()(window)
    assert (output.float() - window[:, 0]).abs().max().item() < 0.05 / 255


def test_mfqe_trains_on_the_frames_between_peaks():
    assert methods.get("mfqe").targets(INFOS) == (1, 2, 3, 5, 6, 7, 9)


def test_mfqe_enhances_a_peak_by_its_qecnn_alone():
    network = disturbed(course_network("mfqe"))
    window = torch.rand(1, 1, 3, 16, 24)
    with torch.no_grad():
        assert torch.equal(network(window), network.qecnn(window))


def test_mfqe_before_its_fusion_is_trained_is_qecnn_at_course_and_the_frame_at_paper_rule():
    network = course_network("mfqe")
    disturbed(network.qecnn)
    window = torch.rand(1, 3, 3, 16, 24)
    with torch.no_grad():
        assert torch.allclose(network(window), network.qecnn(window[:, 1:2]), atol=1e-6)
        network.enhance_centre = False
        assert torch.allclose(network(window), window[:, 1], atol=1e-6)


@pytest.mark.parametrize("known", [False, True], ids=["by matching", "by true motion"])
def test_mfqe_motion_nets_learn_a_shift(known):
    network = course_network("mfqe")
    network.qecnn.requires_grad_(False)
    optimiser = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=5e-4)
    texture = torch.nn.functional.avg_pool2d(torch.rand(1, 3, 48, 48), 9, stride=1, padding=4)
    texture = (texture - texture.mean()) * 2 + 0.5
    centre, pqf = texture[..., 8:40, 8:40], texture[..., 8:40, 6:38]
    window = torch.stack((pqf, centre, pqf), dim=1)
    motion = torch.tensor([[2.0, 0.0], [0.0, 0.0], [2.0, 0.0]])[None, :, :, None, None].expand(1, 3, 2, 32, 32)
    true = {"motion": motion, "known": torch.ones(1, 3, 32, 32, dtype=torch.bool)} if known else {}
    for step in range(40):
        loss = network.training_loss({"lq": window, "gt": centre} | true, step=step, steps=1000, loss=L1())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        flow = network.motion(centre, pqf)
    assert flow.shape == (1, 2, 32, 32)
    # The content of the centre lies two pixels further right in the PQF.
    assert flow[:, 0].mean().item() > 1.0
    assert abs(flow[:, 1].mean().item()) < 0.5


def test_mfqe_training_loss_weighs_motion_first_and_quality_later():
    network = disturbed(course_network("mfqe"))
    window, target = torch.rand(1, 3, 3, 32, 32), torch.rand(1, 3, 32, 32)
    samples = {"lq": window, "gt": target}
    quality = L1()(network(window), target)
    early, late = (network.training_loss(samples, step=s, steps=100, loss=L1()) for s in (0, 99))
    motion = (early - 0.01 * quality) / 1.0
    assert late.item() == pytest.approx((0.01 * motion + quality).item(), rel=1e-4)
    alone = window[:, :1]
    expected = L1()(network.qecnn(alone), target)
    found = network.training_loss({"lq": alone, "gt": target}, step=0, steps=100, loss=L1())
    assert found.item() == pytest.approx(expected.item())


def test_mfqe_flow_error_is_in_pixels_and_counts_only_what_is_known():
    network = course_network("mfqe")
    motion = torch.zeros(1, 2, 30, 34)
    motion[:, 0, :, :16], motion[:, 1, :, 16:] = 3.0, 400.0
    known = torch.zeros(1, 30, 34, dtype=torch.bool)
    known[..., :16] = True
    still = [torch.zeros_like(flow) for flow in network._flows(network.motion_next, *torch.rand(2, 1, 3, 30, 34))]
    assert network._flow_error(still, motion, known).item() == pytest.approx(3.0, rel=1e-4)
    found = [torch.zeros_like(flow) for flow in still]
    for flow in found:
        flow[:, 0] = 3.0 * flow.shape[-1] / 48
    assert network._flow_error(found, motion, known).item() == pytest.approx(0.0, abs=1e-4)
    assert network._flow_error(still, motion, torch.zeros_like(known)).item() == 0
