"""From the argument ``method`` to an optimizer, and from a schedule to its learning rate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from course_lib.arguments import check_callable
from course_lib.training.validation import check_learning_rate

__all__ = [
    "check_one_rate",
    "optimizer_from",
    "set_learning_rate",
    "set_mode",
    "where_it_evaluates",
]


def optimizer_from(
    method: Callable[[list[Tensor]], Any] | Optimizer, parameters: Iterable[Tensor]
) -> Any:
    """Return ``method`` if it is an optimizer of these parameters, else make one from them.

    Raises:
        TypeError: ``method`` is neither an optimizer nor a function that returns an object with
            ``step``.
        ValueError: it is an optimizer, but of other parameters.
    """
    parameters = list(parameters)
    if isinstance(method, Optimizer):
        own = {id(p) for p in parameters}
        if not any(id(p) in own for group in method.param_groups for p in group["params"]):
            raise ValueError(
                "method must be an optimizer of this model's parameters, got a "
                f"{type(method).__name__} that holds none of them"
            )
        return method
    what = "an optimizer or a function that makes one from parameters"
    optimizer = check_callable("method", method, what)(parameters)
    if not callable(getattr(optimizer, "step", None)):
        raise TypeError(
            f"method must be {what}, but calling it gave {type(optimizer).__name__}, which has "
            "no step"
        )
    return optimizer


def check_one_rate(optimizer: Any) -> None:
    """Raise if groups have different learning rates, which a schedule would silently make equal.

    Raises:
        ValueError: they have.
    """
    rates = [float(group["lr"]) for group in optimizer.param_groups if "lr" in group]
    if len(set(rates)) > 1:
        raise ValueError(
            "schedule needs groups with one learning rate, since it would make them equal, got "
            f"{rates}; in a loop of your own, a Scheduler takes one schedule a group"
        )


def set_learning_rate(optimizer: Any, k: int, schedule: Callable[[int], float]) -> None:
    """Set the learning rate of every group to ``schedule(k)``, and the momentum if it has one.

    Raises:
        TypeError, ValueError: that is no learning rate, or the method has none to set; or the
            schedule moves the momentum, and the method has none.
    """
    if not all("lr" in group for group in optimizer.param_groups):
        raise ValueError(
            "schedule needs a method with a learning rate lr in every group, but "
            f"{type(optimizer).__name__} has none"
        )
    rate = check_learning_rate(k, schedule(k))
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
    if hasattr(schedule, "set_momentum"):
        schedule.set_momentum(optimizer.param_groups, k)


def set_mode(optimizer: Any, mode: str) -> None:
    """Call ``optimizer.train()`` or ``optimizer.eval()``, whichever ``mode`` names, if it has both.

    Methods that ask for gradients elsewhere than where the model is to be used have them:
    :class:`~course_lib.methods.ScheduleFreeSGD`, and the optimizers of the package schedulefree.
    """
    if _has_modes(optimizer):
        getattr(optimizer, mode)()


@contextmanager
def where_it_evaluates(optimizer: Any) -> Iterator[None]:
    """Within the block the parameters are those to evaluate; training goes on after it.

    A method that has ``iterates()`` beside its modes puts back every bit. So a run does not depend
    on how often it was looked at.
    """
    if _has_modes(optimizer) and callable(getattr(optimizer, "iterates", None)):
        with optimizer.iterates():
            yield
        return
    set_mode(optimizer, "eval")
    try:
        yield
    finally:
        set_mode(optimizer, "train")


def _has_modes(optimizer: Any) -> bool:
    return all(callable(getattr(optimizer, name, None)) for name in ("train", "eval"))
