"""What a rule may ask of the base, and the second forms that it may have for speed."""

import pytest
import torch

from course_lib.methods import Adam, HeavyBall, Method, RMSprop
from course_lib.methods.running import CHUNK, MANY
from course_lib.methods.sparse import on_entries
from tests.methods.catalogue import CASES
from tests.methods.parameters import leaf, parameters, run


class FirstAsking(Method):
    """Notes how many elements take their first step, and how many a later one."""

    states = {"v": "memory"}  # noqa: RUF012
    seen: list = []  # noqa: RUF012

    def __init__(self, params, **options):
        super().__init__(params, {"lr": 0.1}, **options)

    @staticmethod
    def update(x, g, v, *, first, t):
        FirstAsking.seen.append((x.numel(), first))
        x -= t * g


def test_a_rule_that_names_first_is_told_whether_there_was_a_state():
    FirstAsking.seen.clear()
    early, late, large = leaf(3), leaf(4), leaf(300, 200)
    optimizer = FirstAsking([early, late, large])
    late.grad = None
    optimizer.step()
    late.grad = torch.ones(4)
    optimizer.step()
    assert FirstAsking.seen[:2] == [(60_000, True), (3, True)]
    assert sorted(FirstAsking.seen[2:]) == [(3, False), (4, True), (60_000, False)]
    assert "step" not in optimizer.state[early]


def test_a_state_that_was_loaded_is_no_first_step():
    FirstAsking.seen.clear()
    p, q = leaf(3), leaf(3)
    saved = FirstAsking([p])
    saved.step()
    loaded = FirstAsking([q])
    loaded.load_state_dict(saved.state_dict())
    loaded.step()
    assert FirstAsking.seen == [(3, True), (3, False)]


class Fading(Method):
    """A letter that depends on k, and a count for it."""

    def __init__(self, params):
        super().__init__(params, {"lr": 1.0})

    def letters_at(self, group, k):
        return {"c": 1 / k}

    @staticmethod
    def update(x, g, *, t, c):
        x -= t * c * g


def test_letters_may_depend_on_the_step_of_each_parameter():
    often, seldom = (torch.zeros(2, requires_grad=True) for _ in range(2))
    optimizer = Fading([often, seldom])
    for k in range(4):
        often.grad = torch.ones(2)
        seldom.grad = torch.ones(2) if k % 2 else None
        optimizer.step()
    torch.testing.assert_close(often.detach(), torch.full((2,), -(1 + 1 / 2 + 1 / 3 + 1 / 4)))
    torch.testing.assert_close(seldom.detach(), torch.full((2,), -(1 + 1 / 2)))
    assert [optimizer.state[p]["step"] for p in (often, seldom)] == [4, 2]


def test_a_method_may_keep_the_step_without_asking_for_it():
    """torch's RMSprop saves one and needs one."""
    p = leaf(3)
    rmsprop = RMSprop([p])
    for _ in range(3):
        rmsprop.step()
    assert rmsprop.state[p]["step"] == 3


def test_on_entries_runs_a_rule_on_repeated_rows_once():
    x, s = torch.zeros(4, 2), torch.zeros(4, 2)
    seen = []

    def update(x, g, s, *, t):
        seen.append(g.clone())
        s += g * g
        x -= t * g

    g = torch.sparse_coo_tensor(
        [[2, 0, 2]], torch.tensor([[1.0, 1], [2, 2], [3, 3]]), (4, 2), check_invariants=True
    )
    on_entries(update)(x, g, s=s, t=0.5)
    assert torch.equal(seen[0], torch.tensor([[2.0, 2], [4, 4]]))
    assert torch.equal(x, torch.tensor([[-1.0, -1], [0, 0], [-2, -2], [0, 0]]))
    assert torch.equal(s, torch.tensor([[4.0, 4], [0, 0], [16, 16], [0, 0]]))


def test_on_entries_takes_dense_parts_complex_numbers_and_empty_gradients():
    x = torch.zeros(3, 2, dtype=torch.complex128)

    def sign(x, g):
        x -= g / g.abs()

    values = torch.tensor([[1 + 2j, -3 - 1j]], dtype=torch.complex128)
    g = torch.sparse_coo_tensor([[1]], values, (3, 2), check_invariants=True)
    on_entries(sign)(x, g)
    assert torch.equal(x[1], torch.tensor([-1 - 1j, 1 + 1j], dtype=torch.complex128))
    empty = torch.sparse_coo_tensor(torch.zeros(1, 0), values[:0], (3, 2), check_invariants=True)
    before = x.clone()
    on_entries(sign)(x, empty)
    assert torch.equal(x, before)


SECOND_FORMS = [
    c for c in CASES if (c.ours.update_in_place or c.ours.update_list) and not c.matrices
]


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("case", SECOND_FORMS, ids=str)
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128], ids=["real", "complex"])
def test_the_second_form_is_the_rule(case, dtype, monkeypatch):
    quick, plain = parameters(dtype), parameters(dtype)
    run(case.make(quick), quick, range(8))
    optimizer = case.make(plain)
    rule = optimizer.rule_of(optimizer.param_groups[0])
    for form in ("update_in_place", "update_list"):
        monkeypatch.setattr(rule, form, None)
    run(optimizer, plain, range(8))
    for x, y in zip(quick, plain, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("options", [{"bias_correction": False}, {"eps_inside": True}], ids=str)
@pytest.mark.parametrize("amsgrad", [False, True])
def test_the_second_form_is_the_rule_in_the_lectures_form(options, amsgrad, monkeypatch):
    p, q = leaf(50, dtype=torch.float64), leaf(50, dtype=torch.float64)
    options = {"lr": 0.1, "eps": 1e-2, "amsgrad": amsgrad, **options}
    run(Adam([p], **options), [p], range(8))
    monkeypatch.setattr(Adam, "update_in_place", None)
    run(Adam([q], **options), [q], range(8))
    torch.testing.assert_close(p, q, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("count", [MANY - 1, MANY, MANY + 1])
def test_many_small_tensors_beside_large_ones_take_the_steps_of_few(count):
    """From some number on they are gathered, and large ones stay a list."""
    shapes = [*[(3, i % 5 + 1) for i in range(count)], (300, 200), (CHUNK + 3,)]
    ours = [leaf(*s, seed=i, dtype=torch.float64) for i, s in enumerate(shapes)]
    theirs = [leaf(*s, seed=i, dtype=torch.float64) for i, s in enumerate(shapes)]
    together, alone = HeavyBall(ours, 0.1), [HeavyBall([p], 0.1) for p in theirs]
    for _ in range(4):
        together.step()
        for ball in alone:
            ball.step()
    for x, y in zip(ours, theirs, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-12, atol=1e-12)


def test_a_workplace_is_reused_and_neither_saved_nor_copied():
    p = leaf(300, 200)
    adam = Adam([p])
    adam.step()
    (w,) = adam._work.values()
    adam.step()
    assert adam._work[torch.float32] is w
    assert "_work" not in adam.__getstate__()
