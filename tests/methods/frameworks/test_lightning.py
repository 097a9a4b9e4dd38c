"""Every method of the course in PyTorch Lightning, which passes a closure to each step."""

import lightning
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from course_lib.methods.learning_rate import Cosine, Scheduler
from tests.methods.frameworks.regression import (
    BATCH,
    EACH,
    ELEMENTWISE,
    EPOCHS,
    assert_same_weights,
    net_for,
    samples,
    trained_plainly,
)

pytestmark = pytest.mark.filterwarnings("ignore:.isinstance.treespec")


class Regression(lightning.LightningModule):
    def __init__(self, case, schedule=None):
        super().__init__()
        self.case, self.schedule, self.net = case, schedule, net_for(case)
        self.rates = []

    def training_step(self, batch):
        x, y = batch
        self.rates.append(self.optimizers().param_groups[0].get("lr"))
        return nn.functional.mse_loss(self.net(x), y)

    def configure_optimizers(self):
        method = self.case.make(self.net.parameters())
        return method if self.schedule is None else ([method], [self.schedule(method)])


def train(module, folder, epochs=EPOCHS, gradient_clip_val=None, **options):
    trainer = lightning.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        gradient_clip_val=gradient_clip_val,
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    loader = DataLoader(TensorDataset(*samples()), batch_size=BATCH)
    trainer.fit(module, loader, **options)
    return trainer


@pytest.mark.parametrize("case", EACH, ids=str)
def test_trains_as_in_a_plain_loop(case, tmp_path):
    module = Regression(case)
    train(module, tmp_path)
    assert_same_weights(module.net, trained_plainly(case))


@pytest.mark.parametrize("case", ELEMENTWISE, ids=str)
def test_goes_on_from_a_checkpoint_as_if_it_had_not_been_interrupted(case, tmp_path):
    whole, first, second = (Regression(case) for _ in range(3))
    train(whole, tmp_path, epochs=4)
    train(first, tmp_path, epochs=2).save_checkpoint(tmp_path / "half.ckpt")
    train(second, tmp_path, epochs=4, ckpt_path=tmp_path / "half.ckpt")
    assert_same_weights(second.net, whole.net)


@pytest.mark.parametrize("case", ELEMENTWISE, ids=str)
def test_obeys_schedulers_of_torch_and_of_the_course(case, tmp_path):
    halved = Regression(case, lambda method: torch.optim.lr_scheduler.StepLR(method, 1, gamma=0.5))
    train(halved, tmp_path)
    lr, steps = case.options["lr"], len(halved.rates) // EPOCHS
    assert halved.rates == pytest.approx(
        [lr * 0.5**epoch for epoch in range(EPOCHS) for _ in range(steps)]
    )

    schedule = Cosine(lr, steps=EPOCHS)
    ours = Regression(case, lambda method: Scheduler(method, schedule))
    train(ours, tmp_path)
    assert ours.rates[::steps] == pytest.approx([schedule(k) for k in range(1, EPOCHS + 1)])


@pytest.mark.parametrize("case", ELEMENTWISE, ids=str)
def test_clipped_gradients_are_the_ones_it_uses(case, tmp_path):
    clipped, plain = Regression(case), net_for(case)
    train(clipped, tmp_path, epochs=1, gradient_clip_val=1e-3)
    method, (x, y) = case.make(plain.parameters()), samples()
    for start in range(0, len(x), BATCH):
        method.zero_grad()
        nn.functional.mse_loss(plain(x[start : start + BATCH]), y[start : start + BATCH]).backward()
        nn.utils.clip_grad_norm_(plain.parameters(), 1e-3)
        method.step()
    assert_same_weights(clipped.net, plain)
