"""What Lion's rule says, beyond its steps being those of an independent package."""

import pytest
import torch

from course_lib.methods import AdamW, Lion

DOUBLE = torch.float64


def stepped(method, gradients, size=5):
    """Where the parameters are after a step with each of the gradients."""
    w = torch.zeros(size, dtype=DOUBLE, requires_grad=True)
    optimizer = method([w])
    path = [w.detach().clone()]
    for g in gradients:
        w.grad = g.clone()
        optimizer.step()
        path.append(w.detach().clone())
    return torch.stack(path), optimizer


def noise(steps, size=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(steps, size, generator=generator, dtype=DOUBLE)


def test_every_coordinate_moves_by_the_step_size():
    path, _ = stepped(lambda params: Lion(params, lr=0.25), noise(50))
    assert torch.equal(path.diff(dim=0).abs(), torch.full((50, 5), 0.25, dtype=DOUBLE))


def test_the_units_of_the_gradient_do_not_matter():
    units = 2.0 ** torch.tensor([-30, -3, 0, 5, 40], dtype=DOUBLE)
    path, _ = stepped(lambda params: Lion(params, lr=0.1), noise(50))
    scaled, _ = stepped(lambda params: Lion(params, lr=0.1), noise(50) * units)
    assert torch.equal(path, scaled)


def test_the_direction_weighs_the_newest_gradient_more_than_the_memory_will():
    """Sums written out: weight 1 - b1 for the newest, b1 (1 - b2) b2^i for older ones."""
    b1, b2 = 0.9, 0.99
    gradients = noise(30)
    path, optimizer = stepped(lambda params: Lion(params, lr=1.0, betas=(b1, b2)), gradients)
    ages = torch.arange(29, -1, -1, dtype=DOUBLE)
    m = ((1 - b2) * b2**ages) @ gradients
    torch.testing.assert_close(
        optimizer.state_dict()["state"][0]["exp_avg"], m, rtol=1e-12, atol=1e-12
    )
    older = ((1 - b2) * b2 ** ages[1:]) @ gradients[:-1]
    direction = torch.sign(b1 * older + (1 - b1) * gradients[-1])
    assert torch.equal(path[-1] - path[-2], -direction)


def test_it_keeps_half_of_what_adamw_keeps():
    def kept(method):
        _, optimizer = stepped(method, noise(2))
        return sum(
            s.numel()
            for state in optimizer.state.values()
            for s in state.values()
            if isinstance(s, torch.Tensor) and s.dim()
        )

    assert kept(Lion) * 2 == kept(AdamW)


def test_near_a_minimum_it_goes_on_by_full_steps():
    w = torch.tensor([0.05], dtype=DOUBLE, requires_grad=True)
    lion = Lion([w], lr=0.1, betas=(0.0, 0.0))
    seen = []
    for _ in range(6):
        w.grad = w.detach().clone()
        lion.step()
        seen.append(w.item())
    assert seen == pytest.approx([-0.05, 0.05] * 3)


def test_wrong_betas_are_refused():
    w = torch.ones(1, requires_grad=True)
    with pytest.raises(ValueError, match=r"betas\[1\] must be a number in \[0, 1\), got 1"):
        Lion([w], betas=(0.9, 1))
    with pytest.raises(TypeError, match="betas must be a pair of numbers"):
        Lion([w], betas=0.9)
