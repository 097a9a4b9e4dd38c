import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.derivatives import Dual, gradient, jacobian_by_columns, jacobian_by_rows, jvp


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


numbers = st.floats(-100, 100)


@given(numbers, numbers, numbers, numbers)
def test_dual_numbers_multiply_by_the_rule_epsilon_squared_is_zero(a, da, b, db):
    x, y = Dual(double(a), double(da)), Dual(double(b), double(db))
    product = x * y
    assert product.value == a * b
    torch.testing.assert_close(product.tangent, double(da * b + a * db))
    assert (x + y).tangent == da + db
    back = product / y if abs(b) > 1e-3 else x
    torch.testing.assert_close(back.tangent, double(da), rtol=1e-8, atol=1e-6)


def test_epsilon_times_epsilon_is_zero():
    epsilon = Dual(double(0.0), double(1.0))
    square = epsilon * epsilon
    assert square.value == square.tangent == 0


def test_a_constant_function_has_the_derivative_zero():
    value, along = jvp(lambda x: double(1.0, 2.0, 3.0), double(1.0), double(1.0))
    assert torch.equal(value, double(1.0, 2.0, 3.0))
    assert torch.equal(along, double(0.0, 0.0, 0.0))


@given(st.integers(0, 4), st.integers(0, 4), st.integers(0, 100))
def test_columns_rows_and_torch_give_the_same_jacobian(m, n, seed):
    generator = torch.Generator().manual_seed(seed)
    A, x = (torch.randn(s, generator=generator, dtype=torch.float64) for s in ((m, n), (n,)))

    def f(x):
        return (A @ x).sin() * (1 + x * x).log().sum()

    columns = jacobian_by_columns(f, x)
    assert columns.shape == (m, n)
    torch.testing.assert_close(columns, jacobian_by_rows(f, x), rtol=1e-10, atol=1e-12)
    if m * n:
        torch.testing.assert_close(columns, torch.func.jacfwd(f)(x), rtol=1e-10, atol=1e-12)


def test_a_scalar_functions_jacobian_by_columns_is_its_gradient():
    x = double(0.1, 0.2, 0.3)
    f = lambda x: (x.exp() / x).sum()  # noqa: E731
    torch.testing.assert_close(jacobian_by_columns(f, x), gradient(f, x))


def test_the_tangent_is_spread_with_the_value():
    _, along = jvp(
        lambda x: x + torch.zeros(2, 3, dtype=torch.float64),
        double(1.0, 2.0, 3.0),
        double(4.0, 5.0, 6.0),
    )
    assert torch.equal(along, double(4.0, 5.0, 6.0).expand(2, 3))


def test_a_derivative_inside_a_derivative_does_not_mix_up_the_variables():
    one = torch.tensor(1.0, dtype=torch.float64)
    # d/dx (x · d/dy (x + y)) = 1; dual numbers without levels say 2.
    assert jvp(lambda x: x * jvp(lambda y: x + y, one, one)[1], one, one)[1] == 1
    assert jvp(lambda x: x * gradient(lambda y: x + y, one), one, one)[1] == 1
    assert gradient(lambda x: x * jvp(lambda y: x + y, one, one)[1], one) == 1
    # d/dx (x · d/dy (x² y)) = 3 x².
    assert jvp(lambda x: x * jvp(lambda y: x * x * y, one, one)[1], 2 * one, one)[1] == 12


@given(st.integers(1, 5), st.floats(0.2, 3))
def test_nested_duals_give_derivatives_of_any_order(order, at):
    one, x = torch.ones((), dtype=torch.float64), torch.tensor(at, dtype=torch.float64)

    def nth(f, n):
        return f if n == 0 else nth(lambda x: jvp(f, x, one)[1], n - 1)

    # The n-th derivative of exp(2x) is 2ⁿ exp(2x).
    got = nth(lambda x: (2 * x).exp(), order)(x)
    torch.testing.assert_close(got, 2**order * (2 * x).exp())


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            (1.0, double(1.0)),
            TypeError,
            "value must be a tensor of dtype .*got 1.0",
        ),
        ((double(1.0), 1.0), TypeError, "tangent must be a tensor .*got 1.0"),
        (
            (double(1.0), double(1.0, 2.0)),
            ValueError,
            r"tangent must have shape \(1,\), got \(2,\)",
        ),
        ((double(1.0), torch.ones(1)), TypeError, "tangent must have dtype torch.float64"),
        ((torch.tensor(1), torch.tensor(1)), TypeError, "value must be .*got int64"),
        ((torch.ones(1, requires_grad=True), torch.ones(1)), ValueError, "requires grad"),
    ],
)
def test_a_dual_number_is_two_tensors_of_one_form(arguments, error, message):
    with pytest.raises(error, match=message):
        Dual(*arguments)


def test_functions_must_be_functions_of_tensors():
    with pytest.raises(TypeError, match="f must be a function of a tensor, got None"):
        jvp(None, double(1.0), double(1.0))
    with pytest.raises(TypeError, match=r"what f returns must be a tensor .*got 2"):
        jvp(lambda x: 2, double(1.0), double(1.0))
    with pytest.raises(TypeError, match=r"x must be a tensor .*got 2"):
        jacobian_by_columns(lambda x: x, 2)
    with pytest.raises(TypeError, match=r"x must be a tensor .*got int64"):
        jvp(lambda x: x, torch.tensor(1), double(1.0))
    with pytest.raises(ValueError, match=r"v must have shape \(2,\), got \(1,\)"):
        jvp(lambda x: x, double(1.0, 2.0), double(1.0))
