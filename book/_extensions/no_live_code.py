"""Drop sphinx-thebe from every page.

Jupyter Book loads sphinx-thebe whether or not its button is asked for. The theme loads it a second
time, which is a JavaScript error on each page. The course does not run code in the page: readers
open a notebook in Colab or Binder, or download it.
"""


def drop_thebe(app, pagename, templatename, context, doctree):
    """Take thebe's scripts and styles out of the page's list of files."""
    for kind in ("script_files", "css_files"):
        context[kind] = [file for file in context.get(kind, []) if "thebe" not in str(file)]


def setup(app):
    app.connect("html-page-context", drop_thebe, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
