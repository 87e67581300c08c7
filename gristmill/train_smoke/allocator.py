"""Keeping freed memory, where that is what training on a CPU waits for."""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # <malloc.h>


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed blocks of this process instead of returning them to the system.

    By default every tensor above 32 MB (at first, above 128 KB) is mapped anew, and each page is
    faulted in again at each step. Measured on two cores of a virtual machine, 1.8 M weights: 6,700
    tokens/s before, 10,700 after. Results do not change, memory stays at its peak.

    Returns:
        Whether there was something to set: False without glibc.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    mallopt.argtypes, mallopt.restype = (ctypes.c_int, ctypes.c_int), ctypes.c_int
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))
