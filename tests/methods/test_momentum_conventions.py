import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.methods import (
    SGD,
    HeavyBall,
    beta_from_momentum,
    buffer_from_last_step,
    last_step_from_buffer,
    momentum_from_beta,
)
from tests.methods.parameters import leaf
from tests.methods.test_momentum import steps_of

rates = st.lists(st.floats(0.01, 0.5), min_size=30, max_size=30)
momenta = st.lists(st.floats(0.01, 0.99), min_size=30, max_size=30)


@given(lrs=rates, values=momenta)
def test_with_the_converted_beta_the_lectures_form_takes_torchs_steps(lrs, values):
    p, q = leaf(5, dtype=torch.float64), leaf(5, dtype=torch.float64)
    ball, sgd = HeavyBall([p]), torch.optim.SGD([q], momentum=0.9)

    def ours(k):
        beta = beta_from_momentum(values[k], lrs[k], lrs[max(k - 1, 0)])
        ball.param_groups[0].update(lr=lrs[k], beta=beta)

    def theirs(k):
        sgd.param_groups[0].update(lr=lrs[k], momentum=values[k])

    a = steps_of(ball, p, torch.cos, 30, before_step=ours)
    b = steps_of(sgd, q, torch.cos, 30, before_step=theirs)
    for x, y in zip(a, b, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-10, atol=1e-10 * max(1.0, y.abs().max().item()))


@given(lrs=rates, values=momenta)
def test_with_the_converted_momentum_torchs_form_takes_the_lectures_steps(lrs, values):
    p, q = leaf(5, dtype=torch.float64), leaf(5, dtype=torch.float64)
    ball, sgd = HeavyBall([p]), torch.optim.SGD([q], momentum=0.9)

    def ours(k):
        ball.param_groups[0].update(lr=lrs[k], beta=values[k])

    def theirs(k):
        momentum = momentum_from_beta(values[k], lrs[k], lrs[max(k - 1, 0)])
        sgd.param_groups[0].update(lr=lrs[k], momentum=momentum)

    a = steps_of(ball, p, torch.cos, 30, before_step=ours)
    b = steps_of(sgd, q, torch.cos, 30, before_step=theirs)
    for x, y in zip(a, b, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-10, atol=1e-10 * max(1.0, x.abs().max().item()))


def test_left_as_it_is_the_momentum_means_another_path_after_the_first_stair():
    p, q = leaf(5, dtype=torch.float64), leaf(5, dtype=torch.float64)
    ball, sgd = HeavyBall([p], beta=0.9), torch.optim.SGD([q], momentum=0.9)
    paths = []
    for optimizer, x in ((ball, p), (sgd, q)):
        stair = optimizer.param_groups[0]
        paths.append(
            steps_of(
                optimizer,
                x,
                torch.cos,
                20,
                before_step=lambda k, stair=stair: stair.update(lr=0.1 if k < 10 else 0.01),
            )
        )
    torch.testing.assert_close(paths[0][10], paths[1][10], rtol=1e-12, atol=1e-12)
    moved = (paths[0][11] - paths[0][10]).norm()
    assert (paths[0][11] - paths[1][11]).norm() > 0.5 * moved


@pytest.mark.parametrize("to_torch", [True, False])
def test_a_run_goes_on_in_the_other_convention(to_torch):
    p = leaf(5, dtype=torch.float64)
    lr, value = 0.1, 0.9
    make = {"lecture": lambda p: HeavyBall([p], lr, value), "torch": lambda p: SGD([p], lr, value)}
    before, after = ("lecture", "torch") if to_torch else ("torch", "lecture")
    optimizer = make[before](p)
    steps_of(optimizer, p, torch.cos, 10)
    q = copy.deepcopy(p)
    heir = make[after](q)
    if to_torch:
        buffer = buffer_from_last_step(optimizer.state[p]["last_step"], lr)
        heir.state[q]["momentum_buffer"] = buffer
    else:
        last_step = last_step_from_buffer(optimizer.state[p]["momentum_buffer"], lr)
        heir.state[q]["last_step"] = last_step
    torch.testing.assert_close(
        steps_of(optimizer, p, torch.cos, 20)[-1],
        steps_of(heir, q, torch.cos, 20)[-1],
        rtol=1e-12,
        atol=1e-12,
    )


@given(st.floats(0, 2), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_the_two_conversions_undo_each_other(value, lr, previous_lr):
    there = momentum_from_beta(beta_from_momentum(value, lr, previous_lr), lr, previous_lr)
    assert there == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: beta_from_momentum(-0.1, 1.0, 1.0), "momentum must be .* got -0.1"),
        (lambda: beta_from_momentum(0.9, 1.0, 0.0), "previous_lr must be .* got 0.0"),
        (lambda: momentum_from_beta(0.9, 0.0, 1.0), "lr must be .* got 0.0"),
        (lambda: buffer_from_last_step(torch.ones(2), 0.0), "lr must be .* got 0.0"),
        (lambda: last_step_from_buffer(torch.ones(2), -1.0), "lr must be .* got -1.0"),
    ],
)
def test_what_has_no_meaning_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("convert", [buffer_from_last_step, last_step_from_buffer])
def test_only_tensors_are_converted(convert):
    with pytest.raises(TypeError, match=r"must be a tensor, got 1\.0"):
        convert(1.0, 0.1)
