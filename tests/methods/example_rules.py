"""Rules that only the tests use, to show that the base carries states, counts and options."""

import torch

from course_lib.methods import Method
from course_lib.methods.hyperparameters import fraction


class ExampleMomentum(Method):
    """torch's momentum, in which the first buffer is the first gradient."""

    checks = {"momentum": fraction}  # noqa: RUF012

    def __init__(self, params, lr=1e-3, momentum=0.9, weight_decay=0.0, **options):
        compile = options.pop("compile", False)
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(params, {**defaults, "maximize": False, **options}, compile=compile)

    def states_of(self, group):
        return {"b": "momentum_buffer"} if group["momentum"] else {}

    def letters(self, group):
        return {"t": group["lr"], "mu": group["momentum"]}

    @staticmethod
    def update(x, g, b=None, *, k, t, mu):
        if b is None:
            x.sub_(g, alpha=t)
            return
        if k == 1:
            b += g
        else:
            b.mul_(mu).add_(g)
        x.sub_(b, alpha=t)


class ExampleListMomentum(ExampleMomentum):
    """The same, with a form for lists."""

    @staticmethod
    def update_list(x, g, b=None, *, k, t, mu):
        if b is None:
            torch._foreach_sub_(x, g, alpha=t)
            return
        if k > 1:
            torch._foreach_mul_(b, mu)
        torch._foreach_add_(b, g)
        torch._foreach_sub_(x, b, alpha=t)


class ExampleStart(Method):
    """Pulls each parameter towards where it started: a state that does not start at zero."""

    states = {"x0": "start"}  # noqa: RUF012

    def __init__(self, params, lr=0.5):
        super().__init__(params, {"lr": lr})

    def new_state(self, p, letter, group):
        return p.detach().clone(memory_format=torch.preserve_format)

    @staticmethod
    def update(x, g, x0, *, t):
        x -= t * (g + (x - x0))
