"""Waiting for a run such that Ctrl-C means what it means everywhere.

In the main thread Ray Train 2.60 takes SIGINT for itself, aborts the run, ends the process without
a word and never gives the signal back; it does not in another thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

_LOOK_SECONDS = 0.2


def fit_interruptibly(fit: Callable[[], object]) -> None:
    """Runs `fit` in a thread and waits for it; what it raises is raised here.

    Raises:
        KeyboardInterrupt: at once, with the run still under way; it ends with Ray.
    """
    raised: list[BaseException] = []

    def run() -> None:
        try:
            fit()
        except BaseException as error:  # handed over, whatever it is
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True, name="fit")
    thread.start()
    while thread.is_alive():
        thread.join(_LOOK_SECONDS)
    if raised:
        raise raised[0]
