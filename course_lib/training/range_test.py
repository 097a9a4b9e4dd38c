"""The learning-rate range test: raise the rate at every step and see where the loss turns."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from course_lib.arguments import check_integer, check_number
from course_lib.randomness import LARGEST_SEED
from course_lib.training.data import Data
from course_lib.training.fitting import fit
from course_lib.training.history import History
from course_lib.training.nonfinite import NonFiniteLossError

__all__ = ["RangeTest", "lr_range_test"]


@dataclass(frozen=True, eq=False)
class RangeTest:
    r"""What a range test has seen; K is the number of steps made.

    Attributes:
        rates: :math:`t_1 < t_2 < \dots`, float64 array of shape (K,).
        losses: batch loss of each step, before its update: what the rates before it have led to.
            Float64 array of shape (K,).
        smoothed: average of the losses so far, the latest with the most weight; shape (K,).
        diverged_at: the rate at which the loss had grown out of bounds, None if it never did.
        reason: why the test ended.
        suggestion: a learning rate to begin with, None where the test shows none.
        why: how the suggestion was found, or why there is none.
    """

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    smoothed: NDArray[np.float64]
    diverged_at: float | None
    reason: str
    suggestion: float | None
    why: str

    def __repr__(self) -> str:
        return (
            f"RangeTest({len(self.rates)} steps, diverged_at={self.diverged_at!r}, "
            f"suggestion={self.suggestion!r}: {self.why})"
        )


def lr_range_test(
    model: nn.Module,
    data: Data | tuple[Any, Any],
    loss: Callable[[Any, Tensor], Tensor],
    method: Callable[[list[Tensor]], Any],
    *,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 200,
    batch_size: int | None = None,
    seed: int = 0,
    smoothing: float = 0.9,
    rise: float = 4.0,
) -> RangeTest:
    r"""Train a copy of ``model`` while the learning rate rises from ``low`` to ``high``.

    .. math::

        t_k = t_\text{low} \Bigl(\frac{t_\text{high}}{t_\text{low}}\Bigr)^{\frac{k-1}{K-1}}, \qquad
        s_k = \frac{\sum_{i \le k} \beta^{k-i} F_i}{\sum_{i \le k} \beta^{k-i}}

    Where the rate is too small, the batch losses :math:`F_k` stay; where it is right, they fall;
    where it is too large, they rise. The mean of the first tenth of the losses is the start. After
    it the test ends when the smoothed loss :math:`s_k` has risen above its smallest value by
    ``rise`` times the start, and at any time when a loss is no longer finite.

    The suggestion is a tenth of the rate at which :math:`s_k` is smallest: there the rate has
    begun to do harm, and :math:`s_k` lags behind. It is a rate to begin a search with, cautious
    rather than best. There is none unless :math:`s_k` has fallen below the start, and risen again,
    by more than the batch losses scatter. Without any scatter, as with all data in every batch,
    the rise comes late: a direction that is already solved has to grow from nothing.

    The test works on a copy: the model, its buffers, its gradients and torch's random numbers stay
    as they are, and the result is a function of the arguments.

    Args:
        model: module with parameters.
        data: as in :func:`~course_lib.training.fit`.
        loss: as in :func:`~course_lib.training.fit`; it must not hold parameters of ``model``.
        method: function that makes an optimizer from the list of parameters; its ``lr`` is what the
            test sets.
        low: :math:`t_\text{low}`, a finite number above 0.
        high: :math:`t_\text{high}`, a finite number above ``low``.
        steps: :math:`K`, a whole number of at least 2.
        batch_size: samples in a batch; None takes all.
        seed: of the order of the batches, and of the random numbers of the model.
        smoothing: :math:`\beta`, at least 0 and below 1; 0 smooths nothing.
        rise: how far the smoothed loss may rise, in units of the start; above 0.

    Returns:
        Rates and losses, where the loss grew out of bounds, and a suggested rate.

    Raises:
        TypeError, ValueError: an argument is not as described.
        NonFiniteLossError: the loss is not finite before any step.

    Example:
        >>> import torch.nn.functional as F
        >>> x = torch.linspace(-1, 1, 100)[:, None]
        >>> model = nn.Linear(1, 1)
        >>> _ = nn.init.zeros_(model.weight), nn.init.zeros_(model.bias)
        >>> test = lr_range_test(model, (x, 3 * x + torch.sin(40 * x)), F.mse_loss,
        ...                      lambda params: torch.optim.SGD(params, lr=1.0), batch_size=10)
        >>> test.diverged_at is not None, 0.01 < test.suggestion < 1
        (True, True)
        >>> test.why.rsplit(",", 1)[0]
        'a tenth of the rate at which the smoothed loss was smallest'

    Source: Smith, *Cyclical learning rates for training neural networks*, WACV 2017, where the rate
    rises linearly; the geometric rise and the tenth are common practice since. torch has none.
    """
    low = check_number("low", low, above=0)
    high = check_number("high", high, above=low)
    check_integer("steps", steps, low=2)
    check_integer("seed", seed, low=0, high=LARGEST_SEED)
    bounds = _Bounds(
        first=max(steps // 10, 1),
        smoothing=check_number("smoothing", smoothing, low=0, below=1),
        rise=check_number("rise", rise, above=0),
    )
    if isinstance(method, Optimizer):
        raise TypeError(
            "method must be a function that makes an optimizer from parameters, since the test "
            f"trains a copy of the model, got an optimizer, {type(method).__name__}"
        )
    rates = np.geomspace(low, high, steps)
    with _untouched(model, seed):
        copied_model, copied_loss = copy.deepcopy((model, loss))
        try:
            history = fit(
                copied_model, data, copied_loss, method, steps=steps, batch_size=batch_size,
                seed=seed, schedule=lambda k: float(rates[k - 1]), evaluate_every=1, stop=bounds,
                progress=False,
            )  # fmt: skip
        except NonFiniteLossError as error:
            if len(error.record) == 0:
                raise
            history, bounds.exceeded = error.record, True
    with np.errstate(over="ignore", invalid="ignore"):  # of losses that have grown out of bounds
        return _result(rates[: len(history)], history, bounds)


class _Bounds:
    """Smooths the losses as they come, and ends the run when they have risen too far."""

    def __init__(self, first: int, smoothing: float, rise: float) -> None:
        self.first, self.smoothing, self.rise = first, smoothing, rise
        self.smoothed: list[float] = []
        self.exceeded = False
        self._sum, self._weight = 0.0, 0.0

    def __call__(self, history: History) -> str | None:
        losses = history.losses
        self._sum = self.smoothing * self._sum + losses[-1]
        self._weight = self.smoothing * self._weight + 1
        self.smoothed.append(self._sum / self._weight)
        if len(losses) > self.first:
            start = abs(math.fsum(losses[: self.first] / self.first))
            risen = self.smoothed[-1] - min(self.smoothed[self.first :])
            self.exceeded = risen > self.rise * start
        if not self.exceeded:
            return None
        return f"the smoothed loss has risen by more than {self.rise:g} times its start"


@contextmanager
def _untouched(model: nn.Module, seed: int) -> Iterator[None]:
    """Within the block torch's random numbers follow ``seed``; afterwards all is as it was.

    Raises:
        ValueError: a gradient has reached the model itself, not its copy.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    parameters = list(model.parameters())
    gradients = [p.grad for p in parameters]
    devices = sorted({p.device.index for p in parameters if p.device.type == "cuda"})
    with torch.random.fork_rng(devices):
        torch.default_generator.manual_seed(seed)
        for device in devices:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        try:
            for p in parameters:
                p.grad = None
            yield
            if any(p.grad is not None for p in parameters):
                raise ValueError(
                    "loss must not hold parameters of the model, since the test trains a copy: "
                    "state a penalty as the method's weight_decay"
                )
        finally:
            for p, gradient in zip(parameters, gradients, strict=True):
                p.grad = gradient


