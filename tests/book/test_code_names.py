"""Every use of the library in a notebook's code is found."""

import nbformat
import pytest
from code_names import claims_checked, library_names


@pytest.fixture
def notebook(tmp_path):
    def notebook(*sources):
        path = tmp_path / "some.ipynb"
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
        return path

    return notebook


def test_names_are_found_however_they_are_imported(notebook):
    path = notebook(
        "%pip install nothing\nif True:\n    %time 1",
        "from course_lib.methods import SGD, base as b\nimport numpy as np\nnp.sum",
        "import course_lib.plotting as p\nimport course_lib.claims\nimport course_lib",
        "SGD.update\np.COLORS.blue\ncourse_lib.claims.check('s17-a')\ncourse_lib.__version__\n"
        "b.Method(1).step()",
    )
    assert library_names([path]) == {
        ("course_lib", ""),
        ("course_lib", "__version__"),
        ("course_lib.claims", ""),
        ("course_lib.claims", "check"),
        ("course_lib.methods", "SGD"),
        ("course_lib.methods", "SGD.update"),
        ("course_lib.methods", "base"),
        ("course_lib.methods", "base.Method"),
        ("course_lib.plotting", ""),
        ("course_lib.plotting", "COLORS"),
        ("course_lib.plotting", "COLORS.blue"),
    }


def test_checks_of_claims_are_found_under_any_name(notebook):
    path = notebook(
        "from course_lib.claims import check as judge\nimport course_lib.claims as c\n"
        "def check(x): ...",
        "judge('s17-a')\nc.check('s17-b')\ncheck('s17-c')\nother.check('s17-d')",
    )
    assert sorted(claims_checked(path)) == ["s17-a", "s17-b"]


def test_a_claim_must_be_named_in_the_code(notebook):
    path = notebook("from course_lib.claims import check\nid = 's17-a'\ncheck(id)")
    with pytest.raises(ValueError, match="as a text"):
        claims_checked(path)
