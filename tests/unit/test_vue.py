"""BasicVSR without pixel-shuffles, and VUE's methods of it: propagation, switches, ensembles, stages, segments."""

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from networks import awakened, calmed, without_gradient
from torch import nn

from venh_lib import dataset
from venh_lib.bitstream import FrameInfo
from venh_lib.blocks.basicvsr import BasicVSR, BidirectionalPropagation, from_published
from venh_lib.blocks.propagation import FirstOrderPropagation
from venh_lib.ensembles import ENSEMBLES, LEFT_RIGHT, TURN_90
from venh_lib.errors import SettingError
from venh_lib.inference import enhance_frames
from venh_lib.losses import L1
from venh_lib.methods import vue
from venh_lib.methods.vue import AveragedModels, TwoStage
from venh_lib.recipes import CosineRestarts, belongs
from venh_lib.segments import segments
from venh_lib.training import Training

CPU = torch.device("cpu")
RECORDS = {record.slug: record for record in (vue.METHOD, vue.FIRST, vue.METHOD_TRACK_3)}
# Networks of these are built without flow where it does not matter: SpyNet is most of a small network's work.
SIZES = ((4, 1), (6, 1))


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def two_stages(sizes=SIZES, second=(4, 1), **model) -> TwoStage:
    return TwoStage(AveragedModels(sizes, **model), BasicVSR(*second, **model))


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


# --- propagation ---------------------------------------------------------------------------------------------------


def passing_on(given: int = 1) -> FirstOrderPropagation:
    """A branch of one channel whose new features are the frame's first channel plus what was passed on."""
    branch = FirstOrderPropagation(1, given, 0)
    with torch.no_grad():
        branch.refine[0].weight.zero_()
        branch.refine[0].bias.zero_()
        branch.refine[0].weight[0, [0, given], 1, 1] = 1
    return branch


def test_features_are_read_where_the_flow_points():
    blob = torch.zeros(1, 1, 12, 16)
    blob[..., 6, 8] = 1
    nothing = torch.zeros_like(blob)
    # From frame 1 two pixels to the right and one up, from frame 2 three to the left, lies what frame 0 knew.
    flows = [torch.tensor(flow).view(1, 2, 1, 1).expand(1, 2, 12, 16) for flow in ((2.0, -1.0), (-3.0, 0.0))]
    made = passing_on()([blob, nothing, nothing], flows)
    assert [frame[0, 0].round(decimals=4).nonzero().tolist() for frame in made] == [[[6, 8]], [[7, 6]], [[7, 9]]]
    away = [20 * torch.ones(1, 2, 12, 16)] * 2
    assert not passing_on()([blob, nothing, nothing], away)[1].any()


def test_without_flow_features_pass_on_where_they_are_and_add_up():
    frames = [torch.rand(1, 2, 5, 7) for _ in range(3)]
    made = passing_on(2)(frames, [None, None])
    for t in range(3):
        torch.testing.assert_close(made[t], sum(frame[:, :1] for frame in frames[: t + 1]))


