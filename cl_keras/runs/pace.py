# SPDX-License-Identifier: Apache-2.0
"""A training that ends in the time given, with a schedule that has come to its end."""

from __future__ import annotations

import collections
import math
import time
from collections.abc import Callable, Sequence

import keras

from cl_keras.optimizers import Paced

#: `[step, step of the schedule]`; the last is the end of both.
Knots = list[list[float]]
Logs = dict[str, float] | None

# Plans anew when so much of the time left is used: the last plans are for seconds only,
# so that a machine that slows down late costs little.
_SHARE = 0.1
_LEAST_SECONDS = 0.5
# Speed is that of the last plans: a pause for a checkpoint is in it, a busy hour ago
# is not.
_REMEMBERED = 4


class Pace(keras.callbacks.Callback):
    """Ends `fit` in a given time; a `Paced` learning rate then ends its schedule.

    Now and then the steps that fit into the time left are counted anew, by the speed
    of the last ones, and the rest of the schedule is spread over them. Give `fit` more
    epochs than there will be. Without `seconds` training follows the knots alone: that
    of an earlier run's, it gives the same weights.

    Args:
        knots: Where the schedule stands at which steps; of a new training of N steps
            `[[0, 0], [N, N]]`.
        seconds: From the beginning of `fit`, or, where training goes on, from the end
            of the first step, which is compiled again; None to follow the knots.
        most: Steps that there may be at most, or None.
        changed: Called with the knots of each new plan, to be kept.
        clock: Seconds, rising.

    Example:
    >>> pace = Pace([[0, 0], [100, 100]])
    >>> pace.knots[-1]
    [100, 100]
    """

    def __init__(
        self,
        knots: Sequence[Sequence[float]],
        seconds: float | None = None,
        *,
        most: int | None = None,
        changed: Callable[[Knots], None] = lambda knots: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.knots: Knots = [list(knot) for knot in knots]
        self.seconds = seconds
        self.most = most
        self.changed = changed
        self.clock = clock
        self._end = math.inf
        self._seen: collections.deque[tuple[float, int]] = collections.deque(
            maxlen=_REMEMBERED
        )

    def on_train_begin(self, logs: Logs = None) -> None:  # noqa: D102
        self.step = int(keras.ops.convert_to_numpy(self.model.optimizer.iterations))
        if self.step == 0:
            self._start(self.clock())
        self._enter()

    def _start(self, now: float) -> None:
        if self.seconds is not None and self._end == math.inf:
            self._end = now + self.seconds

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:  # noqa: D102
        self.step += 1
        now = self.clock()
        if not self._seen:  # The first step is slow: it is compiled.
            self._start(now)
            self._look(now)
        elif now >= self._next_look:
            self._plan(now)
        if self.step >= self._until:
            self._enter()

    def _look(self, now: float) -> None:
        self._seen.append((now, self.step))
        self._next_look = now + max(_SHARE * (self._end - now), _LEAST_SECONDS)

    def _plan(self, now: float) -> None:
        """Spreads the rest of the schedule over the steps that still fit."""
        before, step = self._seen[0]
        fit = (self.step - step) / (now - before) * (self._end - now)
        # One more at least: the steps so far were taken at the rates of the old plan.
        end = self.step + max(math.floor(fit), 1)
        end = end if self.most is None else min(end, self.most)
        self._look(now)
        if self.step >= self.knots[-1][0] and fit < 1:
            return
        # What was done once, before an interruption, is done so again.
        if end == self.knots[-1][0] or self.step < self.knots[-2][0]:
            return
        here = [self.step, self._planned(self.step)]
        earlier = [knot for knot in self.knots[:-1] if knot[0] < self.step]
        self.knots = [*earlier, here, [end, self.knots[-1][1]]]
        self.changed(self.knots)
        self._enter()

    def _enter(self) -> None:
        """Takes the stretch of the knots that the next step is in."""
        if self.step >= self.knots[-1][0]:
            self._until = math.inf
            self.model.stop_training = True
            return
        (begun, planned), (end, _) = self._stretch(self.step)
        self._until = end
        rate = getattr(self.model.optimizer, "_learning_rate", None)
        if isinstance(rate, Paced):
            rate.enter(int(begun), planned, self._speed(self.step))

    def _stretch(self, step: int) -> tuple[list[float], list[float]]:
        after = next(i for i, knot in enumerate(self.knots) if knot[0] > step)
        return self.knots[after - 1], self.knots[after]

    def _speed(self, step: int) -> float:
        (begun, planned), (end, there) = self._stretch(step)
        return (there - planned) / (end - begun)

    def _planned(self, step: int) -> float:
        if step >= self.knots[-1][0]:
            return self.knots[-1][1]
        begun, planned = self._stretch(step)[0]
        return planned + (step - begun) * self._speed(step)
