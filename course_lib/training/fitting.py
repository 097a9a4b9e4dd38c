"""Train a net: the loop that puts direction, step size, start and stop together."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from itertools import count
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer
from tqdm import tqdm

from course_lib.arguments import check_callable, check_flag, check_integer
from course_lib.randomness import LARGEST_SEED, generator_of
from course_lib.training.batches import BatchesWithReplacement, FullBatch, ShuffledBatches
from course_lib.training.closure import BatchClosure
from course_lib.training.compatibility import check_compatible
from course_lib.training.data import Data, as_data
from course_lib.training.evaluation import Monitor
from course_lib.training.history import History
from course_lib.training.nonfinite import NonFiniteLossError
from course_lib.training.optimizer import (
    check_one_rate,
    optimizer_from,
    set_learning_rate,
    set_mode,
)

__all__ = ["fit"]


def fit(
    model: nn.Module,
    data: Data | tuple[Any, Any],
    loss: Callable[[Any, Tensor], Tensor],
    method: Callable[[list[Tensor]], Any] | Optimizer,
    *,
    epochs: int | None = None,
    steps: int | None = None,
    batches: Iterable[Tensor | slice] | None = None,
    batch_size: int | None = None,
    replacement: bool = False,
    seed: int = 0,
    schedule: Callable[[int], float] | None = None,
    evaluate: Mapping[str, Callable[[nn.Module], float]] | None = None,
    evaluate_every: int | None = None,
    stop: Callable[[History], str | None] | None = None,
    progress: bool | None = None,
) -> History:
    r"""Train ``model`` on ``data``: in step :math:`k` the method sees batch :math:`J_k` alone.

    .. math:: F_{J_k}(w) = \frac1{|J_k|}\sum_{j\in J_k}\ell(y_j, f_w(x_j)),\qquad k = 1, 2, \dots

    The model is trained where it is, in place: the device is that of its parameters, each module
    stays in the mode (training or evaluation) it is in. Before the first step two samples are
    passed through once to see whether model, loss and data fit together; that changes neither
    the model's buffers nor torch's random numbers.

    Args:
        model: module with parameters.
        data: pair ``(x, y)`` of tensors, arrays, memory-mapped arrays or paths of ``.npy`` files,
            all of shape (m, …), or an object with a length and ``batch(indices)``.
        loss: ``loss(outputs, targets)``, the mean over the batch, shape ().
        method: function that makes an optimizer from the list of parameters, or an optimizer
            already made from them. If it has ``train()`` and ``eval()``, as Schedule-Free methods
            have, it is in training mode for the steps, and in evaluation mode while the model is
            evaluated and afterwards: the model is left with the parameters to use.
        epochs: how long, in passes through ``batches``; give either this or ``steps``.
        steps: how long, in steps.
        batches: an iterable of int64 index tensors, gone through once an epoch, such as
            :class:`ShuffledBatches`. It goes on from the state it is in.
        batch_size: makes the batches: :math:`B` samples each. Without it (and without ``batches``)
            every step sees all data: gradient descent.
        replacement: draw the batches with replacement.
        seed: of the batches: their order is a function of (seed, epoch).
        schedule: :math:`t_k` as a function of :math:`k`; it sets ``lr`` of all groups before step
            :math:`k`; groups with different rates are refused. If it has a method
            ``observe(history)``, that is called at each evaluation.
        evaluate: name → function of the model, called in evaluation mode without gradients before
            the first step, as often as ``evaluate_every`` says, and at the end.
        evaluate_every: steps between evaluations; None evaluates after each epoch.
        stop: asked at each evaluation, ``stop(history)`` returns the reason to stop, or None.
            Before the first step it is asked only if there is something to ``evaluate``.
        progress: show a bar on stderr; None shows it on a terminal only.

    Returns:
        Losses of all steps, samples touched, evaluations, and the reason why it ended.

    Raises:
        TypeError, ValueError: arguments, data, model and loss do not fit together. The model is
            unchanged then.
        NonFiniteLossError: a loss is infinite or not a number. The model keeps the parameters it
            had when that loss was computed; the error's ``record`` is the history so far.

    Example:
        >>> import torch
        >>> x = torch.linspace(-1, 1, 20)[:, None]
        >>> model = nn.Linear(1, 1)
        >>> history = fit(model, (x, 3 * x + 1), nn.functional.mse_loss,
        ...               lambda params: torch.optim.SGD(params, lr=0.2), epochs=50, batch_size=5)
        >>> len(history), round(model.weight.item(), 3), round(model.bias.item(), 3)
        (200, 3.0, 1.0)

    Source: slides 14 and 17–19.
    """
    # Everything is checked before anything is changed.
    data = as_data(data)
    _check_length_of_run(epochs, steps)
    batches = _batches(len(data), batches, batch_size, replacement, seed)
    if schedule is not None:
        check_callable("schedule", schedule, "a function of k that gives the learning rate t_k")
    history = History()
    observe = getattr(schedule, "observe", None)
    monitor = Monitor(model, history, evaluate, evaluate_every, stop, steps, observe)
    bar = _bar(progress, epochs, steps, batches)
    check_compatible(model, loss, data)
    optimizer = monitor.optimizer = optimizer_from(method, model.parameters())
    if schedule is not None:
        check_one_rate(optimizer)
    set_mode(optimizer, "train")
    closure = _closure(model, loss, data, optimizer, seed)

    with bar:
        monitor.before_first_step()
        for epoch in count(1) if epochs is None else range(1, epochs + 1):
            if history.reason is not None:
                break
            for indices in batches:
                k = len(history) + 1
                if schedule is not None:
                    set_learning_rate(optimizer, k, schedule)
                closure = closure.on(indices, guarded=True)
                try:
                    optimizer.step(closure)
                except NonFiniteLossError as error:
                    raise _diverged(error, k, epoch, history) from None
                history.record(closure, len(data))
                bar.update()
                history.reason = getattr(optimizer, "reason", None)
                if monitor.ends_after_step(k):
                    break
            monitor.after_epoch(epoch)
        monitor.look()

    set_mode(optimizer, "eval")
    history.reason = history.reason or f"all {epochs} epochs made"
    return history


def _check_length_of_run(epochs: int | None, steps: int | None) -> None:
    if (epochs is None) == (steps is None):
        raise ValueError(
            f"exactly one of epochs and steps must be given, got epochs={epochs!r} and "
            f"steps={steps!r}"
        )
    for name, value in (("epochs", epochs), ("steps", steps)):
        if value is not None:
            check_integer(name, value, low=1)


def _batches(
    m: int,
    batches: Iterable[Tensor | slice] | None,
    batch_size: int | None,
    replacement: bool,
    seed: int,
) -> Iterable[Tensor | slice]:
    check_integer("seed", seed, low=0, high=LARGEST_SEED)
    check_flag("replacement", replacement)
    if batches is not None:
        if batch_size is not None or replacement:
            raise ValueError(
                "batches already says how they are drawn: give either batches or batch_size and "
                f"replacement, got batch_size={batch_size!r} and replacement={replacement!r}"
            )
        if not isinstance(batches, Iterable) or isinstance(batches, Iterator):
            raise TypeError(
                "batches must be an iterable of index tensors that can be gone through once an "
                f"epoch, got {type(batches).__name__}"
            )
        if (made_for := getattr(batches, "m", m)) != m:
            raise ValueError(f"batches were made for {made_for} samples, but data holds {m}")
        return batches
    if batch_size is None:
        if replacement:
            raise ValueError("replacement=True needs batch_size, got None")
        return FullBatch(m)
    kind = BatchesWithReplacement if replacement else ShuffledBatches
    return kind(m, batch_size, seed=seed)


def _closure(model: nn.Module, loss: Any, data: Data, optimizer: Any, seed: int) -> BatchClosure:
    # Gradients are renewed for all that backward may reach: what the method trains, the rest of
    # the model, and a loss with parameters of its own.
    modules = [part for part in (model, loss) if isinstance(part, nn.Module)]
    reached = [p for module in modules for p in module.parameters()]
    reached += [p for group in getattr(optimizer, "param_groups", []) for p in group["params"]]
    parameters = {id(p): p for p in reached}.values()
    generator = generator_of("samples of a closure", seed)
    nothing = slice(0, 0)
    return BatchClosure(model, loss, data, nothing, parameters=parameters, generator=generator)


def _bar(progress: bool | None, epochs: int | None, steps: int | None, batches: Any) -> tqdm:
    if progress is not None and not isinstance(progress, bool):
        raise TypeError(f"progress must be True, False or None, got {progress!r}")
    total = steps
    if epochs is not None and isinstance(batches, Sized):
        total = epochs * len(batches) - getattr(batches, "position", 0)
    shown = sys.stderr.isatty() if progress is None else progress
    return tqdm(total=total, unit="step", disable=not shown)


def _diverged(
    error: NonFiniteLossError, k: int, epoch: int, history: History
) -> NonFiniteLossError:
    error = error.at(step=k, epoch=epoch, record=history)
    history.reason = str(error)
    return error
