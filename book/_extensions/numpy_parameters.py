"""Read `name : what it is` in a docstring's Parameters and Attributes as a description.

NumPy's form has the type after the colon. The course's code has its types in the signature, where
Sphinx finds them, and says in words what follows the colon. So the words are moved to the next
line, where a description stands, before napoleon reads the docstring.
"""

import re

SECTIONS = {"Parameters", "Attributes", "Returns", "Raises"}
ENTRY = re.compile(r"^(?P<name>[\w*`.]+(?:, [\w*`.]+)*) : (?P<words>.+)$")


def move_words(app, what, name, obj, options, lines):
    """Turn `name : words` into `name` and, indented below it, `words`."""
    section, moved = None, []
    for number, line in enumerate(lines):
        below = lines[number + 1] if number + 1 < len(lines) else ""
        if below and set(below) == {"-"}:
            section = line.strip()
        elif set(line) == {"-"}:
            pass
        elif section in SECTIONS and (entry := ENTRY.match(line)):
            # Sphinx reads "X, y" in an attribute's field as a type and a name.
            name = entry["name"].replace(", ", ",") if section == "Attributes" else entry["name"]
            moved += [name, f"    {entry['words']}"]
            continue
        moved.append(line)
    lines[:] = moved


def setup(app):
    # Before napoleon, which has the default priority of 500.
    app.connect("autodoc-process-docstring", move_words, priority=400)
    return {"env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
