"""The documentation: `python -m sphinx -W --keep-going -b html docs docs/_build/html`
(CONTRIBUTING.md).

Nothing is read from the network while it is built, unless OVERPRUNE_INTERSPHINX is set: then the
names of other packages link to their documentation. The C++ reference needs doxygen (Debian, Ubuntu
and Homebrew: the package `doxygen`); without it those pages are left out, and a line of the build
says so.
"""

import importlib.util
import os
import sys
from pathlib import Path

import overprune

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))

project = "overprune"
copyright = "the overprune developers"
version = release = overprune.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # MathJax and its fonts: formulas show without a network
    "sphinx_copybutton",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    "breathe",
    "generated_reference",
]
# The tutorial is a gallery of one page; the toctree names that page itself.
exclude_patterns = ["_build", "lessons", "tutorial/index.rst", "reference/cpp_intro.rst"]

html_theme = "furo"
html_title = f"overprune {version}"
html_static_path = ["_static"]
html_css_files = ["overprune.css"]
mathjax3_config = {"chtml": {"scale": 0.9}}  # most displayed formulas fit then

default_role = "py:obj"  # names in single backticks link to their pages
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
suppress_warnings = [
    "config.cache",  # a class orders the gallery
    "duplicate_declaration.cpp",  # the namespace, on the page of every header
]

templates_path = ["_templates"]
autosummary_generate = True
# Without PyTorch the pages of overprune.networks are made from its docstrings all the same.
autodoc_mock_imports = [] if importlib.util.find_spec("torch") else ["torch"]
if autodoc_mock_imports:
    import overprune.sklearn  # SciPy would take the mock for PyTorch
autodoc_typehints = "none"  # the docstrings say what each argument is
autodoc_member_order = "bysource"
numpydoc_class_members_toctree = False
intersphinx_mapping = {
    "python": ("https://docs.python.org/3", None),
    "numpy": ("https://numpy.org/doc/stable", None),
    "xarray": ("https://docs.xarray.dev/en/stable", None),
    "matplotlib": ("https://matplotlib.org/stable", None),
    "sklearn": ("https://scikit-learn.org/stable", None),
}
if "OVERPRUNE_INTERSPHINX" not in os.environ:
    intersphinx_mapping = {}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

breathe_projects = {"overprune": str(HERE / "_build" / "doxygen" / "xml")}
breathe_default_project = "overprune"


class InReadingOrder:
    """Sorts the gallery: settings first, then what is done to a model, then what theory alone can
    say."""

    settings = (
        "spiked",
        "identity",
        "power_law",
        "two_power_laws",
        "correlated",
        "classifiers",
        "random_features",
        "digits",
        "digits_classified",
    )
    choices = (
        "rules",
        "lasso",
        "retraining",
        "retraining_correlation",
        "compensated",
        "schedules",
        "ridge",
        "sample_sizes",
    )
    laws = ("survival", "coefficients", "phase", "calibration")

    def __init__(self, folder: str) -> None:
        pass

    def __call__(self, filename: str) -> tuple[int, str]:
        """A script that is not listed comes last."""
        order, name = (*self.settings, *self.choices, *self.laws), Path(filename).stem
        return (order.index(name) if name in order else len(order), name)


sphinx_gallery_conf = {
    "examples_dirs": ["lessons", "../python/overprune/gallery"],
    "gallery_dirs": ["tutorial", "gallery"],
    # The examples of a function, on its page of the reference.
    "backreferences_dir": "reference/examples",
    "doc_module": ("overprune",),
    "first_notebook_cell": "# Needs overprune: pip install overprune\n%matplotlib inline",
    "filename_pattern": r"/\w+\.py$",
    "within_subsection_order": InReadingOrder,
    "download_all_examples": False,
    "capture_repr": (),  # what is printed, and nothing else
    "show_signature": False,
    "show_memory": False,
    "write_computation_times": False,
    "thumbnail_size": (400, 260),
}
