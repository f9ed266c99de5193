"""Sliding logs: the rate limiter, and the budget for protocol errors."""

import math
import time
from collections import deque

import config


# region log
class SlidingLog:
    """At most `limit` entries in any `window_ms`: exact, where a token bucket or a fixed window is not."""

    def __init__(self, limit: int, window_ms: int) -> None:
        self.limit = limit
        self.window = window_ms / 1000
        self.times: deque[float] = deque()

    def count(self) -> int:
        """How many entries lie in the window that ends now."""
        oldest = time.monotonic() - self.window
        while self.times and self.times[0] <= oldest:
            self.times.popleft()
        return len(self.times)

    def admit(self) -> int:
        """Enters one, and returns 0; or, when the log is full, the milliseconds until it will not be."""
        now = time.monotonic()
        if self.count() < self.limit:
            self.times.append(now)
            return 0
        return max(1, math.ceil((self.times[0] + self.window - now) * 1000))

    def spend(self) -> bool:
        """Enters one, and says whether that was the `limit`-th within the window."""
        count = self.count()
        self.times.append(time.monotonic())
        return count + 1 >= self.limit
# endregion log


def bucket_log(bucket: config.Bucket) -> SlidingLog:
    """The log of admitted messages of one bucket, for one user or one connection."""
    return SlidingLog(bucket.limit, bucket.window_ms)


def refusal_log(bucket: config.Bucket) -> SlidingLog | None:
    """The log of one connection's refusals, where the bucket closes for them."""
    return SlidingLog(bucket.close_after, bucket.window_ms) if bucket.close_after else None
