"""What the project says of itself: versions, citation, templates, hooks, the description for a package index."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from checkout import make_importable

import ganbench

make_importable("tools")

from tools.site.picture import table1_picture  # noqa: E402

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LINK = re.compile(r"\]\(([^)]+)\)|<img src=\"([^\"]+)\"")


def read_yaml(name: str) -> dict:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def test_there_is_one_version():
    citation = read_yaml("CITATION.cff")
    assert ganbench.__version__ == PROJECT["version"] == citation["version"]
    assert citation["license"] == PROJECT["license"]
    assert [author["name"] for author in citation["authors"]] == [author["name"] for author in PROJECT["authors"]]


def test_the_changelog_has_a_place_for_the_next_change():
    heads = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert heads[0].startswith("Unreleased")


def test_links_of_the_package_description_need_no_repository():
    text = (ROOT / PROJECT["readme"]).read_text(encoding="utf-8")
    assert all(target.startswith("https://") for match in LINK.findall(text) for target in match if target)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "results/README.md"])
def test_links_to_files_lead_somewhere(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    targets = [target for match in LINK.findall(text) for target in match if target and "://" not in target]
    assert targets or name == "CONTRIBUTING.md"
    for target in targets:
        path = target.partition("#")[0].replace("%5B", "[").replace("%5D", "]")
        assert ((ROOT / name).parent / path).exists(), target


def test_the_picture_of_table_1_follows_from_the_records():
    """`python -m tools.site.picture > docs/pictures/table1.svg` makes it."""
    assert (ROOT / "docs" / "pictures" / "table1.svg").read_text(encoding="utf-8") == table1_picture()


@pytest.mark.parametrize("name", ["bug", "number", "proposal"])
def test_issue_forms_have_what_a_form_needs(name):
    form = read_yaml(f".github/ISSUE_TEMPLATE/{name}.yml")
    assert set(form) == {"name", "description", "labels", "body"}
    ids = [item["id"] for item in form["body"]]
    assert len(set(ids)) == len(ids)
    for item in form["body"]:
        assert item["type"] in ("textarea", "checkboxes")
        assert item["attributes"]["label"]


def test_hooks_are_the_programs_of_the_active_environment():
    """So nothing is fetched, and a hook and a chore of tox do not disagree."""
    hooks = [hook for repository in read_yaml(".pre-commit-config.yaml")["repos"] for hook in repository["hooks"]]
    assert {hook["language"] for hook in hooks} == {"system"}
    assert {hook["entry"].split()[0] for hook in hooks} == {"ruff", "codespell", "mypy"}
    extras = PROJECT["optional-dependencies"]
    for program in ("ruff", "codespell", "pre-commit"):
        assert any(requirement.startswith(program) for requirement in extras["lint"])


def test_tox_builds_the_site_from_the_extra_that_is_declared():
    configured = (ROOT / "docs" / "conf.py").read_text(encoding="utf-8")
    declared = " ".join(PROJECT["optional-dependencies"]["docs"]).replace("-", "_")
    for extension in ("myst_parser", "sphinx_copybutton", "sphinx_design", "furo", "sphinxcontrib"):
        assert extension in configured
        assert extension in declared
