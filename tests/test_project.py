"""What the project says of itself: versions, citation, templates, hooks, the description for a package index."""

from __future__ import annotations

import configparser
import importlib.util
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from checkout import make_importable
from setuptools.dist import Distribution

import ganbench

make_importable("tools")

from tools.site.badges import badges  # noqa: E402
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


def test_addresses_of_the_project_are_those_that_it_cites():
    cited = read_yaml("CITATION.cff")["preferred-citation"]["url"]
    assert PROJECT["urls"] == {"Paper": cited}


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


def test_the_wheel_holds_every_file_of_the_packages(tmp_path, monkeypatch):
    """Templates, presets, cards, protocols, schemas, references, and the marks of typed packages."""
    monkeypatch.chdir(ROOT)
    distribution = Distribution({"script_name": "setup.py"})
    distribution.parse_config_files(["pyproject.toml"])
    build = distribution.get_command_obj("build_py")
    build.ensure_finalized()
    build.manifest_files = {}  # files of a source archive, which would be written for it
    folders = {package: build.get_package_dir(package) for package in build.packages}
    held = {str(Path(file)) for package, folder in folders.items() for file in build.find_data_files(package, folder)}
    held |= {str(Path(path)) for _, _, path in build.find_all_modules()}
    roots = [Path("ganbench"), Path("baselines/ganbench_models")]
    there = {path for root in roots for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {str(path) for path in there if path.suffix != ".pyc"} == held
    assert held >= {str(root / name) for root in roots for name in ("__init__.py", "py.typed")}
    for name in (
        "ganbench/references.bib",
        "ganbench/protocols/digits.toml",
        "ganbench/reports/html/templates/card.html.j2",
    ):
        assert name in held


def test_badges_are_true():
    """`python -m tools.site.badges > docs/pictures/badges.svg` makes them; tox runs the versions that they name."""
    written = (ROOT / "docs" / "pictures" / "badges.svg").read_text(encoding="utf-8")
    assert written == badges()
    (text,) = re.findall("<title>(.*)</title>", written)
    assert text == f"version {ganbench.__version__}, license MIT, python 3.11 to 3.13, torch 2.11 or newer"
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")
    matrix = [
        entry
        for job in read_yaml(".github/workflows/ci.yml")["jobs"].values()
        for entry in job.get("strategy", {}).get("matrix", {}).get("include", [])
    ]
    assert {"3.11", "3.12", "3.13"} == {e["python"] for e in matrix if e["env"].startswith("py")}
    assert "torch==2.11.*" in (ROOT / "tox.ini").read_text(encoding="utf-8")


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


def test_chores_share_two_environments_but_for_other_versions_and_the_linter():
    """torch alone takes 5 GB in each."""
    chores = configparser.ConfigParser(interpolation=None)
    chores.read(ROOT / "tox.ini")
    shared = {name: chores[name] for name in ("as-tests", "as-chores")}
    assert {section["runner"] for section in shared.values()} == {"shared"}
    assert len({section["env_dir"] for section in shared.values()}) == 2
    bases = {name.partition(":")[2]: section.get("base", "") for name, section in chores.items() if ":" in name}
    alone = {name for name, base in bases.items() if base.partition(",")[0] not in shared}
    assert alone == {"lint", "oldest"}
    assert not [
        name for name in set(bases) - alone if {"extras", "deps", "env_dir"} & set(chores._sections[f"testenv:{name}"])
    ]
    assert set(shared["as-chores"]["extras"].split()) <= set(PROJECT["optional-dependencies"])


def test_a_shared_environment_is_the_same_under_another_name(tmp_path):
    pytest.importorskip("tox", reason="tox is not installed in this environment")
    specification = importlib.util.spec_from_file_location("toxfile", ROOT / "toxfile.py")
    toxfile = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(toxfile)

    def is_same(**said):
        with toxfile._Info(tmp_path).compare(said, "ToxEnv") as (same, before):
            return same or before is None

    assert is_same(name="docs", type="shared")
    assert is_same(name="types", type="shared")
    assert not is_same(name="types", type="another")
