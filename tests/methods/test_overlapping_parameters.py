"""Parameters that are views of one memory, and overlap in part, take the steps of all of them."""

import pytest
import torch

from tests.methods.parameters import assert_same_bits, plain


def views(kind):
    memory = torch.arange(1.0, 25.0, dtype=torch.float64)
    shapes = {
        "in part": [memory[:15].view(3, 5), memory[10:20].view(2, 5)],
        "three of them": [memory[4:8].view(2, 2), memory[:12].view(3, 4), memory[6:].view(3, 6)],
        "interleaved": [memory.view(6, 4)[:, ::2], memory.view(6, 4)[:, 1::2]],
        "side by side": [memory[:12].view(3, 4), memory[12:].view(3, 4)],
    }
    return memory, [view.detach().requires_grad_() for view in shapes[kind]]


def stepped(make, kind, *, in_one_group):
    memory, params = views(kind)
    # Without decay: whether it sees the steps of the others depends on the order, in torch too.
    groups = params if in_one_group else [{"params": [p]} for p in params]
    method = make(groups, weight_decay=0.0)
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        for p in params:
            p.grad = torch.randn(p.shape, generator=generator, dtype=p.dtype)
        method.step()
    return memory


@pytest.mark.parametrize("kind", ["in part", "three of them", "interleaved", "side by side"])
@plain
def test_no_step_of_overlapping_parameters_is_lost(case, kind):
    together = stepped(case.make, kind, in_one_group=True)
    one_after_the_other = stepped(case.make, kind, in_one_group=False)
    torch.testing.assert_close(together, one_after_the_other, rtol=1e-12, atol=1e-12)
    assert_same_bits([stepped(case.make, kind, in_one_group=True)], [together])
