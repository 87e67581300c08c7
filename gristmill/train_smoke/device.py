"""Where the run computes: device, number type, peak speed, memory."""

import contextlib
import os
import resource
import sys
from typing import Any

import torch

from gristmill.errors import ConfigError

#: Peak dense bf16 FLOP/s by a part of the device's name; the vendors' data sheets. Others: n/a.
_PEAK_FLOPS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "RTX 4090": 165e12}


def pick_device(name: str, number: int = 0) -> torch.device:
    """Return the device of a setting. Raises ConfigError for CUDA where there is none.

    ``number`` says which GPU of the machine.
    """
    cuda = torch.cuda.is_available()
    if name == "cuda" and not cuda:
        raise ConfigError("device=cuda: torch sees no CUDA device; use device=cpu")
    wanted = name == "cuda" or (name == "auto" and cuda)
    return torch.device("cuda", number) if wanted else torch.device("cpu")


def use_deterministic_algorithms() -> None:
    """Let torch refuse what does not give the same bits each time."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS wants it
    torch.use_deterministic_algorithms(True)


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory is used up, a GPU's or the machine's."""
    # A CPU's allocator raises a bare RuntimeError.
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager[Any]:
    """Return bf16 autocast where ``precision`` asks for it; ``auto`` does on CUDA."""
    if precision == "bf16" or (precision == "auto" and device.type == "cuda"):
        return torch.autocast(device.type, torch.bfloat16)
    return contextlib.nullcontext()


def peak_flops(device: torch.device) -> float | None:
    """Return the peak of a known device, or None: a guess would make every MFU wrong."""
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    return next((peak for part, peak in _PEAK_FLOPS.items() if part in name), None)


def memory_gib(device: torch.device) -> float:
    """Peak memory: allocated on a CUDA device, else of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**30 if sys.platform == "darwin" else peak / 2**20  # bytes there, KiB here
