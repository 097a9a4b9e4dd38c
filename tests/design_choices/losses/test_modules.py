import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_lib.design_choices import Softmax, log_softmax, softmax
from course_lib.design_choices import losses as ours
from course_lib.training import NonFiniteLossError, fit

GENERATOR = torch.Generator().manual_seed(0)
Z = torch.randn(6, 3, generator=GENERATOR)
P = torch.softmax(torch.randn(6, 3, generator=GENERATOR), 1)
LABELS = torch.tensor([0, 2, 1, 1, 0, 2])
CASES = [
    (ours.MSELoss, {}, nn.MSELoss, {}, Z, P),
    (ours.L1Loss, {}, nn.L1Loss, {}, Z, P),
    (ours.HuberLoss, {}, nn.HuberLoss, {}, Z, P),
    (ours.HuberLoss, {"delta": 0.3}, nn.HuberLoss, {"delta": 0.3}, Z, P),
    (ours.BCELoss, {}, nn.BCELoss, {}, Z.sigmoid(), P),
    (ours.BCEWithLogitsLoss, {}, nn.BCEWithLogitsLoss, {}, Z, P),
    (ours.CrossEntropyLoss, {}, nn.CrossEntropyLoss, {}, Z, LABELS),
    (ours.CrossEntropyLoss, {}, nn.CrossEntropyLoss, {}, Z, P),
    (
        ours.CrossEntropyLoss,
        {"label_smoothing": 0.2},
        nn.CrossEntropyLoss,
        {"label_smoothing": 0.2},
        Z,
        LABELS,
    ),
]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    ("mine", "options", "theirs", "their_options", "outputs", "targets"), CASES
)
def test_modules_agree_with_torchs(
    mine, options, theirs, their_options, outputs, targets, reduction
):
    loss = mine(reduction=reduction, **options)
    expected = theirs(reduction=reduction, **their_options)(outputs, targets)
    torch.testing.assert_close(loss(outputs, targets), expected)
    assert repr(reduction) in repr(loss)


def test_the_modules_without_a_twin_are_their_functions():
    loss = ours.CrossEntropyOfProbabilitiesLoss(reduction="sum")
    torch.testing.assert_close(
        loss(softmax(Z), LABELS), F.cross_entropy(Z, LABELS, reduction="sum")
    )
    loss = ours.KLDivLoss()
    torch.testing.assert_close(loss(softmax(Z), P), ours.kl_divergence(P, softmax(Z)))
    loss = ours.KLDivLoss(log_outputs=True)
    expected = nn.KLDivLoss(reduction="batchmean")(log_softmax(Z), P)
    torch.testing.assert_close(loss(log_softmax(Z), P), expected)


@pytest.mark.parametrize(
    ("kind", "options", "error"),
    [
        (ours.MSELoss, {"reduction": "average"}, ValueError),
        (ours.L1Loss, {"reduction": None}, TypeError),
        (ours.HuberLoss, {"delta": 0}, ValueError),
        (ours.BCELoss, {"validate": 1}, TypeError),
        (ours.CrossEntropyLoss, {"label_smoothing": 2}, ValueError),
        (ours.KLDivLoss, {"log_outputs": "yes"}, TypeError),
    ],
)
def test_wrong_options_are_refused_when_the_module_is_made(kind, options, error):
    (name,) = options
    with pytest.raises(error, match=f"{name} must be"):
        kind(**options)


def test_validation_can_be_switched_off():
    bad = torch.tensor([[2.0, -1.0]])
    for kind in (ours.BCELoss, ours.KLDivLoss):
        with pytest.raises(ValueError, match="outputs must be probabilities"):
            kind()(bad, torch.tensor([[0.5, 0.5]]))
        kind(validate=False)(bad, torch.tensor([[0.5, 0.5]]))
    soft = torch.tensor([[2.0, 2.0]])
    for kind in (ours.BCEWithLogitsLoss, ours.CrossEntropyLoss):
        with pytest.raises(ValueError, match="targets must be probabilities"):
            kind()(bad, soft)
        kind(validate=False)(bad, soft)
    with pytest.raises(ValueError, match="outputs must be probabilities"):
        ours.CrossEntropyOfProbabilitiesLoss()(bad, torch.tensor([0]))
    ours.CrossEntropyOfProbabilitiesLoss(validate=False)(bad, torch.tensor([0]))


def one_layer(*output):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), *output)


X = torch.randn(6, 4, generator=GENERATOR)


@pytest.mark.parametrize(
    ("loss", "twin", "output", "targets"),
    [
        (ours.mse_loss, F.mse_loss, [], Z),
        (ours.l1_loss, F.l1_loss, [], Z),
        (ours.huber_loss, F.huber_loss, [], Z),
        (ours.HuberLoss(), F.huber_loss, [], Z),
        (ours.binary_cross_entropy, F.binary_cross_entropy, [nn.Sigmoid()], P),
        (
            ours.binary_cross_entropy_with_logits,
            F.binary_cross_entropy_with_logits,
            [],
            P,
        ),
        (ours.cross_entropy, F.cross_entropy, [], LABELS),
        (ours.CrossEntropyLoss(), F.cross_entropy, [], P),
        (
            ours.cross_entropy_of_probabilities,
            lambda p, y: F.nll_loss(p.log(), y),
            [Softmax()],
            LABELS,
        ),
    ],
)
def test_training_with_ours_is_training_with_torchs(loss, twin, output, targets):
    ends = []
    for function in (loss, twin):
        model = one_layer(*output)
        fit(model, (X, targets), function, lambda p: torch.optim.SGD(p, lr=0.5), steps=20)
        ends.append(model[0].weight.detach())
    torch.testing.assert_close(*ends, rtol=1e-4, atol=1e-5)


def test_fit_refuses_what_the_loss_refuses_before_it_changes_anything():
    model = one_layer()
    before = model[0].weight.detach().clone()

    def method(parameters):
        return torch.optim.SGD(parameters, lr=0.5)

    for loss, targets in (
        (ours.cross_entropy, LABELS + 2),
        (ours.cross_entropy, 2 * P),
        (ours.mse_loss, Z[:, :1]),
        (ours.binary_cross_entropy, P),
    ):
        with pytest.raises(ValueError, match="must"):
            fit(model, (X, targets), loss, method, steps=3)
    torch.testing.assert_close(model[0].weight.detach(), before)


def test_fit_sees_a_run_that_diverges():
    def method(parameters):
        return torch.optim.SGD(parameters, lr=0.1)

    for loss, targets in (
        (ours.mse_loss, Z),
        (ours.cross_entropy, LABELS),
        (ours.binary_cross_entropy_with_logits, P),
        (lambda z, y: ours.binary_cross_entropy(z.sigmoid(), y), P),
        (lambda z, y: ours.kl_divergence(y, z.softmax(1)), P),
    ):
        model = one_layer()
        nn.init.constant_(model[0].weight, float("nan"))
        with pytest.raises(NonFiniteLossError):
            fit(model, (X, targets), loss, method, steps=3)
