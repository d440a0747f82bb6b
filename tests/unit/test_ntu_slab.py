"""BasicVSR++ reads the files that were published for the challenge, by their own key names."""

import re
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from venh_lib import checkpoints, methods
from venh_lib.methods import ntu_slab


def published_name(name: str, flavour: str) -> str:
    """The key that mmagic or BasicSR gives the parameter ``name`` of ours."""
    if found := re.fullmatch(r"flow\.levels\.(\d)\.(\d)\.(\w+)", name):
        level, layer, kind = found.groups()
        if flavour == "mmagic":
            return f"generator.spynet.basic_module.{level}.basic_module.{int(layer) // 2}.conv.{kind}"
        return f"spynet.basic_module.{level}.basic_module.{layer}.{kind}"
    name = re.sub(r"^core\.branches\.(\w+)\.align\.", r"deform_align.\1.", name)
    name = re.sub(r"^core\.branches\.(\w+)\.refine\.", r"backbone.\1.main.", name)
    name = re.sub(r"^extract\.4\.", "feat_extract.4.main.", name)
    name = re.sub(r"^extract\.", "feat_extract.", name)
    name = re.sub(r"^core\.reconstruct\.", "reconstruction.main.", name)
    name = re.sub(r"\.main\.(\d+)\.conv", lambda found: f".main.2.{int(found[1]) - 2}.conv", name)
    enlarge = "upsample{}.upsample_conv." if flavour == "mmagic" else "upconv{}."
    name = re.sub(r"^enlarge\.(\d)\.", lambda found: enlarge.format(int(found[1]) + 1), name)
    name = name.replace("last.0.", "conv_hr.").replace("last.1.", "conv_last.")
    return f"generator.{name}" if flavour == "mmagic" else name


@pytest.mark.parametrize("flavour", ["mmagic", "BasicSR"])
def test_published_weights_land_where_they_belong(flavour, tmp_path):
    torch.manual_seed(0)
    given = ntu_slab.BasicVSRPlusPlus(16, 2)
    state = {published_name(name, flavour): value for name, value in given.state_dict().items()}
    assert len(state) == len(given.state_dict())
    head = "generator." if flavour == "mmagic" else ""
    # What such files hold beside the network's weights.
    state |= {f"{head}spynet.mean": torch.zeros(1, 3, 1, 1), f"{head}spynet.std": torch.ones(1, 3, 1, 1)}
    if flavour == "mmagic":
        state |= {"generator_ema.conv_hr.weight": torch.zeros(1), "step_counter": torch.zeros(1)}
    path = tmp_path / "track1.safetensors"
    save_file({name: value.contiguous() for name, value in state.items()}, path)
    presets = []
    method = replace(
        methods.get("ntu_slab"), build=lambda preset: presets.append(preset) or ntu_slab.BasicVSRPlusPlus(16, 2)
    )
    network = checkpoints.load(path, method)
    assert presets == ["paper"]
    for name, value in given.state_dict().items():
        assert torch.equal(network.state_dict()[name], value), name


def test_weights_of_another_network_are_refused():
    with pytest.raises(RuntimeError, match="Missing key"):
        ntu_slab.BasicVSRPlusPlus(16, 2).load_state_dict(ntu_slab.from_published({"head.weight": torch.zeros(1)}))
