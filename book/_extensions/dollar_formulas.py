"""Read `$...$` in a docstring as a formula, as on the course's pages.

Docstrings are reStructuredText, where a formula is `:math:`. Code in them, examples and what stands
between back quotes, is left as it is.
"""

import re

FORMULA = re.compile(r"\$(?P<formula>[^\s$](?:[^$]*[^\s$])?)\$")
CODE = re.compile(r"(``[^`]*``|:math:`[^`]*`)")


def convert(text):
    """The text with its formulas in reStructuredText's form."""
    parts = CODE.split(text)
    parts[::2] = [FORMULA.sub(r":math:`\g<formula>`", part) for part in parts[::2]]
    return "".join(parts)


def convert_docstring(app, what, name, obj, options, lines):
    """Convert all formulas outside of doctests, also those that run over two lines."""
    converted, paragraph, example = [], [], False
    for line in [*lines, ""]:
        example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        if line.strip() and not example:
            paragraph.append(line)
            continue
        if paragraph:
            converted += convert("\n".join(paragraph)).split("\n")
        converted.append(line)
        paragraph = []
    lines[:] = converted


def setup(app):
    # Before napoleon, which has the default priority of 500.
    app.connect("autodoc-process-docstring", convert_docstring, priority=450)
    return {"env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
