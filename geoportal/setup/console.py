"""What a person reads during long work: sentences, and a bar on a terminal."""

import sys
import time
from collections.abc import Callable

Say = Callable[[str], None]
Progress = Callable[[str, int, int | None], None]

_WIDTH = 30
_PLAIN_INTERVAL = 5.0  # seconds between two lines where no bar can be redrawn
_REDRAW_INTERVAL = 0.1


def say(sentence: str) -> None:
    print(sentence, flush=True)


def bar(done: int, total: int) -> str:
    """Draw ``done`` out of ``total``: ``[######        ] 20 %``."""
    share = min(1.0, done / total) if total else 1.0
    filled = int(_WIDTH * share)
    return f"[{'#' * filled}{' ' * (_WIDTH - filled)}] {int(100 * share)} %"


class ProgressLine:
    """Callable ``(label, done, total)``: one line redrawn on a terminal, a plain line now and then elsewhere.

    ``total`` None means that the end is unknown: only the count is told.
    """

    def __init__(self, *, terminal: bool | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._terminal = sys.stdout.isatty() if terminal is None else terminal
        self._clock = clock
        self._label = ""
        self._last = 0.0
        self._drawn = 0

    def __call__(self, label: str, done: int, total: int | None) -> None:
        now = self._clock()
        finished = total is not None and done >= total
        is_new = label != self._label
        interval = _REDRAW_INTERVAL if self._terminal else _PLAIN_INTERVAL
        if not (is_new or finished or now - self._last >= interval):
            return
        if is_new:
            self.close()
        self._label, self._last = label, now
        text = f"  {label} : {bar(done, total) if total is not None else done}"
        if not self._terminal:
            print(text, flush=True)
            return
        print("\r" + text.ljust(self._drawn), end="", flush=True)
        self._drawn = len(text)
        if finished:
            self.close()

    def close(self) -> None:
        """End the line being drawn, so that the next sentence starts on its own."""
        if self._terminal and self._drawn:
            print(flush=True)
        self._drawn = 0
