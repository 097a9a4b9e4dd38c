"""The fixed form of a notebook's file."""

import json

import nbformat
import pytest
from notebooks import (
    as_text,
    code_hash,
    find_notebooks,
    generate_first_cells,
    normalise,
    read_notebook,
    write_text,
)


def written(tmp_path, cells):
    path = tmp_path / "some.ipynb"
    content = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def cell(source, **more):
    code = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    return {**code, "source": source, **more}


def test_new_cells_get_ids_from_their_content_and_others_keep_theirs(tmp_path):
    path = written(tmp_path, [cell("a"), cell("a"), cell("b", id="mine")])
    ids = [c.id for c in read_notebook(path).cells]
    assert ids == [c.id for c in read_notebook(path).cells]
    assert len(set(ids)) == 3
    assert ids[2] == "mine"


def test_the_generated_cell_stands_below_the_title_once(tmp_path):
    title = {"cell_type": "markdown", "metadata": {}, "source": "# Title"}
    notebook = read_notebook(written(tmp_path, [title, cell("a")]))
    for _ in range(2):
        generate_first_cells(notebook)
    assert [c.source.splitlines()[0][:7] for c in notebook.cells] == ["# Title", "# Gets ", "a"]
    notebook = read_notebook(written(tmp_path, [cell("a")]))
    generate_first_cells(notebook)
    assert [c.id == "install" for c in notebook.cells] == [True, False]


def test_the_generated_cell_installs_only_where_the_library_is_missing(tmp_path):
    notebook = read_notebook(written(tmp_path, []))
    generate_first_cells(notebook)
    source = notebook.cells[0].source
    commands = []

    class Shell:
        @staticmethod
        def run_line_magic(name, line):
            commands.append((name, line))

    from IPython.core.inputtransformer2 import TransformerManager

    code = TransformerManager().transform_cell(source)
    exec(code, {"get_ipython": Shell})
    assert commands == []
    exec(code.replace("find_spec(", "find_spec('not_' + "), {"get_ipython": Shell})
    ((name, line),) = commands
    assert name == "pip"
    assert line.startswith("install --quiet")
    assert "--upgrade" not in line


def test_pieces_of_a_stream_are_put_together(tmp_path):
    def stream(text, name="stdout"):
        return {"output_type": "stream", "name": name, "text": text}

    pieces = [stream("a"), stream("b"), stream("c", "stderr"), stream("d")]
    notebook = read_notebook(written(tmp_path, [cell("x", outputs=pieces)]))
    normalise(notebook)
    assert [output.text for output in notebook.cells[0].outputs] == ["ab", "c", "d"]


def test_the_form_is_a_fixed_point(tmp_path):
    path = written(tmp_path, [cell("a = 1\nb"), cell("")])
    notebook = read_notebook(path)
    normalise(notebook)
    text = as_text(notebook)
    path.write_text(text, encoding="utf-8")
    again = read_notebook(path)
    normalise(again)
    assert as_text(again) == text
    assert nbformat.reads(text, as_version=4).metadata.kernelspec.name == "python3"


def test_the_fingerprint_follows_the_code_alone(tmp_path):
    title = {"cell_type": "markdown", "metadata": {}, "source": "# Title", "id": "t"}
    plain = code_hash(read_notebook(written(tmp_path, [cell("a", id="1")])))
    assert plain == code_hash(read_notebook(written(tmp_path, [title, cell("a", id="2")])))
    assert plain != code_hash(read_notebook(written(tmp_path, [cell("b", id="1")])))


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    assert write_text(path, "old")
    assert not write_text(path, "old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_private_and_hidden_folders_hold_no_notebooks_of_the_book(tmp_path):
    for folder in ("methods", "_static", ".ipynb_checkpoints"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.ipynb").touch()
    assert find_notebooks(tmp_path) == [tmp_path / "methods" / "a.ipynb"]
