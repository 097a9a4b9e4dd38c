"""Rules under torch.compile, and without a compiler."""

import functools
import os
import shutil
import subprocess
import sys

import pytest
import torch
import torch._dynamo

from course_lib.methods import (
    SGD,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Lion,
    RMSprop,
    ScheduleFreeAdamW,
    ScheduleFreeSGD,
    vector_rule,
)
from course_lib.methods.running import CHUNK
from tests.methods.parameters import leaf

COMPILER = shutil.which(os.environ.get("CXX", "g++")) or shutil.which("clang++")
needs_compiler = pytest.mark.skipif(
    not COMPILER, reason="compile=True is NOT tested: no C++ compiler on this machine"
)


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize(
    "method",
    [
        functools.partial(SGD, momentum=0.9),
        Adagrad,
        RMSprop,
        Adam,
        AdamW,
        Adamax,
        Lion,
        ScheduleFreeSGD,
        ScheduleFreeAdamW,
    ],
    ids=lambda method: getattr(method, "__name__", "SGD with momentum"),
)
def test_compiled_takes_the_same_steps_and_compiles_once(method):
    shapes = [(3,), (40, 50), (300, 200), (2 * CHUNK + 1,)]
    ours = [leaf(*s, seed=i, dtype=torch.float64) for i, s in enumerate(shapes)]
    theirs = [leaf(*s, seed=i, dtype=torch.float64) for i, s in enumerate(shapes)]
    fast = method(ours, compile=True, weight_decay=0.1, maximize=True)
    plain = method(theirs, weight_decay=0.1, maximize=True)
    for k in range(12):
        if k == 4:
            compiled_so_far = torch._dynamo.utils.counters["stats"]["unique_graphs"]
        for optimizer in (fast, plain):
            optimizer.param_groups[0]["lr"] = 0.1 / (k + 1)
            optimizer.step()
    for x, y in zip(ours, theirs, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-10, atol=1e-10)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == compiled_so_far


def test_a_rule_of_one_operation_is_not_compiled(monkeypatch):
    """Plain SGD: there is nothing to gain."""
    monkeypatch.setattr(vector_rule, "compiled", None)
    p, q = leaf(300, 200), leaf(300, 200)
    SGD([p], compile=True).step()
    SGD([q]).step()
    assert torch.equal(p, q)


def test_compile_without_a_compiler_says_what_it_needs(tmp_path):
    code = (
        "import torch; from course_lib.methods import Adam\n"
        "p = torch.ones(3, requires_grad=True); p.grad = torch.ones(3)\n"
        "Adam([p], compile=True).step()\n"
    )
    environment = {
        **os.environ,
        "PATH": str(tmp_path),
        "CXX": str(tmp_path / "none"),
        "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache"),
    }
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    last = run.stderr.strip().splitlines()[-1]
    assert last.startswith("RuntimeError: compile=True could not compile the rule."), run.stderr
    assert "C++ compiler" in last
