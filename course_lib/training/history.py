"""What a training run leaves behind."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from course_lib.training.closure import BatchClosure

__all__ = ["History"]


class History:
    r"""Losses and evaluations of a run, step by step.

    All series are float64 arrays. ``len(history)`` is the number of steps made.

    Attributes:
        steps: :math:`k = 1, 2, \dots`
        epochs: passes over the data after step :math:`k`: samples in the batches so far, over
            :math:`m`. Not a whole number in mid-epoch.
        samples: samples touched after step :math:`k`, all questions to the closure counted. A
            method that asks its closure several times a step touches more than it makes epochs.
        losses: batch loss :math:`F_{J_k}(x_{k-1})`, before the update.
        evaluations: name → values of that evaluation.
        evaluated_at: the steps after which evaluations were made; 0 is before the first.
        evaluated_samples: samples touched until then.
        reason: why the run ended, None while it runs.

    Example:
        >>> history = History()
        >>> history.add(loss=2.0, epochs=0.5, samples=10)
        >>> history.steps, history.losses
        (array([1.]), array([2.]))
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        self._drawn = 0  # samples in the batches so far
        self._losses, self._epochs, self._samples = array("d"), array("d"), array("d")
        self._evaluated_at, self._evaluated_samples = array("d"), array("d")
        self._evaluations: dict[str, array[float]] = {}

    def add(self, *, loss: float, epochs: float, samples: float) -> None:
        """Append a step."""
        self._losses.append(loss)
        self._epochs.append(epochs)
        self._samples.append(samples)

    def record(self, closure: BatchClosure, m: int) -> None:
        """Append the step that was made with ``closure``, on data of ``m`` samples."""
        if closure.first_loss is None:
            raise TypeError(
                "method.step(closure) must ask the closure for a loss, but never called it"
            )
        self._drawn += closure.size
        self.add(
            loss=closure.first_loss,
            epochs=self._drawn / m,
            samples=sum(closure.touched.values()),
        )

    def add_evaluation(self, values: dict[str, float]) -> None:
        """Append values measured after the last step."""
        self._evaluated_at.append(len(self))
        self._evaluated_samples.append(self._samples[-1] if self._samples else 0.0)
        for name, value in values.items():
            self._evaluations.setdefault(name, array("d")).append(value)

    def __len__(self) -> int:
        """Return the number of steps made."""
        return len(self._losses)

    @property
    def steps(self) -> NDArray[np.float64]:
        """Numbers of the steps, from 1."""
        return np.arange(1.0, len(self) + 1)

    @property
    def epochs(self) -> NDArray[np.float64]:
        """Passes over the data after each step."""
        return np.array(self._epochs)

    @property
    def samples(self) -> NDArray[np.float64]:
        """Samples touched after each step."""
        return np.array(self._samples)

    @property
    def losses(self) -> NDArray[np.float64]:
        """Batch loss of each step, before its update."""
        return np.array(self._losses)

    @property
    def evaluations(self) -> dict[str, NDArray[np.float64]]:
        """Values of each evaluation by name."""
        return {name: np.array(values) for name, values in self._evaluations.items()}

    @property
    def evaluated_at(self) -> NDArray[np.float64]:
        """Steps after which evaluations were made."""
        return np.array(self._evaluated_at)

    @property
    def evaluated_samples(self) -> NDArray[np.float64]:
        """Samples touched when evaluations were made."""
        return np.array(self._evaluated_samples)

    def __repr__(self) -> str:
        last = f", last loss {self._losses[-1]:.4g}" if len(self) else ""
        return f"History({len(self)} steps{last}, reason={self.reason!r})"
