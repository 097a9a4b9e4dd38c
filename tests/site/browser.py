"""Find the Chromium that the site's tests drive, and get it where CI has none.

`make test` runs this file: where there is no browser it says in one line how to get one. The tests
are then skipped, except in CI (environment variable CI=true), where it is installed or the run
fails.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

COMMANDS = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
]
APPLICATIONS = ["Chromium", "Google Chrome", "Microsoft Edge"]
ADVICE = (
    "No Chromium for the website's tests: they are skipped. To get it: `apt-get install chromium`, "
    "`brew install --cask chromium`, or `python -m playwright install chromium`; "
    "or set CHROMIUM to the path of a Chrome, Chromium or Edge."
)


def in_ci() -> bool:
    """Whether the run is one of CI."""
    return os.environ.get("CI", "").lower() == "true"


def find_chromium() -> str | None:
    """The path of a browser: CHROMIUM, the system's own, or the one that playwright installed."""
    if chosen := os.environ.get("CHROMIUM"):
        if path := shutil.which(chosen):
            return path
        raise SystemExit(f"CHROMIUM must be the path of a browser, got {chosen!r}")
    for command in COMMANDS:
        if path := shutil.which(command):
            return path
    for name in APPLICATIONS:
        for folder in (Path("/Applications"), Path.home() / "Applications"):
            path = folder / f"{name}.app/Contents/MacOS/{name}"
            if path.exists():
                return str(path)
    return playwrights_own()


def playwrights_own() -> str | None:
    """The Chromium in playwright's cache, if it was installed there."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def install() -> None:
    """Get Chromium from the system's packages where that is possible, else from playwright."""
    if shutil.which("apt-get") and os.geteuid() == 0:
        if subprocess.run(["apt-get", "install", "-y", "-q", "chromium"]).returncode != 0:
            subprocess.run(["apt-get", "update", "-q"], check=True)
            subprocess.run(["apt-get", "install", "-y", "-q", "chromium"], check=True)
    else:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)


def main() -> int:
    if find_chromium():
        return 0
    if not in_ci():
        print(ADVICE)
        return 0
    install()
    return 0 if find_chromium() else 1


if __name__ == "__main__":
    sys.exit(main())
