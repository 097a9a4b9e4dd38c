"""What is no curve is refused, not read as one."""

import numpy as np
import pytest
import torch

from course_lib.methods import SGD
from course_lib.training import diagnose, fit

K = np.arange(1, 1001)
L = 2.3 * np.exp(-K / 20)


@pytest.mark.parametrize(
    "losses",
    [
        [None] * 20,
        ["2.3"] * 20,
        [True] * 20,
        L + 1j,
        torch.tensor(L) + 1j,
        np.ma.masked_array(L, mask=L > 1),
    ],
    ids=["None", "words", "flags", "complex", "complex tensor", "masked"],
)
@pytest.mark.parametrize("name", ["losses", "steps", "validation", "learning_rates"])
def test_what_are_no_real_numbers_is_refused_by_name(name, losses):
    given = {"losses": L, name: losses}
    with pytest.raises(TypeError, match=f"^{name} must be a series of .*real and none masked"):
        diagnose(**given)


@pytest.mark.parametrize(
    "losses",
    [
        torch.tensor(L, requires_grad=True),
        torch.tensor(L).bfloat16(),
        [torch.tensor(loss) for loss in L],
        np.ma.masked_array(L),
        L.tolist(),
    ],
    ids=["with gradient", "bfloat16", "list of tensors", "nothing masked", "list"],
)
def test_a_curve_is_the_same_in_any_form(losses):
    assert diagnose(losses=losses).case == diagnose(losses=L).case


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("end", [[1e308] * 2, [1e308] * 900])
def test_a_loss_too_large_to_be_summed_has_diverged(end):
    found = diagnose(losses=[1.0] * 100 + end)
    assert found.case == "diverged"
    assert "1e+308" in found.reasons[0]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"losses": np.zeros(20)}, ValueError, "losses must begin above 0 unless start is given"),
        ({"losses": L, "validation_steps": [1, 2]}, TypeError, "validation_steps need validation"),
        (
            {"losses": L, "validation": np.ones(7), "validation_steps": 200.0 * np.arange(7)},
            ValueError,
            "validation_steps must be at most the last step, 1000, got 1200",
        ),
    ],
)
def test_series_that_do_not_belong_together_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        diagnose(**options)


def test_steps_beside_a_validation_by_name_are_refused():
    x = torch.ones(4, 1)
    history = fit(
        torch.nn.Linear(1, 1), (x, x), torch.nn.functional.mse_loss, lambda p: SGD(p, lr=0.1),
        steps=20, evaluate={"test": lambda _: 1.0}, evaluate_every=2,
    )  # fmt: skip
    diagnose(history, validation="test")
    with pytest.raises(TypeError, match="validation_steps are those of history"):
        diagnose(history, validation="test", validation_steps=[1, 2])
