"""Which commit is the base, and both trees laid out as if they were installed."""

from __future__ import annotations

from importlib.metadata import distributions

import pytest

from ganbench.errors import UsageError
from tools.regressions import sources


def test_a_clean_main_is_compared_with_the_commit_before(checkout):
    assert sources.find_base(checkout.root, None).commit == checkout.git("rev-parse", "HEAD~1")


def test_changes_on_main_are_compared_with_head(checkout):
    checkout.edit("changed")
    assert sources.find_base(checkout.root, None).commit == checkout.git("rev-parse", "HEAD")


def test_a_branch_is_compared_with_where_it_left_main(checkout):
    fork = checkout.git("rev-parse", "HEAD")
    checkout.git("checkout", "--quiet", "-b", "branch")
    checkout.commit("third")
    checkout.commit("fourth")
    checkout.edit("changed")
    assert sources.find_base(checkout.root, None).commit == fork
    checkout.git("update-ref", "refs/remotes/origin/main", f"{fork}~1")
    assert sources.find_base(checkout.root, None).commit == checkout.git("rev-parse", f"{fork}~1")


def test_the_base_is_laid_out_as_it_was(checkout, tmp_path):
    base = sources.find_base(checkout.root, "HEAD~1")
    checkout.edit("changed")
    sources.extract_commit(checkout.root, base.commit, tmp_path / "base")
    sources.copy_tree(checkout.root, tmp_path / "tree")
    texts = [(tmp_path / side / "ganbench" / "module.py").read_text(encoding="utf-8") for side in ("base", "tree")]
    assert texts == ["TEXT = 'first'\n", "TEXT = 'changed'\n"]
    assert all(list((tmp_path / side).rglob("module.*.pyc")) for side in ("base", "tree"))


def test_the_entry_points_are_those_of_the_sources(tree, tmp_path):
    """As an installation has them, whatever is installed."""
    sources.copy_tree(tree, tmp_path / "tree")
    (found,) = distributions(path=[str(tmp_path / "tree")])
    assert (found.name, found.version) == ("ganbench", "1.2")
    assert [(p.group, p.name, p.value) for p in found.entry_points] == [
        ("ganbench.models", "toy", "ganbench.kernels:MODEL")
    ]


def test_a_first_commit_has_no_base(checkout):
    checkout.git("checkout", "--quiet", "HEAD~1")
    checkout.git("branch", "--force", "main", "HEAD")
    with pytest.raises(UsageError, match=r"HEAD~1.*is no commit of this repository.*git log"):
        sources.find_base(checkout.root, None)


def test_a_shallow_clone_says_so(checkout, tmp_path):
    clone = tmp_path / "clone"
    checkout.git("clone", "--quiet", "--depth", "1", checkout.root.as_uri(), str(clone))
    with pytest.raises(UsageError, match=r"HEAD~1.*shallow.*--unshallow"):
        sources.find_base(clone, None)


def test_no_checkout_says_so(checkout, tmp_path):
    with pytest.raises(UsageError, match=r"cannot be read as a git checkout.*--base-tree"):
        sources.find_base(tmp_path, None)


def test_a_commit_without_the_sources_says_so(checkout, tmp_path):
    checkout.git("rm", "-r", "--quiet", "baselines")
    with pytest.raises(UsageError, match="baselines"):
        sources.extract_commit(checkout.root, checkout.commit("third"), tmp_path / "base")
