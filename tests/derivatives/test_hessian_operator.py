import pytest
import torch

from course_lib.derivatives import HessianOperator, hessian_vector_product


def operator(f, parameters, **options):
    value = f(*parameters)
    gradients = torch.autograd.grad(value, parameters, create_graph=True, allow_unused=True)
    return HessianOperator(gradients, parameters, **options)


def test_it_agrees_with_the_courses_own_tape():
    def f(x):
        return (x * x * x).sum() + x[0] * x[1] * x[2]

    x = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64, requires_grad=True)
    v = torch.tensor([0.3, 1.0, -1.0], dtype=torch.float64)
    torch.testing.assert_close(
        operator(f, [x])([v])[0], hessian_vector_product(f, x.detach(), v), rtol=1e-14, atol=1e-14
    )


def test_it_is_symmetric_and_linear_over_several_parameters():
    a = torch.ones(2, 2, dtype=torch.float64, requires_grad=True)
    b = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    product = operator(lambda a, b: (a**2).sum() * b**3 + a[0, 1] * a[1, 0], [a, b])
    generator = torch.Generator().manual_seed(0)

    def draw():
        return [torch.randn(p.shape, generator=generator, dtype=p.dtype) for p in (a, b)]

    def inner(u, v):
        return sum((x * y).sum() for x, y in zip(u, v, strict=True))

    u, v = draw(), draw()
    torch.testing.assert_close(inner(u, product(v)), inner(v, product(u)))
    both = product([x + 2 * y for x, y in zip(u, v, strict=True)])
    apart = [x + 2 * y for x, y in zip(product(u), product(v), strict=True)]
    torch.testing.assert_close(both, apart)
    assert not any(p.requires_grad for p in both)


def test_what_the_function_does_not_depend_on_has_zero_products():
    a = torch.ones(2, requires_grad=True)
    unused = torch.ones(3, requires_grad=True)
    frozen = torch.ones(())
    gradient = torch.autograd.grad((a**2).sum(), a, create_graph=True)[0]
    product = HessianOperator([gradient, None, None], [a, unused, frozen])
    found = product([torch.ones(2), torch.ones(3), torch.ones(())])
    assert [p.tolist() for p in found] == [[2, 2], [0, 0, 0], 0]


def test_each_product_is_counted():
    a, counted = torch.ones(2, requires_grad=True), []
    product = operator(lambda a: (a**2).sum(), [a], count=lambda: counted.append(1))
    for _ in range(3):
        product([torch.ones(2)])
    assert len(counted) == 3


def test_what_does_not_fit_is_refused():
    a = torch.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match="one entry for each of the 1 parameters, got 2"):
        HessianOperator([None, None], [a])
    with pytest.raises(ValueError, match=r"vectors must have the shapes \[\(2,\)\]"):
        operator(lambda a: (a**2).sum(), [a])([torch.ones(3)])
