"""The error that stops a run whose loss is no longer a number, and what it advises."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor

__all__ = ["NonFiniteLossError"]


class NonFiniteLossError(ArithmeticError):
    """The loss is infinite or not a number.

    It is raised before the method updates the parameters, so the model keeps the values it had
    when the loss was computed.

    Attributes:
        value: the loss.
        step: the step :math:`k` that could not be made, counted from 1 (None outside a loop).
        epoch: the pass over the data it fell into, counted from 1 (None outside ``fit``).
        record: what was recorded up to then, a ``History`` or a ``Trajectory`` (None outside a
            loop).
    """

    def __init__(
        self,
        value: float,
        *,
        cause: str = "",
        step: int | None = None,
        epoch: int | None = None,
        record: Any = None,
    ) -> None:
        self.value, self.cause, self.step, self.epoch = value, cause, step, epoch
        self.record = record
        where = "" if step is None else f" at step {step}"
        where += "" if epoch is None else f" (epoch {epoch})"
        super().__init__(f"the loss is {value}{where}: {cause}")

    def at(self, *, step: int, record: Any, epoch: int | None = None) -> NonFiniteLossError:
        """Return the same error with the place where it happened."""
        return NonFiniteLossError(
            self.value, cause=self.cause, step=step, epoch=epoch, record=record
        )


def likely_cause(inputs: Any, parameters: Iterable[Tensor]) -> str:
    """Say what is not finite, the data or the parameters or neither, and what to try."""
    if isinstance(inputs, Tensor) and not bool(inputs.isfinite().all()):
        return "the inputs of this batch hold values that are not finite: clean the data"
    if not all(bool(p.isfinite().all()) for p in parameters):
        return (
            "the parameters are already not finite, because of a gradient of an earlier step: "
            "lower the learning rate, or clip the gradients"
        )
    return (
        "inputs and parameters are finite, so the model or the loss overflows or divides by zero: "
        "lower the learning rate, scale the inputs, or use a loss computed from logits"
    )
