"""The documentation's settings for Sphinx: `tox -e docs` builds it."""

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.append(str(DOCS.parent / "tests"))  # not the checkout itself, which would hide the package that is installed

from checkout import make_importable  # noqa: E402

make_importable("tools")

import ganbench  # noqa: E402
from tools.site import write_pages  # noqa: E402
from tools.site.docstrings import read_formulas  # noqa: E402

project = "ganbench"
author = "The ganbench maintainers"
version = release = ganbench.__version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinxcontrib.bibtex",
    "tools.site.docstrings",
    "tools.site.mathml",
]
exclude_patterns = ["_build", "generated/table1-*.md", "package.md"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
show_warning_types = True
default_role = "py:obj"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
bibtex_bibfiles = ["../ganbench/references.bib"]
bibtex_reference_style = "author_year"
formulas = read_formulas(DOCS / "formulas.toml")
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_use_ivar = True
copybutton_exclude = ".linenos, .gp, .go"

html_theme = "furo"
html_title = f"ganbench {release}"
html_static_path = ["static"]
html_css_files = ["ganbench.css"]
html_math_renderer = "mathml"
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False

linkcheck_anchors = False
linkcheck_timeout = 20

write_pages(DOCS)
