"""How far from the minimum rounding may leave linear CG after n steps: a running error analysis."""

import torch
from torch.autograd.functional import jacobian
from torch.linalg import cholesky, matrix_norm, vector_norm


def cg_step(A, b, x, d):
    """One step on x'Ax/2 - b'x, in formulas of the paper: the next iterate and direction."""
    Ad = A @ d
    x = x - ((A @ x - b) @ d) / (d @ Ad) * d
    g = A @ x - b
    return x, -g + (g @ Ad) / (d @ Ad) * d


def local_errors(A, b, x, d):
    """Bounds of the rounding errors that one step makes in its iterate and in its direction.

    A product of an n-vector is known up to gamma times the product of the norms (Higham, *Accuracy
    and Stability of Numerical Algorithms*, 2002, chapter 3), a gradient Ax - b that autograd sums
    from two halves up to twice that.
    """
    gamma = 2 * (len(b) + 3) * torch.finfo(A.dtype).eps
    size, length, Ad = matrix_norm(A), vector_norm(d), A @ d
    curvature, error_of_curvature = d @ Ad, gamma * size * length**2
    x_next, _ = cg_step(A, b, x, d)

    def gradient(x):
        return vector_norm(A @ x - b), gamma * (size * vector_norm(x) + vector_norm(b))

    g, error_of_g = gradient(x)
    t = ((A @ x - b) @ d).abs() / curvature
    error_of_t = ((error_of_g + gamma * g) * length + t * error_of_curvature) / curvature
    error_of_x = error_of_t * length + gamma * (t * length + vector_norm(x))

    g, error_of_g = gradient(x_next)
    beta = ((A @ x_next - b) @ Ad).abs() / curvature
    error_of_product = error_of_g * vector_norm(Ad) + gamma * g * size * length
    error_of_beta = (error_of_product + beta * error_of_curvature) / curvature
    error_of_d = error_of_g + error_of_beta * length + gamma * (beta * length + g)
    return error_of_x, error_of_d


def gap_by_rounding(A, b, x):
    """A bound of F(x_n) - F(x*) for n steps of CG from x in the dtype of A.

    Without rounding the gap is zero. Each step's errors are carried to the end by the derivatives
    of the steps after it, and their lengths there, in the norm of A, are added up. What is of
    second order in the errors is left out; twice the sum allows for it.
    """
    n, d = len(b), b - A @ x
    gamma = 2 * (n + 3) * torch.finfo(A.dtype).eps
    errors = [(torch.zeros(()), gamma * (matrix_norm(A) * vector_norm(x) + vector_norm(b)))]
    derivatives = []
    for _ in range(n):
        blocks = jacobian(lambda x, d: torch.cat(cg_step(A, b, x, d)), (x, d))
        derivatives.append(torch.cat(blocks, dim=1))
        errors.append(local_errors(A, b, x, d))
        x, d = cg_step(A, b, x, d)
    total, to_end = 0.0, torch.cat([cholesky(A).T, torch.zeros_like(A)], dim=1)
    for error_of_x, error_of_d in reversed(errors):
        total += float(matrix_norm(to_end[:, :n], 2) * error_of_x)
        total += float(matrix_norm(to_end[:, n:], 2) * error_of_d)
        if derivatives:
            to_end = to_end @ derivatives.pop()
    return (2 * total) ** 2 / 2
