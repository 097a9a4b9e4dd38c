"""The page of notation names what the library has."""

import importlib
import inspect
import pkgutil
import re

import pytest
from notebooks import BOOK

import course_lib

NAMES = sorted(
    set(re.findall(r"`([A-Z]\w+)\.(\w+)`", (BOOK / "appendix/notation.md").read_text("utf-8")))
)


def public(name):
    """The class of that name in one of the library's packages."""
    for module in pkgutil.iter_modules(course_lib.__path__, "course_lib."):
        if found := getattr(importlib.import_module(module.name), name, None):
            return found
    raise LookupError(f"no package of course_lib has {name}")


def test_there_are_names_to_look_up():
    assert ("LeastSquares", "w_star") in NAMES


@pytest.mark.parametrize(("owner", "name"), NAMES)
def test_a_name_in_the_code_is_in_the_code(owner, name):
    cls = public(owner)
    assert hasattr(cls, name) or re.search(rf"\bself\.{name}\b[^=()]*=", inspect.getsource(cls))
