import os
import signal
import threading

import pytest

from gristmill.train_smoke.stop import StopSignals


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_first_signal_is_noted_and_handlers_come_back(number, error):
    before = signal.getsignal(number)
    with StopSignals() as stop:
        os.kill(os.getpid(), number)
        assert stop.received == number
        assert signal.getsignal(number) is before  # a second one acts as usual
        with pytest.raises(error):
            stop.exit()
    assert signal.getsignal(number) is before


def test_outside_the_main_thread_nothing_changes():
    seen = []

    def work():
        with StopSignals() as stop:
            seen.append(stop.received)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [None]
