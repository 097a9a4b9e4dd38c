import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from course_lib.derivatives import gradient, value_and_gradient
from course_lib.methods import SGD
from course_lib.operation_count import OperationCount, count_operations

sizes = st.integers(0, 7)


@given(sizes, sizes, sizes)
def test_a_product_of_matrices_is_a_multiplication_and_an_addition_for_each_triple(a, b, c):
    x, y = torch.ones(a, b), torch.ones(b, c)
    assert count_operations(torch.matmul, x, y) == 2 * a * b * c
    with FlopCounterMode(display=False) as torchs:
        x @ y
    assert count_operations(torch.matmul, x, y) == torchs.get_total_flops()


def test_each_entry_counts_once_and_moving_them_is_free():
    x = torch.ones(4, 5)
    assert count_operations(lambda: (x * 2 + 1).tanh()) == 3 * 20
    assert count_operations(lambda: x + torch.ones(3, 1, 1)) == 60
    assert count_operations(lambda: x.sum(dim=0)) == 20
    assert count_operations(lambda: x.T.reshape(-1)[3:].clone().expand(2, 17)) == 0
    assert count_operations(lambda: (x[0].diag(), x[x > 0])) == 20
    assert count_operations(lambda: x.cumsum(0)) == 20
    assert count_operations(lambda: (x.diagonal().unfold(0, 2, 1), x.real)) == 0
    assert count_operations(lambda: x.add_(1).mul_(2)) == 40
    assert count_operations(lambda: x.sub_(x, alpha=0.5)) == 2 * 20
    assert count_operations(torch.mv, x, torch.ones(5)) == 40
    assert count_operations(torch.dot, x[0], x[0]) == 10
    assert count_operations(torch.bmm, torch.ones(3, 4, 5), torch.ones(3, 5, 2)) == 3 * 2 * 40


def test_torchs_own_automatic_differentiation_is_seen():
    model, x = nn.Linear(30, 20), torch.ones(50, 30)
    with OperationCount() as forward:
        y = model(x).sum()
    assert forward.total == 50 * 20 * (2 * 30 + 1) + 50 * 20
    with OperationCount() as backward:
        y.backward()
    # Weights: as much as forward; biases: the sum over the samples.
    assert backward.by_name["mm"] == 2 * 50 * 20 * 30
    assert backward.total == 2 * 50 * 20 * 30 + 50 * 20


def test_our_reverse_mode_does_no_more_arithmetic_than_torchs():
    generator = torch.Generator().manual_seed(0)
    X, W, V = (torch.randn(s, generator=generator) for s in ((64, 30), (30, 20), (20, 1)))

    def loss(W, V):
        return ((X @ W).tanh() @ V).sum()

    def torchs():
        leaves = [W.clone().requires_grad_(), V.clone().requires_grad_()]
        torch.autograd.grad(loss(*leaves), leaves)

    ours = count_operations(value_and_gradient, loss, W, V)
    assert ours == pytest.approx(count_operations(torchs), rel=0.02)


def test_the_counts_add_up_and_are_kept_by_name():
    with OperationCount() as count:
        torch.ones(3).exp().sum()
        torch.ones(2).exp()
    assert count.by_name == {"exp": 5, "sum": 3}
    assert count.total == 8
    torch.ones(100).exp()  # outside
    assert count.total == 8


def test_a_count_is_the_same_every_time():
    def f(x):
        return (x.sin() * x).sum()

    counts = {count_operations(gradient, f, torch.randn(10)) for _ in range(3)}
    assert len(counts) == 1


@pytest.mark.parametrize(
    ("function", "transcendental"),
    [
        (lambda x: x * x + x.square() + x**3, 0),
        (lambda x: x.abs() ** 0.5, 1),
        (lambda x: x.abs().sqrt(), 0),
        (lambda x: x.sin() + x.exp().log1p(), 3),
        (torch.tanh, 1),
        (torch.sigmoid, 1),
        (F.mish, 3),
    ],
)
def test_transcendental_ones_are_told_apart(function, transcendental):
    with OperationCount() as count:
        function(torch.linspace(-2, 2, 8))
    assert count.transcendental == 8 * transcendental


def test_what_torch_does_in_one_go_is_taken_apart():
    with OperationCount() as count:
        F.silu(torch.ones(5))
    assert count.by_name == {"neg": 5, "exp": 5, "add": 5, "div": 5, "mul": 5}
    with OperationCount() as count:
        F.gelu(torch.ones(5))
    assert count.by_name["erf"] == 5
    assert count.total > 15


@pytest.mark.parametrize("f", [F.elu, F.gelu, F.silu, F.softplus, F.leaky_relu, torch.sigmoid])
def test_taken_apart_or_not_the_values_and_gradients_are_the_same(f):
    x = torch.linspace(-3, 3, 20, dtype=torch.float64).requires_grad_()
    expected = torch.autograd.grad(f(x).sum(), x)[0]
    with OperationCount() as count:
        torch.testing.assert_close(torch.autograd.grad(f(x).sum(), x)[0], expected)
    assert count.total > 0


