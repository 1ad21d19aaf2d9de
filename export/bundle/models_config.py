# SPDX-License-Identifier: Apache-2.0
"""`models.config`: which version of a model has which label."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path

MODELS_FILE = "models.config"

_TEXT = """\
# For --model_config_file. Clients ask for the label "stable"; a new version is "canary"
# until the label is moved: cl-keras serving-kit FOLDER --stable VERSION
model_config_list {
  config {
    name: "%(name)s"
    base_path: "/models/%(name)s"
    model_platform: "tensorflow"
    # Every version in the folder, whatever the labels: a server that is running refuses
    # to move a label to a version that it has not loaded, and with that the whole file.
    model_version_policy { all {} }
    version_labels { key: "stable" value: %(stable)d }
    version_labels { key: "canary" value: %(canary)d }
  }
}
"""
_PATTERN = re.compile(
    r' name: "(?P<name>[^"]+)".* key: "stable" value: (?P<stable>\d+) '
    r'.* key: "canary" value: (?P<canary>\d+) ',
    re.DOTALL,
)


@dataclass(frozen=True)
class ModelsConfig:
    """A model and the labels of its versions: what clients get, and what is tried."""

    name: str
    stable: int
    canary: int

    def text(self) -> str:
        """Returns the text of the file."""
        return _TEXT % asdict(self)

    @classmethod
    def parse(cls, text: str) -> ModelsConfig | None:
        """Reads a text that was written here."""
        match = _PATTERN.search(text)
        if match is None:
            return None
        config = cls(match["name"], int(match["stable"]), int(match["canary"]))
        return config if config.text() == text else None


def versions(base: Path) -> list[int]:
    """Lists the versions below a model's folder."""
    return sorted(
        int(path.parent.name)
        for path in base.glob("*/saved_model.pb")
        if path.parent.name.isdecimal()
    )
