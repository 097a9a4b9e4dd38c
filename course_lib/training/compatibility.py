"""Do model, loss and data fit together? Found out on two samples, before anything is changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from course_lib.arguments import check_callable
from course_lib.training.data import Data, TensorData

__all__ = ["Watch", "check_compatible", "check_scalar"]

_CLASS_LABELS = {F.cross_entropy, F.nll_loss}
_LOOK_UPS = {torch.gather, Tensor.gather}
_SAME_SHAPE = {
    F.mse_loss,
    F.l1_loss,
    F.smooth_l1_loss,
    F.huber_loss,
    F.binary_cross_entropy,
    F.binary_cross_entropy_with_logits,
    F.kl_div,
    F.poisson_nll_loss,
    F.soft_margin_loss,
}


def check_compatible(model: nn.Module, loss: Callable[[Any, Tensor], Tensor], data: Data) -> None:
    """Pass two samples through model and loss and refuse what would go wrong, loudly or silently.

    Raises:
        TypeError: ``model`` is no module, ``loss`` cannot be called or returns no tensor, or class
            labels are not int64.
        ValueError: the model has no parameters or nothing to train, a label is out of range, a
            target would broadcast against the outputs, or the loss is not a scalar.

    Example:
        >>> from course_lib.training.data import as_data
        >>> data = as_data((torch.ones(3, 2), torch.ones(3)))
        >>> check_compatible(nn.Linear(2, 1), F.mse_loss, data)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        ValueError: targets must have the shape of the outputs, got ...
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    check_callable("loss", loss, "a function of outputs and targets")
    parameter = next(model.parameters(), None)
    if parameter is None:
        raise ValueError(f"model must have parameters, got a {type(model).__name__} without any")
    x, y = data.batch(slice(0, min(2, len(data))))
    x, y = x.to(parameter.device), y.to(parameter.device)
    # With copies of the buffers and the random state set aside, looking leaves no trace.
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    devices = [parameter.device] if parameter.device.type == "cuda" else []
    with torch.random.fork_rng(devices), torch.enable_grad():
        outputs = torch.func.functional_call(model, buffers, (x,))
        with Watch(y, data):
            value = loss(outputs, y)
    if not check_scalar(value).requires_grad:
        raise ValueError(
            "loss must depend on a parameter that requires gradients, got none: unfreeze some of "
            "the model, and detach nothing on the way"
        )


def check_scalar(value: Any) -> Tensor:
    """Return what a loss gave if it is a tensor of shape ()."""
    if not isinstance(value, Tensor):
        raise TypeError(f"loss must return a tensor of shape (), got {type(value).__name__}")
    if value.dim() != 0:
        raise ValueError(
            f"loss must return the mean over the batch, a tensor of shape (), got shape "
            f"{tuple(value.shape)}"
        )
    return value


class Watch(TorchFunctionMode):
    """Looks at every torch function the loss calls, so that a loss in a lambda is seen as well.

    Labels are looked through in ``data`` if it is given, else in ``targets``.
    """

    def __init__(self, targets: Tensor, data: Data | None = None) -> None:
        super().__init__()
        self.targets, self.data = targets, data

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _CLASS_LABELS:
            self._check_labels(func, *_two(args, kwargs), kwargs)
        elif func in _SAME_SHAPE:
            outputs, targets = _two(args, kwargs)
            if outputs.shape != targets.shape:
                raise _broadcasts(func.__name__, outputs, targets)
        elif func in _LOOK_UPS:
            self._check_look_up(*args, **kwargs)
        result = func(*args, **kwargs)
        self._check_growth(args, result)
        return result

    def _check_labels(self, func: Any, outputs: Tensor, targets: Tensor, kwargs: Any) -> None:
        name = func.__name__
        if outputs.shape == targets.shape and targets.is_floating_point() and outputs.dim() > 1:
            return  # probabilities of the classes
        if targets.dtype != torch.int64:
            raise TypeError(
                f"class labels of {name} must be int64, got {targets.dtype}: use y.long(), or "
                f"probabilities of the outputs' shape {tuple(outputs.shape)}"
            )
        expected = outputs.shape[:1] + outputs.shape[2:]
        if outputs.dim() < 2 or targets.shape != expected:
            raise ValueError(
                f"class labels of {name} must have shape {tuple(expected)} for outputs of shape "
                f"{tuple(outputs.shape)}, got {tuple(targets.shape)}"
            )
        self._check_range(targets, outputs.shape[1], kwargs.get("ignore_index", -100))

    def _check_look_up(self, input: Tensor, dim: int, index: Tensor, **_: Any) -> None:
        """A loss that picks each sample's entry by its label, as the course's own do."""
        if self._are_targets(index):
            self._check_range(index, input.shape[dim])

    def _are_targets(self, labels: Tensor) -> bool:
        return (
            labels.data_ptr() == self.targets.data_ptr() and labels.numel() == self.targets.numel()
        )

    def _check_range(self, labels: Tensor, classes: int, ignored: int = -100) -> None:
        # All labels are looked through if the loss takes them as they are in the data.
        unchanged = self._are_targets(labels) and hasattr(self.data, "target_range")
        source: Any = self.data if unchanged else TensorData(labels, labels)
        low, high = source.target_range(ignored)
        if low < 0 or high >= classes:
            raise ValueError(
                f"class labels must be from 0 to {classes - 1}, since the model has {classes} "
                f"outputs, got labels from {int(low)} to {int(high)}"
            )

    def _check_growth(self, args: tuple[Any, ...], result: Any) -> None:
        tensors = [a for a in args if isinstance(a, Tensor) and a.dim() > 0]
        if len(tensors) != 2 or not isinstance(result, Tensor):
            return
        is_target = [a is self.targets for a in tensors]
        if any(is_target) and result.numel() > max(a.numel() for a in tensors):
            other = tensors[0] if is_target[1] else tensors[1]
            raise _broadcasts("the loss", other, self.targets)


def _two(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Tensor, Tensor]:
    named = [kwargs[name] for name in ("input", "target") if name in kwargs]
    outputs, targets = (*args, *named)[:2]
    return outputs, targets


def _broadcasts(where: str, outputs: Tensor, targets: Tensor) -> ValueError:
    return ValueError(
        f"targets must have the shape of the outputs, got targets {tuple(targets.shape)} against "
        f"outputs {tuple(outputs.shape)}: in {where} they would broadcast; reshape y, e.g. "
        "y[:, None]"
    )
