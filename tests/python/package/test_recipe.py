"""The conda recipe asks for what pyproject.toml asks for, and renders."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
RECIPE = ROOT / "packaging/conda/recipe.yaml"
VARIANTS = ROOT / "packaging/conda/variants.yaml"
NAMES = {"matplotlib": "matplotlib-base", "cmeel-eigen": "eigen"}  # of the same in conda-forge


@pytest.fixture
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture
def recipe():
    return pytest.importorskip("yaml").safe_load(RECIPE.read_text())


def as_conda(requirement):
    """`name>=1,<2` in conda's words: `name >=1,<2`."""
    name, versions = re.fullmatch(r"([\w.-]+)(.*)", requirement).groups()
    return f"{NAMES.get(name, name)} {versions}"


def test_the_requirements_are_those_of_the_project(project, recipe):
    needs = recipe["requirements"]
    python = f"python {project['project']['requires-python']}"
    assert set(needs["run"]) == {python, *map(as_conda, project["project"]["dependencies"])}
    assert set(needs["host"]) == {
        "python",
        "pip",
        *map(as_conda, project["build-system"]["requires"]),
    }


def test_the_recipe_is_of_this_version(project, recipe):
    assert recipe["context"]["version"] == project["project"]["version"]
    assert recipe["about"]["license"] == project["project"]["license"]


def test_the_recipe_renders():
    rattler = pytest.importorskip("rattler_build")
    variants = rattler.VariantConfig.from_file(str(VARIANTS))
    rendered = rattler.Stage0Recipe.from_file(str(RECIPE)).render(variants)
    assert [str(one.recipe.package.name) for one in rendered] == 4 * ["overprune"]  # each Python
