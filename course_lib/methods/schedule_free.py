"""Schedule-Free: an average of the iterates in place of a schedule that shrinks the steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from course_lib.arguments import check_integer
from course_lib.methods.base import Method
from course_lib.methods.hyperparameters import finite, flag, fraction, non_negative, number

__all__ = ["ScheduleFree"]

Group = dict[str, Any]


def _whole(name: str, value: Any) -> None:
    check_integer(name, value, low=0)


def _weight(group: Group, k: int, longest: float) -> float:
    """Return the weight of the k-th iterate in the average, before it is shared out."""
    try:
        return k ** group["r"] * longest ** group["weight_lr_power"]
    except OverflowError:
        raise ValueError(
            "the weights k**r * lr**weight_lr_power must be finite, got k = "
            f"{k}, r = {group['r']!r}, lr = {longest!r} and weight_lr_power = "
            f"{group['weight_lr_power']!r}"
        ) from None


class ScheduleFree(Method):
    r"""What the Schedule-Free methods have in common: three sequences, of which two are kept.

    .. math::

        y_k = (1 - \beta)\, z_k + \beta\, x_k, \qquad
        z_{k+1} = z_k - t_k d_k, \qquad
        x_{k+1} = (1 - c_{k+1})\, x_k + c_{k+1}\, z_{k+1}

    The steps :math:`d_k`, made of the gradient at :math:`y_k`, are added up in :math:`z`, without
    any schedule. Their running average :math:`x` is what training is for: **evaluate and save**
    :math:`x`. The gradient is asked at :math:`y`, between the two.

    While the method trains, the parameters hold :math:`y_k`, and the state holds :math:`z_k`;
    :math:`x_k` follows from both. :meth:`eval` puts :math:`x_k` into the parameters, :meth:`train`
    puts :math:`y_k` back, :meth:`iterates` does both around a block. ``fit`` calls them by itself:
    it evaluates at :math:`x`, and leaves the model there. Where :math:`\beta` has been changed,
    :math:`y` moves and :math:`x` stays.

    The weight of the newest iterate is :math:`c_k = w_k / \sum_{j \le k} w_j`, with
    :math:`w_j = j^r \bigl(\max_{i \le j} t_i\bigr)^p`, where :math:`r` is `r` and :math:`p` is
    `weight_lr_power`. With a constant step and `r` = 0 that is :math:`1/k`, the plain average.
    During the first `warmup_steps` steps, :math:`t_k` grows in proportion to :math:`k`.

    Use it by :class:`~course_lib.methods.ScheduleFreeSGD` or
    :class:`~course_lib.methods.ScheduleFreeAdamW`; a subclass states
    :meth:`beta_of` and its rule, which changes :math:`y` and :math:`z` by :meth:`move`.

    Source: Defazio et al., *The road less scheduled*, NeurIPS 2024.
    """

    checks = {  # noqa: RUF012
        "warmup_steps": _whole,
        "r": finite,
        "weight_lr_power": non_negative,
        "train_mode": flag,
        "k": _whole,
        "weight_sum": non_negative,
        "lr_max": finite,
        "scheduled_lr": non_negative,
        "held_beta": fraction,
    }
    coupled_weight_decay = False

    def __init__(self, params: ParamsT, defaults: dict[str, Any], *, compile: bool) -> None:
        """Check the hyper-parameters and take in the parameters; training may begin."""
        counters = {
            "k": 0, "train_mode": True, "weight_sum": 0.0, "lr_max": -1.0, "scheduled_lr": 0.0,
            "held_beta": 0.0,
        }  # fmt: skip
        super().__init__(params, {**defaults, **counters}, compile=compile)

    def beta_of(self, group: Group) -> float:
        """Return the β of `group`: where between z (0) and x (1) the gradient is asked."""
        raise NotImplementedError("a Schedule-Free method must state its beta as `beta_of`")

    def new_state(self, p: Tensor, letter: str, group: Group) -> Tensor:
        """Return z where the parameter starts, and zeros for other states."""
        if letter == "z":
            return p.detach().clone(memory_format=torch.preserve_format)
        return super().new_state(p, letter, group)

    def letters(self, group: Group) -> Group:
        """Return the letters t, β and λ of the rule, and the weight c of the newest iterate."""
        weight, total = _weight(group, group["k"], group["lr_max"]), group["weight_sum"]
        return {
            "t": group["scheduled_lr"],
            "b": self.beta_of(group),
            "c": weight / total if total else 0.0,
            "decay": group["weight_decay"],
        }

    @staticmethod
    def move(y: Tensor, z: Tensor, d: Tensor, *, t: float, b: float, c: float) -> None:
        r"""Take the step of all three sequences, of which :math:`x` is not at hand.

        Put :math:`\beta x = y - (1 - \beta) z` into the formulas for :math:`z_{k+1}, x_{k+1}` and
        :math:`y_{k+1}`: what is left is
        :math:`y_{k+1} = (1 - c)\, y_k + c\, z_k - t\, (1 - \beta (1 - c))\, d_k`.
        """
        y.mul_(1 - c).add_(c * z)
        y -= t * (1 - b * (1 - c)) * d
        z -= t * d

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step with the gradients at y, where the parameters stand.

        Raises:
            RuntimeError: the parameters hold x, after :meth:`eval`; or as in :class:`Method`.
        """
        if not all(group["train_mode"] for group in self.param_groups):
            raise RuntimeError(
                f"{type(self).__name__} must be in train mode to step: the parameters hold x, and "
                "the gradient is wanted at y; call train() on the optimizer before"
            )
        return super().step(closure)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters; it is in the mode that the others are in."""
        if isinstance(param_group, dict) and self.param_groups:
            param_group.setdefault("train_mode", self.param_groups[0]["train_mode"])
        super().add_param_group(param_group)

    def _step_group(self, index: int, group: Group) -> None:
        self._move_to_beta(group)
        before = {key: group[key] for key in ("k", "weight_sum", "lr_max", "scheduled_lr")}
        k = group["k"] + 1
        t = number(group["lr"]) * min(1.0, k / max(1, group["warmup_steps"]))
        longest = max(t, group["lr_max"])
        weight = _weight(group, k, longest)
        group |= {
            "k": k,
            "scheduled_lr": t,
            "lr_max": longest,
            "weight_sum": group["weight_sum"] + weight,
        }
        try:
            super()._step_group(index, group)
        except BaseException:
            group |= before
            raise

    @torch.no_grad()
    def eval(self) -> None:
        """Let the parameters hold x, to evaluate or to save them."""
        self._switch(train_mode=False)

    @torch.no_grad()
    def train(self) -> None:
        """Let the parameters hold y, to go on with training."""
        self._switch(train_mode=True)

    def _switch(self, *, train_mode: bool) -> None:
        for group in self.param_groups:
            if group["train_mode"] == train_mode:
                continue
            b = self.beta_of(group)
            if train_mode:
                self._move_from_z(group, b)
                group["held_beta"] = b
            else:
                self._move_from_z(group, 1 / (group["held_beta"] or b))
            group["train_mode"] = train_mode

    def _move_to_beta(self, group: Group) -> None:
        """Let the parameters hold the y of the present β, which may differ from that of before."""
        b = self.beta_of(group)
        held = group["held_beta"] or b  # before the first step, x, y and z are one
        if held != b:
            self._move_from_z(group, b / held)
        group["held_beta"] = b

    def _move_from_z(self, group: Group, factor: float) -> None:
        """Multiply the distance of the parameters from z."""
        for p in group["params"]:
            if "z" in (state := self.state.get(p, {})):
                p.lerp_(state["z"].to(p.device, p.dtype), 1 - factor)

    @contextmanager
    def iterates(self) -> Iterator[None]:
        """Let the parameters hold the averages x inside a ``with`` block.

        After it they hold what they held before, to the last bit; what is written into them inside
        is undone.

        Example:
            >>> from course_lib.methods import ScheduleFreeSGD
            >>> w = torch.ones(1, requires_grad=True)
            >>> method = ScheduleFreeSGD([w], lr=0.5, momentum=0.5)
            >>> for k in range(2):
            ...     w.grad = torch.ones(1)
            ...     method.step()
            >>> with method.iterates():
            ...     print(w.item())
            0.25
            >>> w.item(), method.state[w]["z"].item()
            (0.125, 0.0)
        """
        modes = [(group["train_mode"], group["held_beta"]) for group in self.param_groups]
        params = [p for group in self.param_groups for p in group["params"]]
        held = [p.detach().clone() for p in params]
        self.eval()
        try:
            yield
        finally:
            for group, mode in zip(self.param_groups, modes, strict=True):
                group["train_mode"], group["held_beta"] = mode
            with torch.no_grad():
                for p, before in zip(params, held, strict=True):
                    p.copy_(before)
