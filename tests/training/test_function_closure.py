import pytest
import torch

from course_lib.training import FunctionClosure


def start():
    return torch.tensor([1.0, 2.0], requires_grad=True)


class Counted:
    def __init__(self):
        self.calls = 0

    def __call__(self, x):
        self.calls += 1
        return (x**2).sum()


def test_a_function_is_not_evaluated_twice_at_a_point_nor_spoilt_by_writing_to_the_gradient():
    x, f = start(), Counted()
    closure = FunctionClosure(f, x)
    closure()
    x.grad.zero_()
    assert (closure().item(), x.grad.tolist(), f.calls) == (5.0, [2.0, 4.0], 1)
    x.data += 1
    assert (closure().item(), x.grad.tolist(), f.calls) == (13.0, [4.0, 6.0], 2)
    assert closure.touched == {"gradient": 2, "value": 0}


def test_several_points_are_remembered():
    """A line search may come back to a point that it has looked at before."""
    x, f = start(), Counted()
    closure = FunctionClosure(f, x)
    for t in (0.0, 1.0, 2.0, 1.0, 0.0):
        x.data.fill_(t)
        assert closure().item() == 2 * t * t
        assert closure.value().item() == 2 * t * t
        assert x.grad.tolist() == [2 * t, 2 * t]
    assert f.calls == 3
    assert closure.touched == {"gradient": 3, "value": 0}


def test_a_value_alone_costs_a_value_and_does_not_give_the_gradient_away():
    x, f = start(), Counted()
    closure = FunctionClosure(f, x)
    for _ in range(2):
        assert closure.value().item() == 5.0
        assert not closure.value().requires_grad
    assert x.grad is None
    assert closure.touched == {"gradient": 0, "value": 1}
    closure()
    assert x.grad.tolist() == [2.0, 4.0]
    assert closure.touched == {"gradient": 1, "value": 1}


def test_products_with_the_hessian_are_counted_and_the_point_paid_once():
    x = start()
    closure = FunctionClosure(lambda x: (x**3).sum() + x[0] * x[1], x)
    closure()
    value, product = closure.with_hessian()
    assert value.item() == 11.0
    assert x.grad.tolist() == [5.0, 13.0]
    assert [p.tolist() for p in product([torch.tensor([1.0, 0.0])])] == [[6.0, 1.0]]
    assert [p.tolist() for p in product([torch.tensor([0.0, 1.0])])] == [[1.0, 12.0]]
    assert closure.touched == {"gradient": 1, "value": 0, "hessian": 2}


@pytest.mark.parametrize("ask", ["__call__", "with_hessian"])
@pytest.mark.parametrize(
    ("f", "error"), [(lambda x: 3.0, TypeError), (lambda x: x * 2, ValueError),
                     (lambda x: torch.ones(()), ValueError)]
)  # fmt: skip
def test_what_is_no_function_of_x_is_refused(ask, f, error):
    with pytest.raises(error, match=r"f\(x\) must be a tensor of shape \(\)"):
        getattr(FunctionClosure(f, start()), ask)()
