"""The lecture's Nesterov, computed by torch's: what the two conventions say of each other."""

import torch
from torch.optim.sgd import sgd


class LecturesNesterovByTorch(torch.optim.Optimizer):
    """torch's ``sgd(nesterov=True)`` with its buffer rewritten before each step.

    In torch's step y goes by -lr (g + mu b) with b = mu b_old + g. The lecture's goes by
    -lr g + beta s with s = ahead - lr g, where ahead = y - x is how far y is beyond the iterate.
    With mu = beta they agree if -lr mu b_old = ahead.
    """

    def __init__(self, params, lr, beta, weight_decay=0.0, maximize=False):
        super().__init__(
            params, {"lr": lr, "beta": beta, "weight_decay": weight_decay, "maximize": maximize}
        )

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self._step(p, group)

    def _step(self, p, group):
        lr, mu, state = float(group["lr"]), group["beta"], self.state[p]
        ahead = state.get("look_ahead", torch.zeros_like(p))
        b = -ahead / (lr * mu)
        sgd(
            [p],
            [p.grad],
            [b],
            lr=lr,
            momentum=mu,
            weight_decay=group["weight_decay"],
            maximize=group["maximize"],
            dampening=0.0,
            nesterov=True,
        )
        state["look_ahead"] = -lr * mu * b