@pytest.mark.parametrize("reduction", [1, 2])
def test_flow_lives_at_the_features_size(reduction):
    network = BasicVSR(4, 1, reduction=reduction)
    to_previous, to_next = network.flows(torch.rand(2, 3, 3, 36, 48))
    assert {flow.shape for flow in (*to_previous, *to_next)} == {(2, 2, 36 // reduction, 48 // reduction)}
    assert len(to_previous) == len(to_next) == 2


def test_flows_point_from_each_frame_to_its_neighbours():
    network = BasicVSR(4, 1)
    seen = []
    network.flow.register_forward_pre_hook(lambda _, pair: seen.append([p.mean(dim=(1, 2, 3)).tolist() for p in pair]))
    clip = torch.tensor([0.0, 1.0, 2.0]).view(1, 3, 1, 1, 1).expand(1, 3, 3, 32, 32)
    network.flows(clip)
    assert seen == [[[1, 2], [0, 1]], [[0, 1], [1, 2]]]


# --- BasicVSR ------------------------------------------------------------------------------------------------------


def test_the_paper_presets_size():
    with torch.device("meta"):
        network = BasicVSR()
        assert network(torch.rand(1, 2, 3, 536, 960)).shape == (1, 2, 3, 536, 960)
        four_fold = 2 * parameters(nn.Conv2d(64, 256, 3))
    # mmagic's and BasicSR's network for four-fold enlargement has 6,291,311.
    assert parameters(network) == 6_291_311 - four_fold == 5_995_887
    assert parameters(network.flow) == 1_440_300


@pytest.mark.parametrize("reduction", [1, 2])
@pytest.mark.parametrize("count", [1, 3])
def test_odd_sizes_and_short_clips_keep_their_shape(count, reduction):
    network = awakened(BasicVSR(4, 1, reduction=reduction)).eval()
    frames = torch.rand(2, count, 3, 17, 35)
    with torch.no_grad():
        output = network(frames)
        assert torch.equal(output, frames + network.residual(frames))
    assert output.shape == frames.shape and output.isfinite().all() and not torch.equal(output, frames)


@pytest.mark.parametrize("switches", [{}, {"bidirectional": False}, {"flow": None}, {"reduction": 2}])
def test_gradient_reaches_every_parameter(switches):
    network = awakened(BasicVSR(4, 1, **switches))
    if network.flow:
        calmed(network.flow)
    network(torch.rand(1, 3, 3, 32, 32)).square().mean().backward()
    assert not without_gradient(network)


def test_untrained_networks_give_the_frames_back():
    frames = torch.rand(1, 2, 3, 16, 20)
    for network in (BasicVSR(4, 1), AveragedModels(SIZES, flow=None), two_stages(flow=None)):
        torch.testing.assert_close(network.eval()(frames), frames, atol=1e-6, rtol=0)


@pytest.mark.parametrize("bidirectional", [True, False])
def test_forwards_alone_no_frame_knows_a_later_one(bidirectional):
    network = awakened(BasicVSR(4, 1, bidirectional=bidirectional, flow=None)).eval()
    frames = torch.rand(1, 4, 3, 16, 20)
    moved = {}
    with torch.no_grad():
        before = network(frames)
        for end in (0, 3):
            changed = frames.clone()
            changed[:, end] = 1 - changed[:, end]
            moved[end] = (network(changed) != before).flatten(2).any(dim=2)[0].tolist()
    assert moved[0] == [True] * 4
    assert moved[3] == ([True] * 4 if bidirectional else [False, False, False, True])


def test_without_flow_is_as_with_flows_of_zero():
    aligned = awakened(BasicVSR(4, 1, reduction=2)).eval()
    unaligned = BasicVSR(4, 1, reduction=2, flow=None).eval()
    weights = {name: value for name, value in aligned.state_dict().items() if not name.startswith("flow.")}
    unaligned.load_state_dict(weights)
    frames = torch.rand(1, 3, 3, 20, 24)
    with torch.no_grad():
        assert not torch.allclose(aligned(frames), unaligned(frames), atol=1e-4)
        for parameter in aligned.flow.parameters():
            parameter.zero_()
        torch.testing.assert_close(aligned(frames), unaligned(frames), atol=1e-5, rtol=0)


def published_name(name: str, flavour: str) -> str:
    """The key that mmagic or BasicSR gives the parameter ``name`` of ours."""
    mmagic = flavour == "mmagic"
    if found := re.fullmatch(r"flow\.levels\.(\d)\.(\d)\.(\w+)", name):
        level, layer, kind = found.groups()
        place = f"{int(layer) // 2}.conv" if mmagic else layer
        name = f"spynet.basic_module.{level}.basic_module.{place}.{kind}"
    name = name.removeprefix("core.")
    name = re.sub(r"^(back|for)wards\.refine\.", rf"\1ward_{'resblocks' if mmagic else 'trunk'}.main.", name)
    name = re.sub(r"\.main\.(\d+)\.conv", lambda found: f".main.2.{int(found[1]) - 2}.conv", name)
    name = name.replace("fuse.", "fusion.").replace("last.0.", "conv_hr.").replace("last.1.", "conv_last.")
    return f"generator.{name}" if mmagic else name


@pytest.mark.parametrize("flavour", ["mmagic", "BasicSR"])
def test_published_weights_land_where_they_belong(flavour):
    given = awakened(BasicVSR(8, 2))
    state = {published_name(name, flavour): value for name, value in given.state_dict().items()}
    assert len(state) == len(given.state_dict())
    enlarging = "generator.upsample{}.upsample_conv" if flavour == "mmagic" else "upconv{}"
    state |= {f"{enlarging.format(k)}.{kind}": torch.zeros(1) for k in (1, 2) for kind in ("weight", "bias")}
    head = "generator." if flavour == "mmagic" else ""
    state |= {f"{head}spynet.mean": torch.zeros(1, 3, 1, 1), f"{head}spynet.std": torch.ones(1, 3, 1, 1)}
    network = BasicVSR(8, 2)
    network.load_state_dict(from_published(state))
    for name, value in given.state_dict().items():
        assert torch.equal(network.state_dict()[name], value), name
    with pytest.raises(RuntimeError, match="Missing key"):
        network.load_state_dict(from_published({"head.weight": torch.zeros(1)}))


# --- models averaged, two stages -----------------------------------------------------------------------------------


def test_the_self_ensemble_of_a_clip_is_exact():
    """A turned clip comes out as the clip does, turned: flow included, every frame, whatever the shape."""
    network = awakened(AveragedModels(((4, 1),), reduction=2)).eval()
    frames = torch.rand(1, 3, 3, 20, 28)
    with torch.no_grad():
        expected = network(frames)
        # All eight are made of these two.
        for turn in (TURN_90, LEFT_RIGHT):
            torch.testing.assert_close(network(turn(frames)), turn(expected), atol=1e-5, rtol=0)
        network.ensemble = False
        assert not torch.allclose(network(TURN_90(frames)), TURN_90(network(frames)), atol=1e-3)


def test_models_are_averaged_over_all_copies():
    network = awakened(AveragedModels(SIZES, flow=None)).eval()
    frames = torch.rand(1, 2, 3, 12, 16)
    with torch.no_grad():
        turned = [turn.inverse(model(turn(frames))) for model in network.models for turn in ENSEMBLES[8]]
        assert len(turned) == 16
        torch.testing.assert_close(network(frames), torch.stack(turned).mean(dim=0), atol=1e-5, rtol=0)
        plain = torch.stack([model(frames) for model in network.models]).mean(dim=0)
        assert not torch.allclose(network(frames), plain, atol=1e-4)
        torch.testing.assert_close(network.train()(frames), plain)
        switched_off = AveragedModels(SIZES, flow=None, ensemble=False).eval()
        switched_off.load_state_dict(network.state_dict())
        torch.testing.assert_close(switched_off(frames), plain)


def test_the_second_stage_enhances_what_the_first_gave():
    network = awakened(two_stages(flow=None)).eval()
    passes = []
    for name, model in (("a", network.first.models[0]), ("b", network.first.models[1]), ("second", network.second)):
        model.core.forwards.register_forward_hook(lambda *_, name=name: passes.append(name))
    frames = torch.rand(1, 2, 3, 12, 16)
    with torch.no_grad():
        output = network(frames)
        assert [passes.count(name) for name in ("a", "b", "second")] == [8, 8, 1]
        torch.testing.assert_close(output, network.second(network.first(frames)), atol=1e-6, rtol=0)
        torch.testing.assert_close(output, frames + network.residual(frames))
        alone = TwoStage(AveragedModels(SIZES, flow=None), None).eval()
        alone.load_state_dict({name: v for name, v in network.state_dict().items() if name.startswith("first.")})
        assert torch.equal(alone(frames), network.first(frames)) and not torch.allclose(alone(frames), output)


def test_each_model_learns_from_its_own_output():
    network = awakened(AveragedModels(SIZES, flow=None))
    samples = {"lq": torch.rand(1, 2, 3, 12, 16), "gt": torch.rand(1, 2, 3, 12, 16)}
    loss = network.training_loss(samples, 0, 10, L1())
    own = [L1()(model(samples["lq"]), samples["gt"]) for model in network.models]
    assert loss.item() == pytest.approx(sum(o.item() for o in own))
    loss.backward()
    assert not without_gradient(network)


@pytest.mark.parametrize("step, frozen, learns", [(0, False, "first."), (4, False, "first."), (5, False, "second."),
                                                  (0, True, "second.")])  # fmt: skip
def test_the_first_stage_learns_first_and_the_second_alone_after_it_or_when_it_is_frozen(step, frozen, learns):
    network = awakened(two_stages(flow=None)).train()
    network.first.requires_grad_(not frozen)
    samples = {"lq": torch.rand(1, 2, 3, 12, 16), "gt": torch.rand(1, 2, 3, 12, 16)}
    network.training_loss(samples, step, 10, L1()).backward()
    idle = without_gradient(network)
    assert idle == [name for name, _ in network.named_parameters() if not name.startswith(learns)]


def test_one_training_makes_both_stages_one_after_the_other(tmp_path):
    network = two_stages(((4, 0), (4, 0)), (4, 0), flow=None, reduction=2)
    method = replace(vue.METHOD, build=lambda preset: network, score=lambda *_: 0.0)
    recipe = replace(vue.METHOD.recipe(1, "smoke"), steps=4, frames=2, crop=16, warmup=0, schedule=CosineRestarts(2))
    clips = dataset.sample_set("train", limit=1)
    training = Training(
        method, 1, recipe, tmp_path, scale="smoke", seed=0, training=clips, validation=clips, device=CPU, progress=False
    )
    moved, before, step = [], [p.detach().clone() for p in network.parameters()], training.step

    def watched(samples):
        loss = step(samples)
        now = [p.detach().clone() for p in network.parameters()]
        names = [name for name, _ in network.named_parameters()]
        changed = [not torch.equal(a, b) for a, b in zip(now, before, strict=True)]
        moved.append({name.split(".")[0] for name, there in zip(names, changed, strict=True) if there})
        before[:] = now
        return loss

    training.step = watched
    training.run()
    assert moved == [{"first"}, {"first"}, {"second"}, {"second"}]


def test_best_weights_are_chosen_without_self_ensembles(monkeypatch):
    network = two_stages(flow=None)
    seen = []
    monkeypatch.setattr(vue, "restoration_gain", lambda network, *_: seen.append(network.first.ensemble) or 1.5)
    assert vue.gain_of_one_copy(network, vue.METHOD, None, (0,), CPU) == 1.5
    assert seen == [False] and network.first.ensemble


# --- a video in segments -------------------------------------------------------------------------------------------


def test_a_video_goes_through_in_segments_each_a_clip_of_its_own():
    network = awakened(two_stages(flow=None)).eval()
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (64, 70, 3), dtype=np.uint8) for _ in range(6)]
    infos = [FrameInfo(t, "P", 0, 0) for t in range(6)]

    def enhanced(**settings):
        return list(enhance_frames(network, vue.METHOD, iter(frames), infos, device=CPU, precision="fp32", **settings))

    plan = segments(6, 4, 2)
    assert [(s.start, s.stop, s.first, s.last) for s in plan] == [(0, 4, 0, 3), (2, 6, 3, 6)]
    clip = torch.stack([torch.from_numpy(frame).permute(2, 0, 1) / 255 for frame in frames])[None]
    expected = []
    with torch.no_grad():
        for segment in plan:
            output = network(clip[:, segment.start : segment.stop])[0]
            expected += list(output[segment.first - segment.start : segment.last - segment.start])
    outputs, whole = enhanced(segment=4, segment_overlap=2), enhanced()
    assert len(outputs) == 6
    for output, frame in zip(outputs, expected, strict=True):
        right = (frame * 255).round().clamp(0, 255).permute(1, 2, 0).numpy()
        # Rounding to 8 bits may fall to either side.
        assert np.abs(output - right).max() <= 1 and (output == right).mean() > 0.999
    # What lies beyond its segment a frame does not hear of.
    assert not any(np.array_equal(a, b) for a, b in zip(outputs, whole, strict=True))


