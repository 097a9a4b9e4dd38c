"""The built wheel works without the repository: its data, its rooms, all that notebooks use."""

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
ROOMS = (
    "claims",
    "derivatives",
    "design_choices",
    "methods",
    "plotting",
    "problems",
    "training",
)

RESOLVE = """
import importlib, json, sys
missing = []
for module, name in json.loads(sys.argv[1]):
    try:
        found = importlib.import_module(module)
        for part in filter(None, name.split(".")):
            try:
                found = getattr(found, part)
            except AttributeError:
                found = importlib.import_module(f"{found.__name__}.{part}")
    except (ImportError, AttributeError) as error:
        missing.append(f"{module}: {name} ({error})")
print(json.dumps(missing))
"""

USE = """
import torch
from course_lib.book_files import project_url
from course_lib.claims import load_ledger
from course_lib.methods import SGD
from course_lib.problems import digits, fashion_mnist
from course_lib.records import load_record

x = torch.nn.Parameter(torch.tensor([2.0]))
method = SGD([x], lr=0.25)
(x**2).sum().backward()
method.step()
assert x.item() == 1.0
assert len(fashion_mnist("train")[0]) == 6000
assert len(digits("train")[0])
assert project_url("Documentation").startswith("https://")
assert load_ledger()
"""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The wheel, built from the repository."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def run_installed(wheel, tmp_path_factory):
    """Run code with the wheel installed and the repository out of sight.

    The folder of installed packages is given as a path, where Python does not follow the link
    (`.pth`) that an editable installation leaves there.
    """
    target = tmp_path_factory.mktemp("installed")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"),
            *("--disable-pip-version-check", "--target", target, wheel),
        ],
        check=True,
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(target), sysconfig.get_path("purelib")]),
    }

    def run(code, *arguments):
        result = subprocess.run(
            [sys.executable, "-S", "-c", code, *arguments],
            cwd=target.parent,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    return run


def test_the_wheel_holds_its_data(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"course_lib/py.typed", "course_lib/_book/claims.yml"} <= names
    records = {
        f"course_lib/_book/records/{path.name}" for path in REPOSITORY.glob("book/records/*.json")
    }
    data = {
        path.relative_to(REPOSITORY).as_posix()
        for path in (REPOSITORY / "course_lib" / "problems" / "data").iterdir()
    }
    assert data
    assert records | data <= names
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"course_lib"}


def test_the_library_is_the_wheels(run_installed):
    where = run_installed("import course_lib; print(course_lib.__file__)").strip()
    assert not Path(where).is_relative_to(REPOSITORY)


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_what_it_lists(run_installed, room):
    run_installed(f"from course_lib.{room} import *")


def test_the_library_works_without_the_repository(run_installed):
    run_installed(USE)


def test_every_name_that_a_notebook_uses_is_there(run_installed):
    sys.path.insert(0, str(REPOSITORY / "book" / "_pipeline"))
    try:
        from code_names import library_names
        from notebooks import find_notebooks
    finally:
        sys.path.pop(0)
    names = sorted(library_names(find_notebooks()))
    assert names
    assert json.loads(run_installed(RESOLVE, json.dumps(names))) == []
    assert json.loads(run_installed(RESOLVE, json.dumps([["course_lib.methods", "SGDD"]])))
