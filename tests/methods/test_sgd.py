"""What is SGD's own; what it shares with all methods is in the conformance suite."""

import pytest
import torch

from course_lib.methods import SGD
from tests.methods.parameters import leaf


def test_plain_sgd_keeps_no_state():
    p = leaf(3)
    optimizer = SGD([p])
    optimizer.step()
    assert optimizer.state_dict()["state"] == {}


def test_momentum_that_sgd_would_leave_out_is_refused():
    p = leaf(3)
    saved = torch.optim.SGD([p], momentum=0.9).state_dict()
    with pytest.raises(ValueError, match=r"momentum must be 0, since SGD keeps none, got 0\.9"):
        SGD([p]).load_state_dict(saved)
    with pytest.raises(ValueError, match="momentum must be 0"):
        SGD([{"params": [p], "momentum": 0.9}])


def test_lr_zero_is_allowed_and_moves_nothing():
    p = leaf(3)
    before = p.detach().clone()
    SGD([p], lr=0.0).step()
    assert torch.equal(p, before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex128])
def test_sgd_of_lists_is_sgd_of_the_rule(dtype):
    xs, gs = [leaf(n, seed=n, dtype=dtype).detach() for n in (1, 5, 1000)], []
    gs = [torch.randn_like(x) for x in xs]
    ys = [x.clone() for x in xs]
    SGD.update_list(xs, gs, t=0.1)
    for x, y, g in zip(xs, ys, gs, strict=True):
        SGD.update(y, g, t=0.1)
        eps = torch.finfo(dtype).eps
        torch.testing.assert_close(x, y, rtol=4 * eps, atol=4 * eps)
