import pytest
import torch

from gristmill.train_smoke.device import autocast, memory_gib, peak_flops, pick_device

CPU = torch.device("cpu")


def test_mfu_is_never_guessed():
    assert peak_flops(CPU) is None


def test_memory_of_this_process_is_plausible():
    assert 0.05 < memory_gib(CPU) < 100


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [("auto", torch.float32), ("fp32", torch.float32), ("bf16", torch.bfloat16)],
)
def test_cpu_computes_in_fp32_unless_asked(precision, dtype):
    with autocast(pick_device("cpu"), precision):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype
