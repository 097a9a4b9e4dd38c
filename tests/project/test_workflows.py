"""What runs elsewhere (CI, pre-commit, make) stays in step with this repository."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github/workflows").glob("*.yml")), ids=lambda p: p.name
)
def test_workflows_call_what_exists(path):
    text = path.read_text()
    assert yaml.safe_load(text)["jobs"]
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    for target in re.findall(r"run: make (\w+)", text):
        assert target in targets, f"{path.name} calls `make {target}`"
    for file in re.findall(r"(?:python|--deselect) ((?:tests|book)/\S+\.py)", text):
        assert (ROOT / file).exists(), f"{path.name} names {file}"


def test_pre_commit_runs_the_pinned_ruff():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    rev = next(repo["rev"] for repo in hooks if "ruff" in repo["repo"])
    assert f"ruff=={rev.removeprefix('v')}" in (ROOT / "constraints.txt").read_text().split()


def test_help_lists_every_command():
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True).stdout
    for target in ("book", "test", "notebooks", "serve", "lint", "benchmark", "clean"):
        assert f"make {target} " in listed


def test_ci_builds_the_book_with_warnings_as_errors_and_runs_all_tests():
    assert "make test" in (ROOT / ".ci/run").read_text()
    dry = subprocess.run(["make", "-nB", "test"], cwd=ROOT, capture_output=True, text=True).stdout
    assert re.search(r"jupyter-book build .* -W -n", dry)
    assert "pytest tests" in dry
    assert re.search(r"pytest book --nbval(-lax)?", dry)
