"""The book's files are found, in a checkout and in an installed package."""

import pytest

from course_lib import book_files, records
from course_lib.book_files import book_file, project_url
from course_lib.records import load_record


def test_files_are_found_below_the_book():
    assert book_file("claims.yml").read_text(encoding="utf-8")
    assert book_file("records").is_dir()


def test_an_installed_package_has_its_own_copy(tmp_path, monkeypatch):
    monkeypatch.setattr(book_files, "_REPOSITORY", tmp_path)
    monkeypatch.setattr(book_files, "_PACKAGE", tmp_path / "course_lib")
    (tmp_path / "course_lib" / "_book").mkdir(parents=True)
    (tmp_path / "course_lib" / "_book" / "claims.yml").write_text("[]")
    assert book_file("claims.yml").read_text() == "[]"
    project_url.cache_clear()
    try:
        assert project_url("Repository").startswith("https://")
    finally:
        project_url.cache_clear()


@pytest.mark.parametrize("relative", ["/etc/passwd", "../pyproject.toml"])
def test_paths_out_of_the_book_are_refused(relative):
    with pytest.raises(ValueError, match="path below book/"):
        book_file(relative)


def test_what_is_missing_is_named():
    with pytest.raises(FileNotFoundError, match=r"nothing\.yml"):
        book_file("nothing.yml")
    with pytest.raises(KeyError, match="Documentation"):
        project_url("Home")
    with pytest.raises(FileNotFoundError, match="name must be one of the records"):
        load_record("nothing")


@pytest.mark.parametrize("content", [b"", b"{", b"5", b"null", b"[{}]", b"\xff"])
def test_a_damaged_record_is_named(tmp_path, monkeypatch, content):
    (tmp_path / "cut.json").write_bytes(content)
    monkeypatch.setattr(records, "book_file", lambda relative: tmp_path / "cut.json")
    with pytest.raises(ValueError, match=r"^cut\.json is not a record"):
        load_record("cut")


def test_a_file_that_is_not_a_record_is_refused(tmp_path, monkeypatch):
    (tmp_path / "half.json").write_text('{"results": 1}')
    monkeypatch.setattr(records, "book_file", lambda relative: tmp_path / "half.json")
    with pytest.raises(ValueError, match="command"):
        load_record("half")
