"""Every method of the course in Hugging Face accelerate, which wraps model and optimizer."""

import pytest
import torch
from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tests.methods.frameworks.regression import (
    BATCH,
    EACH,
    ELEMENTWISE,
    EPOCHS,
    SAMPLES,
    assert_same_weights,
    net_for,
    samples,
    trained_plainly,
)


def prepared(case, scheduler=None, **options):
    """Model, optimizer, batches and scheduler, wrapped."""
    accelerator, net = Accelerator(cpu=True, **options), net_for(case)
    method = case.make(net.parameters())
    loader = DataLoader(TensorDataset(*samples()), batch_size=BATCH)
    parts = [net, method, loader] + ([scheduler(method)] if scheduler else [])
    return accelerator, *accelerator.prepare(*parts)


def train(accelerator, net, method, loader, epochs=EPOCHS):
    for _ in range(epochs):
        for x, y in loader:

            def closure(x=x, y=y):
                method.zero_grad()
                loss = nn.functional.mse_loss(net(x), y)
                accelerator.backward(loss)
                return loss

            method.step(closure)


@pytest.mark.parametrize("case", EACH, ids=str)
def test_trains_as_in_a_plain_loop(case):
    accelerator, net, method, loader = prepared(case)
    train(accelerator, net, method, loader)
    assert_same_weights(accelerator.unwrap_model(net), trained_plainly(case))


@pytest.mark.parametrize("case", ELEMENTWISE, ids=str)
def test_goes_on_from_a_saved_state_as_if_it_had_not_been_interrupted(case, tmp_path):
    whole = prepared(case)
    train(*whole, epochs=4)
    first = prepared(case)
    train(*first, epochs=2)
    first[0].save_state(tmp_path)
    second = prepared(case)
    second[0].load_state(tmp_path)
    train(*second, epochs=2)
    assert_same_weights(second[1], whole[1])


@pytest.mark.parametrize("case", ELEMENTWISE, ids=str)
def test_gradients_are_accumulated_and_clipped_before_its_step(case):
    accelerator, net, method, loader = prepared(case, gradient_accumulation_steps=SAMPLES // BATCH)
    for _ in range(EPOCHS):
        for x, y in loader:
            with accelerator.accumulate(net):
                accelerator.backward(nn.functional.mse_loss(net(x), y))
                if accelerator.sync_gradients:
                    accelerator.clip_grad_norm_(net.parameters(), 0.1)
                method.step()
                method.zero_grad()
    plain, (x, y) = net_for(case), samples()
    by_hand = case.make(plain.parameters())
    for _ in range(EPOCHS):
        by_hand.zero_grad()
        nn.functional.mse_loss(plain(x), y).backward()
        nn.utils.clip_grad_norm_(plain.parameters(), 0.1)
        by_hand.step()
    for p, q in zip(net.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("case", ELEMENTWISE, ids=str)
def test_obeys_a_scheduler(case):
    accelerator, net, method, loader, scheduler = prepared(
        case, lambda method: torch.optim.lr_scheduler.StepLR(method, 1, gamma=0.5)
    )
    for x, y in loader:
        method.zero_grad()
        accelerator.backward(nn.functional.mse_loss(net(x), y))
        method.step()
        scheduler.step()
    expected = case.options["lr"] * 0.5 ** len(loader)
    assert method.param_groups[0]["lr"] == pytest.approx(expected)
