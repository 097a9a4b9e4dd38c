"""The directive `notebook-times`: how long each notebook took when its outputs were stored."""

import json
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive

RECORD = "book/execution_times.json"
HEAD = ["Notebook", "Seconds", "Machine"]


class NotebookTimes(Directive):
    """A table of all notebooks, longest first."""

    def run(self):
        env = self.state.document.settings.env
        record = Path(env.srcdir) / RECORD
        env.note_dependency(str(record))
        times = json.loads(record.read_text(encoding="utf-8"))
        longest_first = sorted(times.items(), key=lambda item: -item[1]["seconds"])
        rows = [
            [f"book/{name}", f"{time['seconds']:.0f}", time["machine"]]
            for name, time in longest_first
        ]
        return [table(HEAD, rows)]


def table(head, rows):
    """A table of plain texts."""
    group = nodes.tgroup(cols=len(head))
    group += [nodes.colspec(colwidth=1) for _ in head]
    group += nodes.thead("", row(head))
    group += nodes.tbody("", *[row(cells) for cells in rows])
    return nodes.table("", group)


def row(cells):
    return nodes.row("", *[nodes.entry("", nodes.paragraph(text=cell)) for cell in cells])


def setup(app):
    app.add_directive("notebook-times", NotebookTimes)
    return {"env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
