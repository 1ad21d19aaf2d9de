# SPDX-License-Identifier: Apache-2.0
"""`models.config`: which version of a model has which label."""

from __future__ import annotations

import re
from dataclasses import dataclass
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
_LABEL = re.compile(r'version_labels \{ key: "(stable|canary)" value: (\d+) \}')


@dataclass(frozen=True)
class Labels:
    """Versions by label.

    Args:
        stable: The version that clients get.
        canary: The version to try; the newest, as a rule.
    """

    stable: int
    canary: int

    def config(self, name: str) -> str:
        """Returns the text of `models.config` for a model of this name."""
        return _TEXT % {"name": name, **vars(self)}


def versions(base: Path) -> list[int]:
    """Lists the versions below a model's folder.

    Args:
        base: The folder.

    Returns:
        Their numbers, increasing.
    """
    return sorted(
        int(path.parent.name)
        for path in base.glob("*/saved_model.pb")
        if path.parent.name.isdecimal()
    )


def read_labels(path: Path, name: str) -> Labels | None:
    """Reads the labels of a file that was written here.

    Args:
        path: The file.
        name: Name of the model.

    Returns:
        The labels; None if there is no file.

    Raises:
        ValueError: If the file was changed by hand: it may hold other models.
    """
    if not path.is_file():
        return None
    text = path.read_text(encoding="utf-8")
    found = {label: int(version) for label, version in _LABEL.findall(text)}
    if len(found) == 2 and Labels(**found).config(name) == text:
        return Labels(**found)
    raise ValueError(f"{path} was changed by hand, or is for a model of another name.")
