"""Each method takes torch's steps in every configuration of torch's own database of optimizers.

Left out are the switches that choose an implementation and not a method.
"""

import functools

import pytest
import torch
from torch.optim import lr_scheduler
from torch.testing._internal.common_optimizers import OptimizerErrorEnum, optim_db

from course_lib.methods import SGD, Adagrad, Adam, Adamax, AdamW, RMSprop, SparseAdam
from tests.methods.parameters import parameters, set_gradients

METHODS = (SGD, Adagrad, RMSprop, Adam, AdamW, SparseAdam, Adamax)
SWITCHES = {"foreach", "fused", "capturable", "differentiable"}
RECORDS = {info.optim_cls: info for info in optim_db}
STEPS = 200


def in_double(value):
    """Tensors among the options in float64: torch computes with them in their own dtype."""
    if isinstance(value, tuple):
        return tuple(map(in_double, value))
    return value.double() if isinstance(value, torch.Tensor) else value


def configurations():
    """Method, torch's counterpart and options, without repetitions."""
    for ours in METHODS:
        theirs = getattr(torch.optim, ours.__name__)
        seen = []
        for device in ("cpu", "cuda", "mps"):  # each has options that the others have not
            for given in RECORDS[theirs].optim_inputs_func(device=device):
                options = {k: in_double(v) for k, v in given.kwargs.items() if k not in SWITCHES}
                if str(options) not in seen:
                    seen.append(str(options))
                    yield pytest.param(ours, theirs, options, id=f"{ours.__name__}-{given.desc}")


def refusals():
    """Method, torch's error input, for the errors that are not about a switch."""
    for ours in METHODS:
        record = RECORDS[getattr(torch.optim, ours.__name__)]
        for error in record.optim_error_inputs_func(device="cpu", dtype=torch.float32):
            given = error.optimizer_error_input
            if not SWITCHES & given.kwargs.keys():
                yield pytest.param(ours, error, id=f"{ours.__name__}-{given.desc}")


every = pytest.mark.parametrize(("ours", "theirs", "options"), list(configurations()))


def few_parameters(sparse=False):
    """A vector, one in several chunks, a transposed tensor; a scalar, unless `sparse`."""
    params = parameters()
    return [params[0], params[1], params[4], *([] if sparse else [params[2]])]


@functools.cache
def gradients(k, sparse):
    """Random gradients of step `k`, some of them missing; sparse ones have some of the rows."""
    params = few_parameters(sparse)
    set_gradients(params, k)
    if sparse:
        for p in params:
            if p.grad is not None:
                rows = torch.rand(len(p), generator=torch.Generator().manual_seed(k)) < 1 / 3
                p.grad = (p.grad * rows.view(-1, *[1] * (p.dim() - 1))).to_sparse(1)
    return [p.grad for p in params]


def assert_equal_steps(ours, theirs, params, *, sparse=False, schedulers=()):
    """Run both for 200 steps, and compare after each."""
    ours_params, theirs_params = params
    for k in range(STEPS):
        for optimizer, some in ((ours, ours_params), (theirs, theirs_params)):
            for p, g in zip(some, gradients(k, sparse), strict=True):
                p.grad = g
            optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
        for x, y in zip(ours_params, theirs_params, strict=True):
            error = (x - y).abs().max() / y.abs().max()
            assert error <= 1e-10, f"step {k + 1}, shape {tuple(x.shape)}"


def test_the_database_knows_every_method():
    methods = {param.values[0] for param in configurations()}
    assert methods == set(METHODS)
    assert len(list(configurations())) >= 40


@every
@pytest.mark.usefixtures("small_chunks")
def test_takes_torchs_steps(ours, theirs, options):
    sparse = ours is SparseAdam
    params = [few_parameters(sparse) for _ in range(2)]
    optimizers = (make(p, **options) for make, p in zip((ours, theirs), params, strict=True))
    assert_equal_steps(*optimizers, params, sparse=sparse)


@every
@pytest.mark.usefixtures("small_chunks")
def test_takes_torchs_steps_with_several_groups_and_schedulers(ours, theirs, options):
    sparse = ours is SparseAdam
    params = [few_parameters(sparse) for _ in range(2)]

    def make(method, some):
        second = {"lr": 0.02} if sparse else {"lr": 0.02, "weight_decay": 0.05}
        third = {"lr": torch.tensor(0.005, dtype=torch.float64)}
        groups = [{"params": some[:1]}, {"params": some[1:2], **second}]
        return method([*groups, {"params": some[2:], **third}], **options)

    def schedulers(optimizer):
        return [
            lr_scheduler.StepLR(optimizer, 30, 0.5),
            lr_scheduler.LambdaLR(optimizer, lambda k: 1 / (1 + 0.01 * k)),
        ]

    optimizers = [make(m, p) for m, p in zip((ours, theirs), params, strict=True)]
    both = [scheduler for optimizer in optimizers for scheduler in schedulers(optimizer)]
    assert_equal_steps(*optimizers, params, sparse=sparse, schedulers=both)


@pytest.mark.parametrize(
    "method", [m for m in METHODS if RECORDS[getattr(torch.optim, m.__name__)].supports_sparse]
)
@pytest.mark.usefixtures("small_chunks")
def test_takes_torchs_steps_on_sparse_gradients(method):
    """The database says which methods take sparse gradients beside dense ones."""
    params = [few_parameters(sparse=True) for _ in range(2)]
    reference = getattr(torch.optim, method.__name__)
    assert_equal_steps(
        method(params[0], lr=0.05), reference(params[1], lr=0.05), params, sparse=True
    )


@pytest.mark.parametrize(("ours", "error"), list(refusals()))
def test_refuses_what_torch_refuses(ours, error):
    assert error.error_on is OptimizerErrorEnum.CONSTRUCTION_ERROR
    given = error.optimizer_error_input
    params = given.params
    if params is None:
        params = [torch.nn.Parameter(torch.randn(2, 3)) for _ in range(2)]
    if issubclass(error.error_type, Warning):
        with pytest.warns(error.error_type, match=error.error_regex):
            ours(params, **given.kwargs)
        return
    with pytest.raises(error.error_type):
        ours(params, **given.kwargs)
