"""Measure what a notebook cannot, and store it with what is needed to measure it again.

    python book/_pipeline/measure.py [name ...]

A measuring script is `book/records/<name>.py`. It defines `SEEDS`, a tuple, and `measure()`, which
returns the results as numbers, texts, lists and dictionaries of them. Here they become
`book/records/<name>.json`, which `course_lib.records.load_record(name)` reads. Without arguments
all records are measured again.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from machine import cores, cpu_details, cpu_model, versions
from notebooks import BOOK, write_text

RECORDS = BOOK / "records"


def load_script(name: str, folder: Path = RECORDS) -> ModuleType:
    """Import a measuring script.

    Raises:
        ValueError: there is none of that name, or it lacks `SEEDS` or `measure`.
    """
    path = folder / f"{name}.py"
    if not path.is_file():
        there = sorted(script.stem for script in folder.glob("*.py"))
        raise ValueError(f"name must be one of {there}, got {name!r}")
    spec = importlib.util.spec_from_file_location(name, path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    for needed in ("SEEDS", "measure"):
        if not hasattr(script, needed):
            raise ValueError(f"{path.name} must define {needed}")
    return script


def make_record(name: str, folder: Path = RECORDS) -> dict[str, Any]:
    """Run a measuring script and put its results together with when and how they came about."""
    script = load_script(name, folder)
    results = script.measure()
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "command": f"python book/_pipeline/measure.py {name}",
        "machine": {
            "cores": cores(),
            "cpu": cpu_model(),
            "cpu_details": cpu_details(),
            "system": platform.system(),
            "threads": torch.get_num_threads(),
        },
        "results": results,
        "seeds": list(script.SEEDS),
        "versions": versions(),
    }


def main(arguments: list[str] | None = None) -> int:
    """Measure the records named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="names of scripts in book/records; default: all")
    names = parser.parse_args(arguments).names
    for name in names or sorted(path.stem for path in RECORDS.glob("*.py")):
        record = make_record(name)
        text = json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
        write_text(RECORDS / f"{name}.json", text + "\n")
        print(f"measured {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
