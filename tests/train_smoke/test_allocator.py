import subprocess
import sys


def test_tells_whether_there_was_something_to_set():
    code = (
        "import platform; from gristmill.train_smoke.allocator import keep_freed_memory as k; "
        "assert k() == (platform.libc_ver()[0] == 'glibc'); "
        "assert len(bytearray(1 << 27)) == 1 << 27"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
