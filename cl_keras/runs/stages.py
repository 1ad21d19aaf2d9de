# SPDX-License-Identifier: Apache-2.0
"""What a long command is doing at the moment, on its console."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Stages:
    """Says what is being done, a line each; on a terminal with the time it takes.

    Args:
        console: Where; by default standard error.

    Example:
    >>> with Stages(Console(quiet=True))("loading digits"):
    ...     pass
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self._bar: Progress | None = None

    @contextlib.contextmanager
    def __call__(self, text: str) -> Iterator[None]:
        """Says that something begins, and shows that it goes on until it ends."""
        if self._bar is not None:  # A part of another: on a terminal that one's line.
            if self._bar.disable:
                self.say(text)
            self._bar.update(self._bar.task_ids[0], description=text)
            yield
            return
        self.say(text)
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        ) as self._bar:
            self._bar.add_task(text, total=None)
            try:
                yield
            finally:
                self._bar = None

    def say(self, text: str) -> None:
        """Prints a line; the text is no markup."""
        # A log keeps its lines whole; a terminal wraps them between words.
        style = "yellow" if text.startswith("warning:") else ""
        self.console.print(
            text,
            style=style,
            highlight=False,
            markup=False,
            soft_wrap=not self.console.is_terminal,
        )
