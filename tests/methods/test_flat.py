"""All parameters as one vector."""

import pytest
import torch
from torch import nn

from course_lib.methods.flat import FlatParameters


def some():
    return [
        torch.arange(6.0).reshape(2, 3).t().requires_grad_(),
        torch.tensor(7.0).requires_grad_(),
        torch.zeros(0, 4).requires_grad_(),
        torch.tensor([8 + 9j]).requires_grad_(),
    ]


def test_reads_in_order_and_writes_back():
    params = some()
    flat = FlatParameters(params)
    assert flat.read().tolist() == [0, 3, 1, 4, 2, 5, 7, 8, 9]
    flat.write(flat.read() * 2)
    assert params[0].tolist() == [[0, 6], [2, 8], [4, 10]]
    assert params[3].tolist() == [16 + 18j]


def test_agrees_with_torchs_own_flattening():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    flat = FlatParameters(model.parameters())
    want = nn.utils.parameters_to_vector(model.parameters()).detach()
    assert torch.equal(flat.read(), want)


def test_what_is_read_is_a_copy():
    params = some()
    vector = FlatParameters(params).read()
    with torch.no_grad():
        params[1].fill_(0)
    assert vector[6] == 7


def test_gradients_may_be_missing_or_sparse():
    p, q = torch.zeros(3, 1, requires_grad=True), torch.zeros(2, requires_grad=True)
    p.grad = torch.sparse_coo_tensor([[1, 1]], [[2.0], [3.0]], (3, 1), check_invariants=True)
    assert FlatParameters([p, q]).gradient().tolist() == [0, 5, 0, 0, 0]


def test_the_vector_holds_the_numbers_of_all():
    half, double = torch.ones(1, dtype=torch.float16), torch.tensor([1 / 3], dtype=torch.float64)
    flat = FlatParameters([half, double])
    assert flat.dtype == torch.float64
    assert flat.owner is double
    assert [part.dtype for part in flat.split(flat.read())] == [torch.float16, torch.float64]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ([], "at least one parameter"),
        ([torch.ones(1, dtype=torch.float16), torch.ones(1, dtype=torch.bfloat16)], "one dtype"),
        ([torch.ones(1), torch.ones(1, device="meta")], "on one device"),
    ],
)
def test_what_cannot_be_one_vector_is_refused(params, message):
    with pytest.raises(ValueError, match=message):
        FlatParameters(params)
