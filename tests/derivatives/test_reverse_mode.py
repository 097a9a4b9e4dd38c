import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.derivatives import (
    Dual,
    Tape,
    Variable,
    gradient,
    jacobian_by_rows,
    value_and_gradient,
    vjp,
)


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_a_value_used_twice_collects_from_both_uses():
    tape = Tape()
    x = tape.input(double(2.0, 3.0))
    y = x * x + x.sin() + x
    adjoints = tape.backward(y.sum())
    torch.testing.assert_close(adjoints[x.line], 2 * x.value + x.value.cos() + 1)


@given(st.integers(1, 200))
def test_a_long_chain_of_uses_is_counted_in_full(times):
    def f(x):
        total = x
        for _ in range(times):
            total = total + x
        return total

    assert gradient(f, double(1.0)[0]) == times + 1


def test_a_chain_longer_than_pythons_recursion():
    def f(x):
        for _ in range(20_000):
            x = x * 1.0001
        return x

    slope = gradient(f, torch.tensor(1.0, dtype=torch.float64))
    assert slope.item() == pytest.approx(1.0001**20_000, rel=1e-9)


def test_a_tape_is_not_used_up_and_keeps_nothing_between_walks():
    tape = Tape()
    x = tape.input(double(1.0, 2.0))
    y = (x * x).sum()
    first, second = tape.backward(y)[x.line], tape.backward(y)[x.line]
    assert torch.equal(first, second)
    z = x.exp().sum()  # recorded after the first walk
    assert torch.equal(tape.backward(z)[x.line], x.value.exp())
    assert tape.backward(y)[z.line] is None
    assert torch.equal(tape.backward(y)[x.line], first)


def test_the_lines_are_the_operations_in_their_order():
    tape = Tape()
    a, b = tape.input(double(1.0)), tape.input(double(2.0, 3.0))
    ((a * b).exp() + 1).sum()
    assert [node.name for node in tape.nodes] == ["input", "input", "*", "exp", "+", "sum"]
    assert [[line for line, _ in node.sources] for node in tape.nodes] == [
        [], [], [0, 1], [2], [3], [4],
    ]  # fmt: skip
    assert tape.numbers_kept == 1 + 2 + 2 + 2 + 2 + 1


def test_what_does_not_count_has_no_adjoint_or_gradient_zero():
    tape = Tape()
    a, b = tape.input(double(1.0)), tape.input(double(2.0))
    adjoints = tape.backward(a.exp())
    assert adjoints[b.line] is None
    _, (_, zero) = value_and_gradient(lambda a, b: (a * 2).sum(), double(1.0), double(2.0, 3.0))
    assert torch.equal(zero, double(0.0, 0.0))
    assert torch.equal(gradient(lambda x: double(7.0)[0], double(1.0, 2.0)), double(0.0, 0.0))


def test_an_output_of_several_entries_needs_a_seed():
    tape = Tape()
    x = tape.input(double(1.0, 2.0))
    y = x * x
    with pytest.raises(ValueError, match=r"seed must be given .*got None for shape \(2,\)"):
        tape.backward(y)
    with pytest.raises(ValueError, match=r"seed must have shape \(2,\), got \(1,\)"):
        tape.backward(y, double(1.0))
    with pytest.raises(TypeError, match=r"seed must have dtype torch.float64, got torch.float32"):
        tape.backward(y, torch.ones(2))
    with pytest.raises(TypeError, match=r"seed must be a tensor of dtype .*got 1.0"):
        tape.backward(y, 1.0)
    torch.testing.assert_close(tape.backward(y, double(1.0, -1.0))[x.line], double(2.0, -4.0))
    assert torch.equal(
        gradient(lambda x: x.sum(dim=0, keepdim=True), double(1.0, 2.0)), torch.ones(2).double()
    )


def test_variables_of_two_dtypes_do_not_mix():
    tape = Tape()
    single, two = tape.input(torch.ones(2)), tape.input(double(1.0, 2.0))
    with pytest.raises(
        TypeError, match=r"operand must have dtype torch.float32, got torch.float64"
    ):
        single + two


def test_outputs_of_other_tapes_are_refused():
    tape, other = Tape(), Tape()
    x, y = tape.input(double(1.0)), other.input(double(1.0))
    for wrong in (y, double(1.0), None):
        with pytest.raises(ValueError, match="output must be a variable of this tape, got"):
            tape.backward(wrong)
    mixed = x * y  # x is a constant for the newer tape
    assert mixed.tape is other


@pytest.mark.parametrize("spoil", ["input", "middle", "view"])
def test_values_changed_in_place_are_noticed(spoil):
    tape, start = Tape(), double(1.0, 2.0)
    x = tape.input(start)
    y = x.exp()
    z = (y * x[:1]).sum()
    {"input": start, "middle": y.value, "view": start[1:]}[spoil].mul_(2)
    with pytest.raises(RuntimeError, match=r"must stay as they were recorded, got line .* changed"):
        tape.backward(z)


