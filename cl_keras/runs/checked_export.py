# SPDX-License-Identifier: Apache-2.0
"""A SavedModel for an entry of the zoo, checked before it is published."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from cl_keras import export

#: What stands between the preprocessing of an export and that of an imported encoder.
IN_THE_ENCODER = "; in the encoder, "


def checked_export(
    encoder: keras.Model,
    folder: Path,
    *,
    name: str,
    metadata: Mapping[str, Any],
    **options: Any,
) -> Path:
    """Writes the SavedModel of an entry, and compares it with its encoder."""
    served = export.saved_model(encoder, folder, metadata=metadata, **options)
    checked = export.check(served, encoder=encoder)
    if not checked.ok:
        failed = [f"{x.name}: {x.detail}" for x in checked.rows if not x.ok]
        raise RuntimeError(
            f"{name} stays as it was: its new SavedModel failed its check: "
            f"{'; '.join(failed)}"
        )
    return served
