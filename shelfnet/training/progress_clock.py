"""Rate and remaining time of a loop, for its progress lines."""

import time


class ProgressClock:
    """Iterations per second since the loop started or resumed, and the time left at that rate.

    Args:
        first: Iteration at which the loop starts.
        last: Iteration at which it ends.
    """

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last
        self.started = time.perf_counter()

    def rate(self, iteration: int) -> float:
        """Iterations per second."""
        return (iteration - self.first) / max(time.perf_counter() - self.started, 1e-9)

    def time_left(self, iteration: int) -> str:
        """Remaining time as minutes and seconds, such as ``3m07s``."""
        seconds = int((self.last - iteration) / max(self.rate(iteration), 1e-9))
        return f"{seconds // 60}m{seconds % 60:02d}s"
