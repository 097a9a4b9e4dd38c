"""Looking at a model between steps: what is measured, and whether to go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.arguments import check_callable, check_integer
from course_lib.training.compatibility import Watch, check_scalar
from course_lib.training.data import Data, as_data
from course_lib.training.history import History
from course_lib.training.optimizer import where_it_evaluates
from course_lib.training.validation import check_reason

__all__ = ["Monitor", "accuracy", "evaluating", "mean_loss"]


def mean_loss(
    data: Data | tuple[Any, Any],
    loss: Callable[[Any, Tensor], Tensor],
    *,
    chunk_size: int = 1024,
) -> Callable[[nn.Module], float]:
    r"""Return a function of a model: its mean loss :math:`\frac1m\sum_i\ell_i` over all ``data``.

    The data are passed through in chunks, each weighted by its size, so that the result does not
    depend on ``chunk_size`` and mapped data stay out of memory.

    Args:
        data: ``(x, y)`` or an object with a length and ``batch(indices)``.
        loss: ``loss(outputs, targets)``, the mean over a batch, shape ().
        chunk_size: samples passed through at a time.

    Returns:
        A function to pass to :func:`~course_lib.training.fit` in ``evaluate``. It raises ValueError
        where a target would broadcast against the outputs.

    Raises:
        TypeError, ValueError: an argument is not as described.

    Example:
        >>> data = torch.zeros(3, 1), torch.tensor([[1.0], [2.0], [3.0]])
        >>> evaluate = mean_loss(data, nn.functional.mse_loss, chunk_size=2)
        >>> round(evaluate(nn.Linear(1, 1).requires_grad_(False).apply(
        ...     lambda layer: nn.init.zeros_(layer.bias))), 4)
        4.6667
    """
    check_callable("loss", loss, "a function of outputs and targets")

    def measure(outputs: Any, y: Tensor) -> float:
        with Watch(y):
            value = loss(outputs, y)
        return check_scalar(value).item()

    return _mean_over(as_data(data), measure, chunk_size)


def accuracy(
    data: Data | tuple[Any, Any], *, chunk_size: int = 1024
) -> Callable[[nn.Module], float]:
    """Return a function of a model: the share of ``data`` whose largest output is the label.

    Outputs must have shape (m, classes), at least two classes, targets (m,).

    Args:
        data: ``(x, y)`` or an object with a length and ``batch(indices)``.
        chunk_size: samples passed through at a time.

    Returns:
        A function to pass to :func:`~course_lib.training.fit` in ``evaluate``.

    Raises:
        TypeError, ValueError: an argument is not as described.

    Example:
        >>> data = torch.eye(2), torch.tensor([0, 0])
        >>> accuracy(data)(nn.Identity())
        0.5
    """

    def measure(outputs: Tensor, y: Tensor) -> float:
        if outputs.dim() != 2 or outputs.shape[1] < 2 or y.shape != outputs.shape[:1]:
            raise ValueError(
                "accuracy needs outputs of shape (m, classes), classes at least 2, and targets of "
                f"shape (m,), got outputs {tuple(outputs.shape)} and targets {tuple(y.shape)}"
            )
        return (outputs.argmax(dim=1) == y).double().mean().item()

    return _mean_over(as_data(data), measure, chunk_size)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Within the block the model is in evaluation mode and no gradients are recorded.

    Afterwards every module is in the mode in which it was.
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


class Monitor:
    """Evaluates, writes into the history, and asks whether to go on, as ``fit`` promises."""

    def __init__(
        self,
        model: nn.Module,
        history: History,
        evaluate: Mapping[str, Callable[[nn.Module], Any]] | None,
        evaluate_every: int | None,
        stop: Callable[[History], str | None] | None,
        steps: int | None,
        observe: Callable[[History], None] | None,
    ) -> None:
        if evaluate is not None and not isinstance(evaluate, Mapping):
            raise TypeError(
                f"evaluate must be a dict from names to functions of the model, got {evaluate!r}"
            )
        self.evaluate = dict(evaluate or {})
        for name, function in self.evaluate.items():
            check_callable(f"evaluate[{name!r}]", function, "a function of the model")
        if evaluate_every is not None:
            check_integer("evaluate_every", evaluate_every, low=1)
        if stop is not None:
            check_callable("stop", stop, "a function of the history")
        self.model, self.history, self.stop, self.observe = model, history, stop, observe
        self.evaluate_every, self.steps = evaluate_every, steps
        self._looked_at, self._epoch_started_at = -1, 0
        self.optimizer: Any = None

    def before_first_step(self) -> None:
        """Evaluate the start, if there is something to evaluate."""
        if self.evaluate:
            self.look()

    def ends_after_step(self, k: int) -> bool:
        """Look if it is time to; return whether step ``k`` was the last."""
        if self.evaluate_every is not None and k % self.evaluate_every == 0:
            self.look()
        if k == self.steps and self.history.reason is None:
            self.look()
            self.history.reason = self.history.reason or f"all {self.steps} steps made"
        return self.history.reason is not None

    def after_epoch(self, epoch: int) -> None:
        """Look, unless that is done every so many steps."""
        if len(self.history) == self._epoch_started_at:
            raise ValueError(
                f"batches must give at least one batch in every epoch, got none in epoch {epoch}"
            )
        self._epoch_started_at = len(self.history)
        if self.evaluate_every is None:
            self.look()

    def look(self) -> None:
        """Evaluate after the step just made, once, and ask whether to stop."""
        history = self.history
        if self._looked_at == len(history):
            return
        self._looked_at = len(history)
        if self.evaluate:
            with where_it_evaluates(self.optimizer), evaluating(self.model):
                values = {name: _number(name, f(self.model)) for name, f in self.evaluate.items()}
            history.add_evaluation(values)
        if self.observe is not None:
            self.observe(history)
        if self.stop is not None:
            reason = check_reason(self.stop(history))
            history.reason = history.reason or reason  # the method may have given one


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"evaluate[{name!r}] must return a number, got {value!r}") from None


def _mean_over(
    data: Data, measure: Callable[[Any, Tensor], float], chunk_size: int
) -> Callable[[nn.Module], float]:
    check_integer("chunk_size", chunk_size, low=1)

    def evaluate(model: nn.Module) -> float:
        parameter = next(model.parameters(), None)
        total = 0.0
        with evaluating(model):
            for start in range(0, len(data), chunk_size):
                x, y = data.batch(slice(start, min(start + chunk_size, len(data))))
                if parameter is not None:
                    x, y = x.to(parameter.device), y.to(parameter.device)
                total += len(y) * measure(model(x), y)
        return total / len(data)

    return evaluate
