"""Rules under torch.compile, and without a compiler."""

import functools
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch._dynamo

from course_lib.methods import (
    SGD,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    HeavyBall,
    Lion,
    Method,
    Nesterov,
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


def _change(group, k):
    """Change every number that a schedule may change, as one-cycle does with the momentum."""
    group["lr"], group["weight_decay"] = 0.1 / (k + 1), 0.1 + 0.01 * k
    for name in ("momentum", "alpha", "beta"):
        if group.get(name, 0):
            group[name] = 0.9 - 0.02 * k
    if "betas" in group:
        group["betas"] = (0.9 - 0.02 * k, 0.99 - 0.01 * k)


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize(
    "method",
    [
        functools.partial(SGD, momentum=0.9, nesterov=True),
        HeavyBall,
        Nesterov,
        Adagrad,
        functools.partial(RMSprop, momentum=0.9, centered=True),
        functools.partial(Adam, amsgrad=True),
        AdamW,
        Adamax,
        Lion,
        ScheduleFreeSGD,
        ScheduleFreeAdamW,
    ],
    ids=lambda method: getattr(method, "func", method).__name__,
)
def test_compiled_takes_the_same_steps_and_compiles_once(method):
    shapes = [(3,), (40, 50), (300, 200), (2 * CHUNK + 1,)]
    ours = [leaf(*s, seed=i, dtype=torch.float64) for i, s in enumerate(shapes)]
    theirs = [leaf(*s, seed=i, dtype=torch.float64) for i, s in enumerate(shapes)]
    fast = method(ours, compile=True, weight_decay=0.1, maximize=True)
    plain = method(theirs, weight_decay=0.1, maximize=True)
    for k in range(12):
        if k == 2:
            compiled_so_far = torch._dynamo.utils.counters["stats"]["unique_graphs"]
        for optimizer in (fast, plain):
            _change(optimizer.param_groups[0], k)
            optimizer.step()
    for x, y in zip(ours, theirs, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-10, atol=1e-10)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == compiled_so_far
    assert not torch._dynamo.utils.counters["graph_break"]


@needs_compiler
@pytest.mark.slow
def test_compiled_runs_many_tensors_of_many_kinds_each_as_alone():
    """More tensors than a graph takes, four dtypes, complex numbers; no graph is thrown away."""
    dtypes = [torch.float64, torch.float32, torch.bfloat16, torch.complex64]
    shapes = [(200, 100 + i) for i in range(vector_rule.TOGETHER + 3)] + [(7,), (5, 5)]
    for dtype in dtypes:
        ours = [leaf(*s, seed=i, dtype=dtype) for i, s in enumerate(shapes)]
        theirs = [leaf(*s, seed=i, dtype=dtype) for i, s in enumerate(shapes)]
        fast, plain = Adam(ours, lr=0.1, compile=True), Adam(theirs, lr=0.1)
        for k in range(6):
            if k == 2:
                compiled_so_far = torch._dynamo.utils.counters["stats"]["unique_graphs"]
            fast.step()
            plain.step()
        tolerance = {torch.float64: 1e-10, torch.bfloat16: 0.05}.get(dtype, 1e-5)
        for x, y in zip(ours, theirs, strict=True):
            torch.testing.assert_close(x, y, rtol=tolerance, atol=tolerance)
        assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == compiled_so_far


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("step", [20_000, 15_000, 100], ids=["beside", "overlapping", "small too"])
def test_compiled_takes_every_step_of_tensors_in_one_storage(step):
    """Views of one buffer, side by side or overlapping, large and small."""

    def run(**options):
        buffer = torch.linspace(-1, 1, 100_000, dtype=torch.float64)
        views = [buffer[i * step :][: 20_000 - 150 * (i % 2)].requires_grad_() for i in range(4)]
        views += [buffer[i * step :][:100].view(10, 10).requires_grad_() for i in range(2)]
        optimizer = Adam(views, lr=0.1, **options)
        for _ in range(4):
            for view in views:
                view.grad = view.detach().cos()
            optimizer.step()
        return buffer

    torch.testing.assert_close(run(compile=True), run(), rtol=1e-10, atol=1e-10)


@needs_compiler
@pytest.mark.slow
def test_compiled_a_rule_that_takes_letters_as_numbers_still_takes_its_steps():
    """It is cut into several graphs, for `if` and `alpha=` want a number."""

    class Wary(Method):
        def letters(self, group):
            return {"t": group["lr"], "decay": group["weight_decay"]}

        coupled_weight_decay = False

        @staticmethod
        def update(x, g, *, t, decay):
            if decay > 0.1:
                x.mul_(1 - t * decay)
            x.sub_(g.sign(), alpha=t)

    p, q = leaf(300, 200), leaf(300, 200)
    for x, compile in ((p, True), (q, False)):
        optimizer = Wary([x], {"lr": 0.1, "weight_decay": 0.0}, compile=compile)
        for decay in (0.0, 0.2, 0.3):
            optimizer.param_groups[0]["weight_decay"] = decay
            optimizer.step()
    torch.testing.assert_close(p, q)


@needs_compiler
@pytest.mark.slow
def test_compiled_a_rule_that_counts_its_steps_is_not_compiled_for_each():
    class Fading(Method):
        def letters(self, group):
            return {"t": group["lr"]}

        @staticmethod
        def update(x, g, *, k, t):
            x -= t / k * g

    p, q = leaf(300, 200), leaf(300, 200)
    fast, plain = Fading([p], {"lr": 0.1}, compile=True), Fading([q], {"lr": 0.1})
    for k in range(12):
        if k == 3:
            compiled_so_far = torch._dynamo.utils.counters["stats"]["unique_graphs"]
        fast.step()
        plain.step()
    torch.testing.assert_close(p, q)
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
    assert last.startswith("RuntimeError: compile=True could not compile the rule ("), run.stderr
    assert "C++ compiler" in last


def _with_sub(x, g, *, t):
    x.sub_(g, alpha=t)


def _with_value(x, g, *, t):
    x.sub_(torch.addcmul(g, g, g, value=t))


def _with_branch(x, g, *, t):
    if t > 0.04:
        x -= t * g
    else:
        x.sub_(torch.full_like(x, t) * g)


def _changing_its_letter(x, g, *, t):
    t *= 2
    x -= t * g


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("rule", [_with_sub, _with_value, _with_branch, _changing_its_letter])
def test_compiled_a_rule_of_ones_own_follows_every_learning_rate(rule):
    """Also across optimizers, and where torch wants the letter as a number."""

    class Own(Method):
        update = staticmethod(rule)

        def letters(self, group):
            return {"t": group["lr"]}

    def run(**options):
        params = [leaf(300, 200 + i, seed=i, dtype=torch.float64) for i in range(3)]
        for lr in (0.1, 0.001):
            optimizer = Own(params, {"lr": lr}, **options)
            for k in range(3):
                optimizer.param_groups[0]["lr"] = lr / (k + 1)
                optimizer.step()
        return params

    for x, y in zip(run(compile=True), run(), strict=True):
        torch.testing.assert_close(x, y, rtol=1e-12, atol=1e-12)


@needs_compiler
@pytest.mark.slow
def test_compiled_takes_gradients_with_a_sign_yet_to_be_taken():
    def run(**options):
        p = leaf(300, 200)
        p.grad = torch.complex(torch.zeros_like(p.grad), p.grad).conj().imag
        assert p.grad.is_neg()
        Adam([p], lr=0.1, **options).step()
        return p

    torch.testing.assert_close(run(compile=True), run())


@needs_compiler
@pytest.mark.slow
def test_compiled_takes_dtypes_that_share_a_storage_and_storages_that_share_memory():
    def run(**options):
        buffer = torch.zeros(80_000)
        same = np.zeros(40_000, "f4")
        params = [
            buffer[:20_000],
            buffer[20_000:60_000].view(torch.float64),
            torch.from_numpy(same),
            torch.from_numpy(same),
        ]
        for p in params:
            p.requires_grad_().grad = torch.ones_like(p)
        Adam(params, lr=1.0, **options).step()
        return buffer, torch.from_numpy(same)

    for x, y in zip(run(compile=True), run(), strict=True):
        torch.testing.assert_close(x, y)
    assert (run(compile=True)[1] + 2).abs().max() < 1e-6


def test_a_step_inside_a_graph_of_torchs_is_not_mistaken_for_none():
    p = leaf(300, 200)
    before = p.detach().clone()
    torch.compile(Adam([p]).step, backend="eager")()
    assert not torch.equal(p, before)
