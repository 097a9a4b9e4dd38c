"""The pins, the ranges and the conda environment speak of the same packages."""

import ast
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
CONDA_NAMES = {"pytorch": "torch", "python-build": "build"}
IMPORT_NAMES = {"PIL": "pillow", "sklearn": "scikit-learn", "yaml": "pyyaml"}


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def ranges():
    """Name -> specifier of every requirement that `make` may install."""
    extras = project()["optional-dependencies"]
    lines = project()["dependencies"]
    lines += [line for room in ("book", "test", "lint", "lab") for line in extras[room]]
    requirements = [Requirement(line) for line in lines]
    return {canonicalize_name(r.name): r.specifier for r in requirements}


def pins():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, version in pairs}


def conda():
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    lines = [d for d in dependencies if isinstance(d, str)]
    lines += next(d["pip"] for d in dependencies if isinstance(d, dict))
    lines.remove("-e .")
    requirements = [Requirement(line) for line in lines]
    return {canonicalize_name(CONDA_NAMES.get(r.name, r.name)): r.specifier for r in requirements}


def test_every_range_is_pinned_and_holds_its_pin():
    for name, specifier in ranges().items():
        assert name in pins(), f"{name} stands in pyproject.toml but not in constraints.txt"
        assert pins()[name] in specifier, f"{name}: {pins()[name]} is outside {specifier}"


def test_conda_environment_agrees_with_pyproject():
    environment = conda()
    environment.pop("pip")
    assert (
        environment.pop("python") == Requirement(f"python{project()['requires-python']}").specifier
    )
    assert environment == ranges()


def test_installed_versions_are_the_pins():
    if Path(sys.prefix).parent != ROOT:
        pytest.skip("not in the project's own environment")
    from importlib.metadata import version

    for name in set(ranges()) - {"jupyterlab"}:  # installed by `make lab` alone
        assert Version(Version(version(name)).public) == pins()[name], name


def imported_modules(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


def test_the_library_imports_only_what_it_declares():
    declared = {canonicalize_name(Requirement(d).name) for d in project()["dependencies"]}
    optional = project()["optional-dependencies"]["full-data"]
    declared |= {canonicalize_name(Requirement(d).name) for d in optional}
    for path in (ROOT / "course_lib").rglob("*.py"):
        for module in set(imported_modules(path)) - set(sys.stdlib_module_names) - {"course_lib"}:
            name = canonicalize_name(IMPORT_NAMES.get(module, module))
            assert name in declared, f"{path.relative_to(ROOT)} imports {module}: declare it"


@pytest.mark.parametrize("room", ["derivatives", "design_choices", "methods", "training"])
def test_main_rooms_do_not_import_the_book_side(room):
    closed = {
        "course_lib.plotting",
        "course_lib.claims",
        "course_lib.homework",
        "course_lib.problems",
    }
    for path in (ROOT / "course_lib" / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                assert ".".join(node.module.split(".")[:2]) not in closed, path
