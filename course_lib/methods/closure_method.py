"""The base of the methods that ask for the function more than once a step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import ParamsT

from course_lib.methods.flat import FlatParameters
from course_lib.methods.hyperparameters import Check, non_negative, number, once_each
from course_lib.methods.oracle import Oracle
from course_lib.methods.point import NoStepError, Point

__all__ = ["ClosureMethod"]


class ClosureMethod(Optimizer):
    r"""Base of the methods that ask a closure several times a step; a ``torch.optim.Optimizer``.

    A subclass states where to go from a point: :meth:`advance`. It sees all parameters of all
    groups as one vector :math:`x` of shape (n,), and asks a
    :class:`~course_lib.methods.Point` for values, gradients and products with the Hessian, there
    and elsewhere.

    Example: gradient descent that halves its step until the value falls.

        >>> class Halving(ClosureMethod):
        ...     def advance(self, point, memory, group):
        ...         t, d = group["lr"], -point.gradient
        ...         while point.move(t, d).value >= point.value:
        ...             if t < 1e-20:
        ...                 raise NoStepError("no step along the gradient lowers the value")
        ...             t = t / 2
        ...         return point.move(t, d)
        >>> w = torch.tensor([1.0, 2.0], requires_grad=True)
        >>> method = Halving([w], {"lr": 4.0})
        >>> def closure():
        ...     method.zero_grad()
        ...     loss = (w**2).sum()
        ...     loss.backward()
        ...     return loss
        >>> method.step(closure).item(), w.detach()
        (5.0, tensor([0., 0.]))
        >>> _ = method.step(closure)
        >>> method.reason
        'no step along the gradient lowers the value'

    What a subclass states:

    - :meth:`advance`; it raises :class:`~course_lib.methods.NoStepError` where it cannot go on.
    - ``uses_hessian = True``, if each step needs products with the Hessian at its start.
    - ``checks``, from the name of a hyper-parameter to a check of its value.

    Any closure of torch will do: it sets the gradients and returns the loss. One that has
    ``value()`` is asked for the loss alone where that is enough. Random numbers, as in dropout, are
    the same in all evaluations of a step.

    Args:
        params: Parameters, named parameters, or groups of them, as for ``torch.optim``: any shapes,
            floating-point or complex dtypes, on one device. Those that do not require gradients
            stay as they are and are no part of :math:`x`; one given twice counts once.
        defaults: Hyper-parameters. They belong to the method as a whole, so all groups must have
            the same.

    Attributes:
        reason: why the last step was not made, None if it was. The parameters are then as they
            were. ``fit`` and ``minimize`` end their run with the reason.

    Raises:
        ValueError: a hyper-parameter is outside its range, in `defaults` or in a group.
        TypeError: an argument is of the wrong type.
    """

    uses_hessian: bool = False
    checks: ClassVar[Mapping[str, Check]] = {}

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        """Check the hyper-parameters and take in the parameters."""
        self._check(defaults)
        super().__init__(params, defaults)
        self._of_torch = set(self.__dict__)
        self.reason: str | None = None
        self.register_state_dict_post_hook(_copy_state)

    def advance(self, point: Point, memory: dict[str, Any], group: dict[str, Any]) -> Point:
        """Return the point to go to; a subclass states how.

        Args:
            point: where the method is; value and gradient are finite there.
            memory: what the method remembers from step to step, empty at first: tensors of the
                dtype of ``point.x``, numbers, None, lists and dicts of these. A step that is not
                made leaves it as it was.
            group: the hyper-parameters as Python numbers.

        Raises:
            NoStepError: the method cannot go on; the message says why.
        """
        raise NotImplementedError("a closure method must state where to go as `advance`")

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step.

        Afterwards the gradients are those of the last place that was looked at.

        Args:
            closure: Computes the loss and its gradients, and returns the loss.

        Returns:
            The loss before the step, as `closure` returned it.

        Raises:
            TypeError: there is no closure.
            ValueError: groups differ in their hyper-parameters, or the state belongs to another
                number of variables.
        """
        if not callable(closure):
            raise TypeError(
                "step needs a closure that sets the gradients and returns the loss, got "
                f"{closure!r}"
            )
        group = self._common_hyperparameters()
        flat = self._flat_parameters()
        state = self._state(flat)
        oracle = Oracle(closure, flat)
        point = Point(oracle.start, oracle, hessian=self.uses_hessian)
        place = point
        self.reason = None
        try:
            _check_finite(point)
            draft = _copied(state["memory"], like=point.x)
            place = self.advance(point, draft, group)
            if not bool(torch.isfinite(place.x).all()):
                place = point
                raise NoStepError("the step leads to values that are not finite")
            state["memory"] = draft
        except NoStepError as error:
            self.reason = str(error)
        finally:
            place.place()
        return point.loss

    def _common_hyperparameters(self) -> dict[str, Any]:
        """Return the hyper-parameters, the same in all groups, as numbers."""
        common = {name: number(self.param_groups[0][name]) for name in self.defaults}
        for group in self.param_groups[1:]:
            for name, value in common.items():
                if (other := number(group[name])) != value:
                    raise ValueError(
                        f"{name} must be the same in all groups, since all parameters form one "
                        f"vector, got {value!r} and {other!r}"
                    )
        self._check(common)
        return common

    def _flat_parameters(self) -> FlatParameters:
        params = [p for group in self.param_groups for p in group["params"]]
        free = [p for p in params if p.requires_grad]
        if sum(p.numel() for p in free) == 0:
            raise ValueError(
                "params must hold at least one number that requires gradients, got "
                f"{len(params)} tensors with {sum(p.numel() for p in params)} numbers that do not"
            )
        return FlatParameters(free)

    def _state(self, flat: FlatParameters) -> dict[str, Any]:
        """Return the state of the method as a whole, which one of the parameters holds."""
        held = [state for state in self.state.values() if "memory" in state]
        state = held[0] if held else self.state[flat.owner]
        if state.setdefault("size", flat.size) != flat.size:
            raise ValueError(
                f"params must hold the {state['size']} numbers that the state was made for, got "
                f"{flat.size} that require gradients: load a matching state, or make a new "
                "optimizer"
            )
        state.setdefault("memory", {})
        return state

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters; its hyper-parameters must be those of the others.

        Raises:
            ValueError: a hyper-parameter is outside its range; or as in ``torch.optim``.
        """
        if isinstance(param_group, dict):
            self._check(param_group)
        super().add_param_group(param_group)
        once_each(param_group)

    def _check(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            if check := {"lr": non_negative, **self.checks}.get(name):
                check(name, value)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where the method that gave this state stood.

        Raises:
            ValueError, TypeError: it is the state of another method, or a hyper-parameter is
                outside its range; nothing is changed then.
        """
        if (saved := state_dict.get("method", self.kind)) != self.kind:
            raise ValueError(f"state_dict must be one of {self.kind}, got one of {saved}")
        for state in state_dict["state"].values():
            if set(state) != {"size", "memory"} or not isinstance(state["memory"], dict):
                raise ValueError(
                    "state_dict must hold size and memory, as a method that asks a closure several "
                    f"times a step gives them, got {sorted(map(str, state))}"
                )
        super().load_state_dict(state_dict)

    @property
    def kind(self) -> str:
        """The name of those that can take over each other's state."""
        return type(self).__name__

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled and deep-copied."""
        own = {key: self.__dict__[key] for key in set(self.__dict__) - self._of_torch}
        state = super().__getstate__()
        return {**state, **own, "state": {p: _copied(s) for p, s in state["state"].items()}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take in a pickled or loaded state; nothing is changed if it does not fit."""
        for group in state["param_groups"]:
            self._check(group)
        fresh = "_optimizer_state_dict_post_hooks" not in self.__dict__
        super().__setstate__(state)
        for group in self.param_groups:
            for name, default in self.defaults.items():
                group.setdefault(name, default)
        if fresh:
            self.register_state_dict_post_hook(_copy_state)


