"""Rules that only the tests use, to show that the base carries states, counts and options."""

import torch

from course_lib.methods import Method
from course_lib.methods.hyperparameters import fraction, non_negative


class ExampleAdam(Method):
    """Adam as the slide writes it, with bias correction."""

    states = {"m": "exp_avg", "s": "exp_avg_sq"}  # noqa: RUF012
    checks = {"eps": non_negative}  # noqa: RUF012

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, **options):
        compile = options.pop("compile", False)
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, {**defaults, "maximize": False, **options}, compile=compile)

    def letters(self, group):
        b1, b2 = group["betas"]
        return {"t": group["lr"], "b1": b1, "b2": b2, "eps": group["eps"]}

    @staticmethod
    def update(x, g, m, s, *, k, t, b1, b2, eps):
        m.lerp_(g, 1 - b1)
        s.lerp_(g * g, 1 - b2)
        x -= t / (1 - b1**k) * m / ((s / (1 - b2**k)).sqrt() + eps)


class ExampleAdamW(ExampleAdam):
    """Adam with weight decay in the rule itself instead of in the gradient."""

    coupled_weight_decay = False

    def letters(self, group):
        return {**super().letters(group), "decay": group["weight_decay"]}

    @staticmethod
    def update(x, g, m, s, *, k, t, b1, b2, eps, decay):
        x *= 1 - t * decay
        ExampleAdam.update(x, g, m, s, k=k, t=t, b1=b1, b2=b2, eps=eps)


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


class ExampleSparseAdam(ExampleAdam):
    """Adam on the entries that a sparse gradient holds, and on these alone."""

    @staticmethod
    def update_sparse(x, g, m, s, *, k, t, b1, b2, eps):
        g = g.coalesce()
        rows, v = g.indices(), g.values()
        at = tuple(rows)
        m[at] += (1 - b1) * (v - m[at])
        s[at] += (1 - b2) * (v * v - s[at])
        x[at] -= t * (1 - b2**k) ** 0.5 / (1 - b1**k) * m[at] / (s[at].sqrt() + eps)


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