# --- records -------------------------------------------------------------------------------------------------------

PAPER_PARAMETERS = {"vue": 16_510_541, "vue_first": 10_514_654, "vue_four": 19_552_188}


@cache
def built(slug: str, preset: str) -> nn.Module:
    with torch.device("meta"):
        return RECORDS[slug].build(preset)


@pytest.mark.parametrize("slug", sorted(RECORDS))
def test_presets_differ_in_size_alone(slug):
    paper, course = (built(slug, preset) for preset in ("paper", "course"))
    assert parameters(paper) == PAPER_PARAMETERS[slug] and parameters(course) < 0.6 * parameters(paper)
    assert any(isinstance(module, BidirectionalPropagation) for module in course.modules())
    with pytest.raises(SettingError, match="unknown preset 'huge'"):
        RECORDS[slug].build("huge")


@pytest.mark.parametrize("slug", sorted(RECORDS))
def test_records_are_complete_and_their_prefixes_name_parameters(slug):
    record = RECORDS[slug]
    assert record.slug == slug and record.kind == "recurrent"
    assert all(text.endswith(".") for text in record.departures)
    for (_, scale), recipe in record.recipes.items():
        names = [name for name, _ in built(slug, recipe.preset).named_parameters()]
        for prefix in (*recipe.frozen, *(start[0] for start in recipe.start), *(rate[0] for rate in recipe.rates)):
            assert any(belongs(name, prefix) for name in names), prefix
        if scale == "smoke":
            assert recipe.steps <= 40
        else:
            trained = (name for name in names if not name.startswith(recipe.frozen))
            flows = {name.split("flow.")[0] + "flow." for name in trained if "flow." in name}
            assert flows == {prefix for prefix, _, _ in recipe.rates if prefix.endswith("flow.")}


@pytest.mark.parametrize("preset", ["paper", "course"])
def test_the_first_stage_fits_where_the_whole_holds_it(preset):
    whole, first = (built(slug, preset) for slug in ("vue", "vue_first"))
    expected = {name: value.shape for name, value in first.state_dict().items()}
    assert {name: value.shape for name, value in whole.first.state_dict().items()} == expected
