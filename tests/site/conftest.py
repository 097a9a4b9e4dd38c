"""The built website and a browser, for the tests of the website."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.site.browser import ADVICE, find_chromium, in_ci
from tests.site.pages import HTML, REPOSITORY

FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--no-first-run",
    *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
]


def sources() -> list[Path]:
    """The files from which the website is made."""
    found = [REPOSITORY / "_config.yml", REPOSITORY / "_toc.yml"]
    for folder in ("book", "course_lib"):
        found += [
            path
            for path in (REPOSITORY / folder).rglob("*")
            if path.is_file()
            and not {"__pycache__", ".ipynb_checkpoints", "_pipeline"} & set(path.parts)
        ]
    return found


def stale() -> bool:
    """Whether the website is missing or older than one of its sources."""
    last_written = HTML / "objects.inv"
    if not last_written.exists():
        return True
    built = last_written.stat().st_mtime
    return any(path.stat().st_mtime > built for path in sources())


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the built website, built first where it is missing or out of date."""
    HTML.parent.mkdir(exist_ok=True)
    with (HTML.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stale():
            command = [Path(sys.executable).with_name("jupyter-book"), "build", ".", "--all"]
            strict = ["-W", "-n", "--keep-going"]
            done = subprocess.run(
                [*command, *strict], cwd=REPOSITORY, capture_output=True, text=True
            )
            assert done.returncode == 0, f"the build fails:\n{done.stderr[-3000:]}"
    return HTML


@pytest.fixture(scope="session")
def browser():
    """One browser for all tests of a worker."""
    from playwright.sync_api import sync_playwright

    path = find_chromium()
    if path is None:
        if in_ci():
            pytest.fail("CI has no Chromium")
        pytest.skip(ADVICE)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()
