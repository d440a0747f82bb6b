"""The device of a process, and what float32 means on it."""

import cv2
import pytest
import torch

from venh_lib import devices
from venh_lib.errors import SettingError


def test_the_device_is_the_one_that_is_named(monkeypatch):
    assert devices.pick_device("cpu").type == "cpu"
    monkeypatch.setenv("VENH_DEVICE", "meta")
    assert devices.pick_device().type == "meta"
    with pytest.raises(SettingError, match="'nonsense' cannot be used here .* unset VENH_DEVICE or say 'cpu'"):
        devices.pick_device("nonsense")


def test_float32_is_not_rounded_on_a_gpu_and_what_was_set_comes_back():
    """A flag of cuDNN, which can be looked at without a GPU."""
    before = torch.backends.cudnn.allow_tf32
    assert before, "PyTorch's default; if it has changed the context is not needed any more"
    with pytest.raises(ZeroDivisionError), devices.autocast(torch.device("cuda"), "fp32"):
        assert not torch.backends.cudnn.allow_tf32
        raise ZeroDivisionError
    assert torch.backends.cudnn.allow_tf32 == before
    with devices.autocast(torch.device("cpu"), "fp32"):
        assert torch.backends.cudnn.allow_tf32 == before


def test_precisions_are_what_autocast_computes_in():
    cpu = torch.device("cpu")
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)):
        with devices.autocast(cpu, name):
            assert devices.current_precision(cpu) == dtype
            with devices.full_precision(cpu):
                assert devices.current_precision(cpu) == torch.float32
    with pytest.raises(SettingError, match="unknown precision 'tf32'"):
        devices.autocast(cpu, "tf32")


def test_opencv_keeps_to_one_thread_inside_and_gets_its_own_back():
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    with pytest.raises(ZeroDivisionError), devices.opencv_in_one_thread():
        assert cv2.getNumThreads() == 1
        raise ZeroDivisionError
    after = cv2.getNumThreads()
    cv2.setNumThreads(before)
    assert after == 3
