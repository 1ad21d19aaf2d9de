# SPDX-License-Identifier: Apache-2.0
"""The report of a run, or of several: one HTML file that opens offline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cl_keras import files
from cl_keras.runs.run_files import (
    CONFIG_FILE,
    FIGURES_FOLDER,
    REPORT_FILE,
    SUMMARY_FILE,
    read_history,
    read_json,
    require_run,
)
from cl_keras.show.figures import SPRITES_FILE
from cl_keras.show.page import comparison_page, run_page
from cl_keras.show.run_data import RunData, read_table


def write_report(run: Path) -> Path:
    """Writes `run/report.html`, one file without references to anything outside it.

    Shows what the run's folder holds: `summary.json`, `config.json`,
    `metrics.jsonl`, and the CSVs and sheets of small images in `figures`. What is
    not there is left out.

    Args:
        run: The run's folder.

    Returns:
        The path of the report.

    Raises:
        FileNotFoundError: If the run's folder does not exist.
        ValueError: If one of its files is not what it should be.
        ImportError: If Matplotlib or Jinja2 is not installed.
    """
    loaded = load_run(Path(run))
    # Until the report is there, the summary says that it is not.
    left_out = loaded.summary.pop("left_out", {})
    if others := {k: v for k, v in left_out.items() if k != "report"}:
        loaded.summary["left_out"] = others
    return files.write_text(Path(run) / REPORT_FILE, run_page(loaded))


def compare_runs(runs: Sequence[Path], out: Path) -> Path:
    """Writes one page that shows runs beside each other.

    What their configurations differ in, all scores with their baselines, and each
    metric of all runs in one panel.
    """
    folders = [Path(run).resolve() for run in runs]
    if len(folders) < 2 or len(set(folders)) < len(folders):
        raise ValueError(
            "Expected the folders of two or more different runs. "
            f"Received: {', '.join(map(str, runs)) or 'none'}"
        )
    if not out.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {out.parent} for {out.name}.")
    loaded = dict(zip(_names(folders), map(load_run, folders), strict=True))
    return files.write_text(out, comparison_page(loaded))


def load_run(folder: Path) -> RunData:
    """Reads a run; what is not there is empty."""
    require_run(folder)
    config = read_json(folder / CONFIG_FILE)
    figures = folder / FIGURES_FOLDER
    return RunData(
        name=folder.resolve().name,
        figures=figures,
        summary=read_json(folder / SUMMARY_FILE),
        command=str(config.pop("command", None) or ""),
        environment=config.pop("environment", None) or {},
        config=config,
        history=read_history(folder),
        tables={path.stem: read_table(path) for path in sorted(figures.glob("*.csv"))},
        sprites={
            name: sprite
            for name, sprite in read_json(figures / SPRITES_FILE).items()
            if (figures / sprite["file"]).is_file()
        },
    )


def _names(folders: Sequence[Path]) -> list[str]:
    """The shortest ends of paths that tell runs apart."""
    for length in range(1, max(len(folder.parts) for folder in folders) + 1):
        names = ["/".join(folder.parts[-length:]) for folder in folders]
        if len(set(names)) == len(names):
            return names
    return [str(folder) for folder in folders]