def _check_finite(point: Point) -> None:
    """Look at the start of a step: gradient first, which brings the value along."""
    finite = bool(torch.isfinite(point.gradient).all())
    if not (abs(point.value) < float("inf")):
        raise NoStepError(f"the loss at the present parameters is {point.value}")
    if not finite:
        raise NoStepError("the gradient at the present parameters is not finite")


def _copied(memory: Any, like: Tensor | None = None) -> Any:
    """Return a copy in which lists and dicts are new, and tensors the same.

    Tensors become ``like`` another one, if given: the parameters may have changed their dtype or
    their device since the last step.
    """
    if isinstance(memory, dict):
        return {key: _copied(value, like) for key, value in memory.items()}
    if isinstance(memory, list):
        return [_copied(value, like) for value in memory]
    if like is not None and isinstance(memory, Tensor):
        return memory.to(like.device, like.dtype)
    return memory


def _cloned(memory: Any) -> Any:
    """Return a copy in which tensors are new as well."""
    if isinstance(memory, dict):
        return {key: _cloned(value) for key, value in memory.items()}
    if isinstance(memory, list):
        return [_cloned(value) for value in memory]
    return memory.clone() if isinstance(memory, Tensor) else memory


def _copy_state(method: Optimizer, state_dict: dict[str, Any]) -> None:
    state_dict["state"] = _cloned(state_dict["state"])
    assert isinstance(method, ClosureMethod)
    state_dict["method"] = method.kind
