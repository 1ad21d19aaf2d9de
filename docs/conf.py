# SPDX-License-Identifier: Apache-2.0
"""How `make docs` builds the site."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cl_keras

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))
# Of guides, which run in processes of their own.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# `cl-keras` of this environment, whether it is activated or not.
os.environ["PATH"] = os.pathsep.join(
    [str(Path(sys.executable).parent), os.environ["PATH"]]
)
# A kernel asks for colours; a page shows no terminal's.
os.environ.setdefault("TTY_COMPATIBLE", "0")
# Their first import of TensorFlow is as quiet as that of the command line.
ipython = HERE / "_build" / "ipython"
startup = ipython / "profile_default" / "startup" / "quiet.py"
startup.parent.mkdir(parents=True, exist_ok=True)
startup.write_text(
    "import logging\n\nfrom cl_keras.cli.quiet import quiet_start\n\n"
    "quiet_start()\nlogging.getLogger('tensorflow').setLevel('ERROR')\n"
)
os.environ["IPYTHONDIR"] = str(ipython)

project = "cl_keras"
copyright = "the authors of cl_keras, Apache-2.0"
release = cl_keras.__version__
version = release

extensions = [
    "diagrams",
    "mathml",
    "notebooks",
    "public_names",
    "written_pages",
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build", "_extensions", "**/.ipynb_checkpoints"]
source_suffix = {".md": "myst-nb", ".rst": "restructuredtext"}
nitpicky = True
# Of other libraries, and of what our annotations call by names of their own.
nitpick_ignore_regex = [("py:.*", r"(?!cl_keras\.).*"), ("py:class", r"cl_keras\..*")]

default_role = "name"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_custom_sections = ["Reference"]
python_maximum_signature_line_length = 72

myst_enable_extensions = [
    "amsmath",
    "attrs_block",
    "attrs_inline",
    "colon_fence",
    "deflist",
    "dollarmath",
    "fieldlist",
]
myst_heading_anchors = 4

# Guides with a kernel in their front matter run; what they printed is kept between
# builds, until their source changes.
nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE / "_build" / "notebooks")
nb_execution_in_temp = True
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True
# What TensorFlow says as it starts.
nb_output_stderr = "remove"

html_math_renderer = "mathml"
templates_path = ["_templates"]
html_theme = "pydata_sphinx_theme"
html_title = "cl_keras"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["zoo.js"]
html_copy_source = False
html_use_index = False
html_domain_indices = False
html_show_sourcelink = False
# A list of a part's pages; not beside code that stands beside code.
html_sidebars = {
    **{f"{part}/*": ["sidebar-nav-bs"] for part in ("guides", "methods", "zoo")},
    **{f"{part}/*": ["sidebar-nav-bs"] for part in ("design", "reference")},
    "coming_from/*": [],
    "[!/]*": [],
}
html_theme_options = {
    "header_links_before_dropdown": 10,
    "article_header_end": ["notebook"],
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "show_prev_next": True,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "tango",
    "pygments_dark_style": "github-dark",
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp, .go"
