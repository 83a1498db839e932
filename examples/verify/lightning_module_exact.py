"""The training of ``lightning_module.py``, changed as ``samerun verify`` advises; it is the same run in every scenario.

- Order and augmentation of the data are keyed by epoch and place: :class:`samerun.DataLoader`. Lightning saves and
  loads its state by itself.
- Dropout draws from a stream that nothing else draws from, and that is saved in each checkpoint.
- One thread, so that another machine adds in the same order.
"""

import argparse
import random

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset

import samerun


class Digits(Dataset):
    def __init__(self, images, labels, train):
        self.images = images
        self.labels = labels
        self.train = train

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = self.images[index] / 16.0
        if self.train:
            if random.random() < 0.5:
                image = np.roll(image, random.choice([-1, 1]), axis=1)
            image = image + np.random.normal(0.0, 0.05, image.shape)
        return torch.tensor(image, dtype=torch.float32).unsqueeze(0), int(self.labels[index])


class DigitsModule(pl.LightningDataModule):
    def setup(self, stage):
        digits = load_digits()
        self.train = Digits(digits.images[:1440], digits.target[:1440], train=True)
        self.valid = Digits(digits.images[1440:], digits.target[1440:], train=False)

    def train_dataloader(self):
        return samerun.DataLoader(self.train, batch_size=96, shuffle=True, num_workers=2, seed=42)

    def val_dataloader(self):
        return DataLoader(self.valid, batch_size=96, num_workers=2)


class Classifier(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.stream = samerun.Stream(42)
        self.network = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(16 * 4 * 4, 10),
        )

    def training_step(self, batch, batch_idx):
        images, labels = batch
        with self.stream:
            loss = nn.functional.cross_entropy(self.network(images), labels)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        images, labels = batch
        accuracy = (self.network(images).argmax(1) == labels).float().mean()
        self.log("val_acc", accuracy)

    def on_save_checkpoint(self, checkpoint):
        checkpoint["stream"] = self.stream.state_dict()

    def on_load_checkpoint(self, checkpoint):
        self.stream.load_state_dict(checkpoint["stream"])

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=2e-3)
        return [optimizer], [torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=3)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default="output")
    args = parser.parse_args()

    samerun.deterministic(threads=1)
    pl.seed_everything(42, workers=True)
    trainer = pl.Trainer(
        max_epochs=3,
        accelerator="cpu",
        default_root_dir=args.out,
        callbacks=[ModelCheckpoint(dirpath=f"{args.out}/checkpoints", every_n_train_steps=4, save_top_k=-1)],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Classifier(), datamodule=DigitsModule())


if __name__ == "__main__":
    main()