def gaussian_elimination(A, b):
    """Solve A x = b, one row at a time, by divisions, multiplications and subtractions."""
    A, b, n = A.clone(), b.clone(), len(A)
    for k in range(n - 1):
        factors = A[k + 1 :, k] / A[k, k]
        A[k + 1 :, k + 1 :] -= factors[:, None] * A[k, k + 1 :]
        b[k + 1 :] -= factors[:, None] * b[k]
    for k in reversed(range(n)):
        b[k] = (b[k] - A[k, k + 1 :] @ b[k + 1 :]) / A[k, k]
    return b


def cholesky_by_hand(A):
    """The lower factor, column by column; only what lies on and below the diagonal is computed."""
    L, n = torch.zeros_like(A), len(A)
    for k in range(n):
        column = A[k:, k] - L[k:, :k] @ L[k, :k]
        L[k:, k] = column / column[0].sqrt()
    return L


@pytest.mark.parametrize("right_hand_sides", [1, 30])
def test_solving_equations_counts_as_elimination_by_hand(right_hand_sides):
    generator = torch.Generator().manual_seed(0)
    A = torch.eye(60, dtype=torch.float64) + 0.01 * torch.ones(60, 60, dtype=torch.float64)
    b = torch.randn(60, right_hand_sides, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(gaussian_elimination(A, b), torch.linalg.solve(A, b))
    torch.testing.assert_close(cholesky_by_hand(A), torch.linalg.cholesky(A))
    by_hand = count_operations(gaussian_elimination, A, b)
    for solve in (
        torch.linalg.solve,
        lambda A, b: torch.linalg.lu_solve(*torch.linalg.lu_factor(A), b),
    ):
        assert count_operations(solve, A, b) == pytest.approx(by_hand, rel=0.05)
    factors = count_operations(torch.linalg.cholesky, A)
    assert factors == pytest.approx(count_operations(cholesky_by_hand, A), rel=0.05)
    assert count_operations(torch.linalg.ldl_factor, A) == factors
    triangular = count_operations(
        lambda A, b: torch.linalg.solve_triangular(A, b, upper=True), A, b
    )
    factored = count_operations(torch.cholesky_solve, b, A)
    assert factored == 2 * triangular == 2 * 60**2 * right_hand_sides


def test_linear_algebra_grows_with_the_cube_and_with_the_number_of_matrices():
    for f in (torch.linalg.eigh, torch.linalg.inv, torch.linalg.cholesky):
        small, large = torch.eye(20), torch.eye(40)
        assert count_operations(f, large) == pytest.approx(8 * count_operations(f, small), rel=1e-3)
        many = small.expand(7, 20, 20)
        assert count_operations(f, many) == pytest.approx(7 * count_operations(f, small), rel=1e-3)
    assert count_operations(torch.linalg.eigh, torch.eye(20)) == 9 * 20**3
    assert count_operations(torch.linalg.solve, torch.eye(3), torch.ones(3)) == 18 + 18


def test_norms_and_operations_on_lists_count_each_entry():
    x, y = torch.ones(5), torch.ones(2, 3)
    assert count_operations(torch.linalg.vector_norm, x) == 2 * 5
    assert count_operations(torch._foreach_mul, [x, y], 2) == 5 + 6
    assert count_operations(lambda: torch._foreach_sub_([x, y], [x, y], alpha=0.1)) == 2 * (5 + 6)
    assert count_operations(lambda: torch._foreach_sub_([x, y], [x, y])) == 5 + 6
    assert count_operations(torch._foreach_addcmul, [x], [x], [x]) == 2 * 5
    assert count_operations(torch._foreach_norm, [x, y]) == 2 * (5 + 6)
    assert count_operations(torch._foreach_zero_, [x, y]) == 0
    with OperationCount() as count:
        torch._foreach_exp([x, y])
    assert count.transcendental == count.by_name["exp"] == 5 + 6
    with pytest.raises(NotImplementedError, match=r"got lerp"):
        count_operations(torch._foreach_lerp, [x], [x], 0.5)


def test_what_changes_in_place_is_noted_as_outside_of_the_block():
    x, y = torch.ones(3), torch.ones(2)
    with OperationCount():
        torch._foreach_add_([x, y], [x, y])
        x += 1
    assert (x._version, y._version) == (2, 1)


@pytest.mark.parametrize("method", [torch.optim.SGD, SGD])
def test_a_step_of_gradient_descent_is_a_multiplication_and_a_subtraction(method):
    x = torch.ones(30, requires_grad=True)
    x.grad = torch.ones(30)
    optimizer = method([x], lr=0.1)
    optimizer.step()  # a first step may look whether the rule keeps its promises
    assert count_operations(optimizer.step) == 2 * 30


def test_what_is_not_known_is_refused():
    with pytest.raises(NotImplementedError, match=r"must be known to be counted, got .*svd"):
        count_operations(torch.linalg.svd, torch.ones(2, 2))
    with pytest.raises(NotImplementedError, match="must be real to be counted, got complex mul"):
        count_operations(torch.mul, torch.tensor([1j]), 2)


def test_what_cannot_be_called_is_refused():
    with pytest.raises(TypeError, match="f must be a function of the arguments, got 3"):
        count_operations(3)
