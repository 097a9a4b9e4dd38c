"""The lecture's momentum, computed by torch's: what the two conventions say of each other."""

import torch
from torch.optim.sgd import sgd


class LecturesMomentumByTorch(torch.optim.Optimizer):
    """torch's ``sgd`` with its buffer in units of the present learning rate.

    The lecture adds beta (x_k - x_{k-1}). torch keeps b with x_k - x_{k-1} = -lr b, where lr is
    that of the step that was taken; so b is rescaled whenever lr has changed since.
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
        lr, state = float(group["lr"]), self.state[p]
        b = -state["last_step"] / lr if "last_step" in state else torch.zeros_like(p)
        sgd(
            [p],
            [p.grad],
            [b],
            lr=lr,
            momentum=group["beta"],
            weight_decay=group["weight_decay"],
            maximize=group["maximize"],
            dampening=0.0,
            nesterov=False,
        )
        state["last_step"] = -lr * b
