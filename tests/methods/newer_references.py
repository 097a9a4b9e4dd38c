"""Independent references of the methods that came after the lecture, with what they lack.

Lion is compared with the package pytorch-optimizer, Schedule-Free with its authors' package, Muon
with torch. Here they learn `maximize` and, where they lack them, complex and empty tensors.
"""

import pytorch_optimizer
import schedulefree
import torch


def real_leaf(p):
    """A leaf that shares memory with `p`: its real and imaginary parts, where it is complex."""
    return torch.view_as_real(p.detach()).requires_grad_() if p.is_complex() else p


def real_leaves(params):
    """The same for a list of parameters, which is all that complex ones come in."""
    params = list(params)
    if all(isinstance(p, torch.Tensor) for p in params):
        return params, [real_leaf(p) for p in params]
    return [], params


class UpAndInRealParts:
    """Mixed into a reference: maximize, and complex parameters as pairs of real ones."""

    def __init__(self, params, *, maximize=False, **options):
        self.given, leaves = real_leaves(params)
        super().__init__(leaves, **options)
        self.upwards = maximize

    def step(self, closure=None):
        leaves = [p for group in self.param_groups for p in group["params"]]
        for p, leaf in zip(self.given, leaves, strict=False):
            if p is not leaf:
                leaf.grad = None if p.grad is None else torch.view_as_real(p.grad).clone()
        for leaf in leaves:
            if leaf.grad is not None and self.upwards:
                leaf.grad = -leaf.grad
        return super().step(closure)


class LionByPytorchOptimizer(UpAndInRealParts, pytorch_optimizer.Lion):
    pass


class ScheduleFreeSGDByItsAuthors(UpAndInRealParts, schedulefree.SGDScheduleFree):
    def __init__(self, params, **options):
        super().__init__(params, **options)
        self.train()


class ScheduleFreeAdamWByItsAuthors(UpAndInRealParts, schedulefree.AdamWScheduleFree):
    def __init__(self, params, **options):
        super().__init__(params, **options)
        self.train()


class MuonByTorch(UpAndInRealParts, torch.optim.Muon):
    def step(self, closure=None):
        """Skip empty matrices: torch divides by their width."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.numel() == 0:
                    p.grad = None
        return super().step(closure)
