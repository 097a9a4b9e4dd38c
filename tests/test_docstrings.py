"""Everything public is documented, and the examples in the documentation run."""

import doctest
import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

import course_lib

MODULES = [
    "course_lib",
    *(module.name for module in pkgutil.walk_packages(course_lib.__path__, "course_lib.")),
]
PUBLIC = [
    (name, public)
    for name in MODULES
    for public in getattr(importlib.import_module(name), "__all__", ())
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    results = doctest.testmod(
        importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert results.failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_a_module_says_what_it_is_about(name):
    assert importlib.import_module(name).__doc__


@pytest.mark.parametrize("name", [name for name in MODULES if name.count(".") == 1])
def test_a_room_lists_its_public_names(name):
    assert importlib.import_module(name).__all__


@pytest.mark.parametrize(("module", "public"), PUBLIC)
def test_what_is_public_is_documented(module, public):
    value = getattr(importlib.import_module(module), public)
    if not (inspect.isclass(value) or inspect.isroutine(value)):
        return
    assert inspect.getdoc(value), public
    if not inspect.isclass(value) or not value.__module__.startswith("course_lib"):
        return
    for name, member in vars(value).items():
        if inspect.isroutine(member) and not name.startswith("_"):
            assert inspect.getdoc(getattr(value, name)), f"{public}.{name}"


@pytest.mark.parametrize(
    ("module", "never"),
    [
        ("course_lib", "torch"),
        ("course_lib.methods", "matplotlib"),
        ("course_lib.training", "matplotlib"),
        ("course_lib.claims", "torch"),
        ("course_lib.plotting", "torch"),
        ("course_lib.plotting", "matplotlib.pyplot"),
    ],
)
def test_a_room_does_not_import_what_it_does_not_need(module, never):
    code = f"import sys, {module}; sys.exit({never!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