def _result(rates: NDArray[np.float64], history: History, bounds: _Bounds) -> RangeTest:
    losses, smoothed = history.losses, np.array(bounds.smoothed)
    if len(losses) <= bounds.first and not bounds.exceeded:
        suggestion, why = None, f"the run ended too early: {history.reason}"
    else:
        suggestion, why = _suggestion(rates, losses, smoothed, bounds)
    return RangeTest(
        rates=rates,
        losses=losses,
        smoothed=smoothed,
        diverged_at=float(rates[-1]) if bounds.exceeded else None,
        reason=history.reason or "",
        suggestion=suggestion,
        why=why,
    )


def _suggestion(
    rates: NDArray[np.float64],
    losses: NDArray[np.float64],
    smoothed: NDArray[np.float64],
    bounds: _Bounds,
) -> tuple[float | None, str]:
    if len(losses) <= bounds.first:
        return None, "the run was over within the first tenth of its steps: lower low"
    # A mean of a few losses says little: the smallest one is looked for after the start.
    lowest = bounds.first + int(smoothed[bounds.first :].argmin())
    start = losses[: bounds.first].mean()
    # From one batch to the next the mean hardly falls: differences show the scatter alone.
    scatter = np.diff(losses[: lowest + 1]).std() / math.sqrt(2)
    if start - smoothed[lowest] <= scatter or smoothed[lowest] >= losses[0]:
        risen = bounds.exceeded or smoothed[lowest] > losses[0]
        advice = "a lower low" if risen else "a higher high"
        return None, (
            "the loss did not fall by more than the batch losses scatter: use larger batches, "
            f"more steps or {advice}"
        )
    if not bounds.exceeded and smoothed[lowest:].max() - smoothed[lowest] <= scatter:
        return (
            None,
            f"the loss has not risen again up to the highest rate, {rates[-1]:.3g}: raise high",
        )
    found = float(rates[lowest])
    return found / 10, f"a tenth of the rate at which the smoothed loss was smallest, {found:.3g}"
