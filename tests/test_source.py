"""The code shown is the code that runs."""

import ast
import inspect

import pytest

from course_lib.claims import Comparison, between
from course_lib.source import show_source


def test_the_text_is_the_source_without_docstrings():
    shown = repr(show_source(between))
    full = inspect.getsource(between)
    assert '"""' not in shown
    assert [line for line in full.splitlines() if line in shown.splitlines()] == shown.splitlines()
    tree, whole = ast.parse(shown).body[0], ast.parse(full).body[0]
    assert ast.dump(ast.Module(tree.body, [])) == ast.dump(ast.Module(whole.body[1:], []))


def test_docstrings_are_kept_on_request():
    assert repr(show_source(between, docstring=True)) == inspect.getsource(between).rstrip()


def test_a_class_is_shown_with_its_decorators_or_without():
    assert repr(show_source(Comparison)).startswith("@dataclass(frozen=True)\nclass Comparison:")
    assert repr(show_source(Comparison, decorators=False)).startswith("class Comparison:\n    name")


def test_methods_and_properties_are_dedented():
    assert repr(show_source(Comparison.in_full)) == (
        "def in_full(self) -> str:\n    return self._told(6)"
    )
    assert repr(show_source(Comparison.holds)).startswith("@property\ndef holds(self)")


def test_a_notebook_highlights_it_as_python():
    shown = show_source(Comparison.in_full)
    assert shown._repr_markdown_() == f"```python\n{shown!r}\n```"


def test_a_definition_that_is_only_a_docstring_stays_whole():
    def documented():
        """Only words."""

    assert "Only words." in repr(show_source(documented))


class Odd:
    def margin(self):
        """Docstring."""
        return """
at the margin
"""

    def short(self): "In one line."; return 1  # fmt: skip  # noqa: E702


def test_a_text_at_the_margin_of_a_method_is_shown():
    shown = repr(show_source(Odd.margin))
    assert shown == 'def margin(self):\n    return """\nat the margin\n"""'


def test_a_definition_in_one_line_stays_whole():
    assert repr(show_source(Odd.short)).startswith('def short(self): "In one line."; return 1')


@pytest.mark.parametrize("obj", [len, 3, "text"])
def test_what_has_no_source_is_refused(obj):
    with pytest.raises(TypeError, match="obj must be a function or class"):
        show_source(obj)