def test_adding_in_place_makes_a_new_value():
    def f(x):
        before = x * 1
        x += 1
        return (before * x).sum()

    torch.testing.assert_close(gradient(f, double(3.0)), double(7.0))


def test_it_works_on_inference_tensors():
    with torch.inference_mode():
        assert torch.equal(gradient(lambda x: (x * x).sum(), double(1.0, 2.0)), double(2.0, 4.0))


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (torch.tensor([1, 2]), TypeError, "value must be .*got int64"),
        (torch.tensor([True]), TypeError, "got bool"),
        (torch.tensor([1j]), TypeError, "got complex64"),
        (1.0, TypeError, "value must be a tensor of dtype .*got 1.0"),
        ("x", TypeError, "value must be .*got 'x'"),
        ([1.0], TypeError, "value must be"),
        (torch.ones(2, requires_grad=True), ValueError, "got one that requires grad"),
    ],
)
def test_inputs_are_real_tensors(value, error, message):
    with pytest.raises(error, match=message):
        Tape().input(value)


def test_functions_must_return_something_to_differentiate():
    for wrong in (1.0, None, "y", [1.0]):
        with pytest.raises(TypeError, match="what f returns must be a tensor"):
            gradient(lambda x, wrong=wrong: wrong, double(1.0))
    with pytest.raises(TypeError, match="f must be a function of tensors, got 3"):
        gradient(3, double(1.0))
    with pytest.raises(ValueError, match=r"f must return a single number, got shape \(2,\)"):
        gradient(lambda x: x * x, double(1.0, 2.0))
    with pytest.raises(TypeError, match=r"x must be a tensor .*got int64"):
        gradient(lambda x: x.sum(), torch.tensor([1, 2]))


def test_nan_and_infinity_pass_through():
    x = double(float("nan"), float("inf"), 1.0)
    slope = gradient(lambda x: (x * x).sum(), x)
    assert slope[0].isnan()
    assert slope[1:].tolist() == [float("inf"), 2.0]


@given(st.integers(0, 4), st.integers(0, 4), st.integers(0, 100))
def test_a_jacobian_by_rows_is_torchs(m, n, seed):
    generator = torch.Generator().manual_seed(seed)
    A, x = (torch.randn(s, generator=generator, dtype=torch.float64) for s in ((m, n), (n,)))

    def f(x):
        return (A @ x).tanh() * (x * x).sum()

    ours = jacobian_by_rows(f, x)
    assert ours.shape == (m, n)
    if m * n:
        torch.testing.assert_close(ours, torch.func.jacrev(f)(x), rtol=1e-10, atol=1e-12)


def test_a_jacobian_of_a_matrix_has_the_shapes_one_after_the_other():
    x = torch.arange(6.0, dtype=torch.float64).reshape(2, 3) / 7
    f = lambda x: (x.mT @ x).sin()  # noqa: E731
    torch.testing.assert_close(jacobian_by_rows(f, x), torch.func.jacrev(f)(x))
    with pytest.raises(TypeError, match="x must be a tensor"):
        jacobian_by_rows(f, [1.0])


def test_pullbacks_are_linear_and_reusable():
    _, pull = vjp(lambda a, b: a * b.exp(), double(1.0, 2.0), double(0.5, -1.0))
    u, v = double(1.0, 2.0), double(-3.0, 0.25)
    for both, one, two in zip(pull(u + v), pull(u), pull(v), strict=True):
        torch.testing.assert_close(both, one + two)


def test_a_derivative_inside_a_derivative_does_not_mix_up_the_variables():
    one = torch.tensor(1.0, dtype=torch.float64)
    # d/dx (x · d/dy (x + y)) = 1; an engine without levels says 2.
    assert gradient(lambda x: x * gradient(lambda y: x + y, one), one) == 1
    # d/dx (x · d/dy (x² y)) = 3 x².
    assert gradient(lambda x: x * gradient(lambda y: x * x * y, one), 2 * one) == 12


def test_reverse_over_reverse_gives_torchs_hessian():
    A = torch.randn(4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    f = lambda x: ((A @ x).tanh() * x[0]).sum() + (x[[0, 0, 1]] ** 3).sum()  # noqa: E731
    x = double(0.3, -0.2, 0.5, 1.0)
    twice = jacobian_by_rows(lambda x: gradient(f, x), x)
    torch.testing.assert_close(twice, torch.func.hessian(f)(x))


def test_its_values_tell_what_they_are():
    tape = Tape()
    assert repr(tape.input(torch.tensor(2.0))) == "Variable(tensor(2.), line=0)"
    assert isinstance(tape.input(Dual(torch.tensor(1.0), torch.tensor(1.0))), Variable)
