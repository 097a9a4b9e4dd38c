"""The base of all elementwise methods: an update rule of a few lines becomes an optimizer."""

import inspect
import operator
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import ParamsT

from course_lib.methods.hyperparameters import Check, flag, may_change, non_negative, once_each
from course_lib.methods.running import RuleRunner
from course_lib.methods.saved_states import check_loaded, copied, is_sparse


class Method(RuleRunner, Optimizer):
    r"""Base of the methods whose rule acts on each element alone; a ``torch.optim.Optimizer``.

    A subclass states its rule in the lecture's letters, on vectors, in place:

    .. math:: (x_k, \text{state}_k) = \text{update}(x_{k-1}, g_k, \text{state}_{k-1})

    Example: the heavy ball $x_{k+1} = x_k + v_{k+1}$, $v_{k+1} = \beta v_k - t g_k$.

        >>> class Ball(Method):
        ...     states = {"v": "velocity"}
        ...
        ...     def __init__(self, params, lr=0.1, beta=0.5):
        ...         super().__init__(params, {"lr": lr, "beta": beta})
        ...
        ...     def letters(self, group):
        ...         return {"t": group["lr"], "b": group["beta"]}
        ...
        ...     @staticmethod
        ...     def update(x, g, v, *, t, b):
        ...         v.mul_(b).sub_(g, alpha=t)
        ...         x += v
        >>> w = torch.ones(2, requires_grad=True)
        >>> ball = Ball([w])
        >>> for k in range(2):
        ...     w.grad = w.detach().clone()
        ...     ball.step()
        >>> w.detach()
        tensor([0.7600, 0.7600])
        >>> ball.state[w]
        {'velocity': tensor([-0.1400, -0.1400])}

    What a subclass states:

    - ``update(x, g, states, *, letters)``, a static method. It changes `x` and states in place
      (``x -= t * g``, not ``x = x - t * g``: the first step looks), and only reads `g`. A rule that
      names `k` gets the number of steps its tensors have taken, this one included: it is kept for
      each parameter, in ``state[p]["step"]``. A rule that names `first` is told whether its tensors
      had no state before this step.
    - ``states``, from a letter of the rule to the key in ``state[p]`` (torch's, where torch has the
      method). A state starts at zero, unless :meth:`new_state` says otherwise.
    - :meth:`letters`, from a parameter group to the rule's other letters: numbers or flags.
    - :meth:`letters_at`, from a group and `k` to those that depend on `k`, such as
      :math:`1 - \beta^k`: once a step, not once an element. The base then keeps `k`, as it does
      with ``keeps_step = True``.
    - ``rule_of``, from a group to the class whose rule and states it follows, if options choose
      among several, as ``momentum`` does in SGD.
    - ``checks``, from the name of a hyper-parameter to a check of its value.
    - ``coupled_weight_decay = False``, if the rule itself takes care of ``weight_decay``.
    - ``update_sparse``, if the method takes sparse gradients: ``update`` for a whole parameter.
      ``on_entries(update)``, of ``course_lib.methods.sparse``, runs the rule on the entries that a
      gradient holds, and on these alone.
      ``dense_gradients = False``, if it takes no others.
    - ``update_in_place``, for speed: the same in fewer operations. It is given one letter more,
      `w`, a vector to work in, and takes the rule's place, unless compiled.
    - ``update_list``, for speed: the same with a list of tensors in place of each vector, by
      ``torch._foreach_...``. It takes the rule's place, also where `compile` is asked for: a single
      operation has nothing to gain. With ``gathers_small = True`` it does so only for few tensors
      or large ones on the CPU, and not if compiled.

    The base runs the rule. On the CPU, large tensors are worked on in place in chunks that fit the
    cache, small ones are gathered into one vector and copied back; on other devices the same
    without chunks. Parameters and gradients stay ordinary tensors that nothing aliases. The rule
    sees real numbers: a complex tensor counts as its real and imaginary parts.

    Args:
        params: Parameters, named parameters, or groups of them, as for ``torch.optim``.
        defaults: Hyper-parameters of the groups that do not set their own. The base knows
            ``weight_decay`` (coupled: $g_k + \lambda x_{k-1}$ in place of $g_k$) and ``maximize``
            ($-g_k$ in place of $g_k$, before the weight decay).
        compile: Run the rule under ``torch.compile``, several vectors in one graph. On the CPU this
            needs a C++ compiler. Letters that are floats then come as tensors of one element, so
            that a schedule may change them: a rule stays one graph if it computes with them alone,
            as in ``x -= t * g``, and does not branch on them or give them as ``alpha=``.

    Raises:
        ValueError: a hyper-parameter is outside its range, in `defaults` or in a group.
        TypeError: an argument is of the wrong type.

    Where torch differs: its ``state_dict`` holds the tensors that later steps change, this one
    copies; it warns of a parameter given twice and steps it twice, here it is stepped once.
    """

    checks: ClassVar[Mapping[str, Check]] = {}

    _checked: dict[int, list[Any]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Note what the rule asks about its time."""
        super().__init_subclass__(**kwargs)
        names = inspect.signature(cls.update).parameters
        cls._asks_k, cls._asks_first = "k" in names, "first" in names
        at_a_step = cls.letters_at is not Method.letters_at
        cls._counts = cls.keeps_step or cls._asks_k or at_a_step

    def __init__(self, params: ParamsT, defaults: dict[str, Any], *, compile: bool = False) -> None:
        """Check the hyper-parameters and take in the parameters."""
        flag("compile", compile)
        self._check(defaults)
        self._compile = compile
        self._layouts, self._work, self._checked = {}, {}, {}
        super().__init__(params, defaults)
        self.register_state_dict_post_hook(_copy_state)

    @staticmethod
    def update(x: Tensor, g: Tensor, *states: Any, **letters: Any) -> None:
        """Change `x` and the states in place; a subclass states how, and names its states."""
        raise NotImplementedError("a method must state its rule as a static method `update`")

    def letters(self, group: dict[str, Any]) -> dict[str, Any]:
        """Return the letters of the rule that the hyper-parameters of `group` stand for."""
        return {"t": group["lr"]}

    def letters_at(self, group: dict[str, Any], k: int) -> dict[str, Any]:
        """Return the letters that depend on the number `k` of steps, this one included."""
        return {}

    def states_of(self, group: dict[str, Any]) -> Mapping[str, str]:
        """Return the states that the rule keeps with the options of `group`: letter to key."""
        return self.rule_of(group).states

    def new_state(self, p: Tensor, letter: str, group: dict[str, Any]) -> Tensor:
        """Return the state `letter` of the parameter `p` before its first step."""
        return torch.zeros_like(p)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step with the gradients at hand, or with those that `closure` computes.

        Args:
            closure: Computes the loss and its gradients, and returns the loss.

        Returns:
            What `closure` returned, or None.

        Raises:
            ValueError, TypeError: a hyper-parameter has been set to a value outside its range;
                nothing is changed then.
            RuntimeError: a gradient is sparse and the method does not take sparse gradients; or the
                rule's first run has not changed the parameters in place.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for index, group in enumerate(self.param_groups):
            self._check_if_changed(index, group)
        for index, group in enumerate(self.param_groups):
            self._step_group(index, group)
        return loss

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters with hyper-parameters of its own.

        Args:
            param_group: ``{"params": ...}`` and the hyper-parameters that differ from the defaults.

        Raises:
            ValueError: a hyper-parameter is outside its range; or as in ``torch.optim``.
        """
        if isinstance(param_group, dict):
            self._check(param_group)
        super().add_param_group(param_group)
        once_each(param_group)

    def _check(self, values: dict[str, Any]) -> None:
        """Check the hyper-parameters among `values`."""
        checks = {"lr": non_negative, "weight_decay": non_negative, "maximize": flag, **self.checks}
        for name, value in values.items():
            if name in checks:
                checks[name](name, value)

    def _check_if_changed(self, index: int, group: dict[str, Any]) -> None:
        """Check the hyper-parameters of a group once more if one may have changed."""
        values = [value for name, value in group.items() if name != "params"]
        known = self._checked.get(index, [])
        if len(known) != len(values) or not all(map(operator.is_, known, values)):
            self._check(group)
            self._checked[index] = [] if any(map(may_change, values)) else values

    def _check_states(self, states: Mapping[Any, Any], groups: list[dict[str, Any]]) -> None:
        """Check that what each parameter has been loaded with can be its state."""
        index = 0
        for group in groups:
            keys = list(self.states_of({**self.defaults, **group}).values())
            for p in group["params"]:
                check_loaded(states.get(p, {}), keys, self._counts, p, index)
                index += 1

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled and deep-copied: no cache, and no view of one."""
        state = super().__getstate__()
        return {**state, "state": copied(state["state"]), "_compile": self._compile}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take in a pickled or loaded state; options that are missing there keep their default.

        Raises:
            ValueError, TypeError: a hyper-parameter is outside its range, or what a parameter has
                been loaded with cannot be its state; nothing is changed then.
        """
        for group in state["param_groups"]:
            self._check(group)
        fresh = "_optimizer_state_dict_post_hooks" not in self.__dict__
        if not fresh:
            self._check_states(state["state"], state["param_groups"])
        super().__setstate__(state)
        self._layouts, self._work, self._checked = {}, {}, {}
        for held in self.state.values():
            held.update({key: value.to_dense() for key, value in held.items() if is_sparse(value)})
        for group in self.param_groups:
            for name, default in self.defaults.items():
                group.setdefault(name, default)
        if fresh:
            self.register_state_dict_post_hook(_copy_state)


def _copy_state(_: Optimizer, state_dict: dict[str, Any]) -> None:
    state_dict["state"] = dict(copied(state_dict["state"]))
