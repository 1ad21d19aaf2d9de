# SPDX-License-Identifier: Apache-2.0
"""What all view makers share: parameters that JSON can hold."""

from __future__ import annotations

import dataclasses
from typing import Any, Self


@dataclasses.dataclass(frozen=True)
class ViewMaker:
    """A view maker is a frozen dataclass: its fields are its parameters."""

    def __post_init__(self) -> None:
        # Lists come back from JSON; tuples keep the object hashable.
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, list):
                object.__setattr__(self, field.name, tuple(value))

    def get_config(self) -> dict[str, Any]:
        """The parameters, ready for JSON."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in dataclasses.asdict(self).items()
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Builds a view maker from the result of `get_config`."""
        return cls(**config)
