import subprocess
import sys


def test_can_be_called_anywhere():
    code = (
        "from gristmill.train_smoke.allocator import keep_freed_memory as k; "
        "assert k() in (True, False); assert len(bytearray(1 << 27)) == 1 << 27"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
