# SPDX-License-Identifier: Apache-2.0
"""Figures, and the pages that show runs.

`plots`, `image_plots` and `score_plots` draw with Matplotlib for whoever calls them;
`charts` draws the same lines and histograms as SVG for the pages, which `page` writes
from `templates`; `figures` keeps the data of a run's figures as files.
"""
