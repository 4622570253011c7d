"""How Sphinx builds the site: ``make docs``. Nothing is fetched; generated pages are not kept."""

import shutil
import sys
from pathlib import Path

import hyp

sys.path[:0] = [str(Path(__file__).parent)]

project = "hyp"
author = "the hyp maintainers"
release = version = hyp.__version__
extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "generated_reference",
]
exclude_patterns = ["_build"]
default_role = "py:obj"
toc_object_entries_show_parents = "hide"

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_merge_streams = True

autosummary_generate = True
autodoc_typehints = "none"
autodoc_class_signature = "separated"
autodoc_default_options = {"exclude-members": "__new__, __init__, model_config"}
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

copybutton_prompt_text = r"\$ "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = "hyp"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {"index": [], "changelog": [], "contributing": []}
html_theme_options = {
    "navbar_persistent": ["search-button"],
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}
copyright = "the hyp maintainers; GPL-3.0-or-later"

gallery = Path(__file__).parents[1] / "build" / "gallery"
if gallery.exists():
    tags.add("gallery")  # noqa: F821 (Sphinx has put it there)


def setup(app):
    """Put the reports of ``make gallery`` into the site, where there are any."""

    def copy_gallery(app, error):
        if error is None and gallery.exists():
            shutil.copytree(gallery, Path(app.outdir) / "gallery", dirs_exist_ok=True)

    app.connect("build-finished", copy_gallery)
