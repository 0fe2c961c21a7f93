import _thread
import threading
import time

import pytest

from alignray.training.fitting import fit_interruptibly


def test_what_the_run_raises_is_raised_here():
    def fail():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fit_interruptibly(fail)
    fit_interruptibly(lambda: None)


def test_an_interrupt_is_not_kept_waiting_by_the_run():
    ended = threading.Event()
    threading.Timer(0.3, _thread.interrupt_main).start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        fit_interruptibly(lambda: ended.wait(20))
    assert time.monotonic() - started < 5
    ended.set()
