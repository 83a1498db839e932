"""A small ConvNeXt on digits by transformers' Trainer, with a checkpoint every few steps.

::

    python hf_trainer.py --out runs/trainer
"""

import argparse
import random

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch.utils.data import Dataset
from transformers import ConvNextConfig, ConvNextForImageClassification, Trainer, TrainingArguments


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
        pixels = torch.tensor(image, dtype=torch.float32).unsqueeze(0)
        return {"pixel_values": pixels, "labels": int(self.labels[index])}


def model_init():
    config = ConvNextConfig(
        image_size=8,
        num_channels=1,
        num_labels=10,
        patch_size=2,
        num_stages=2,
        hidden_sizes=[16, 32],
        depths=[1, 1],
        drop_path_rate=0.1,
        layer_scale_init_value=1.0,
        initializer_range=0.1,
    )
    return ConvNextForImageClassification(config)


def compute_metrics(prediction):
    return {"accuracy": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default="output")
    args = parser.parse_args()

    digits = load_digits()
    training_args = TrainingArguments(
        output_dir=args.out,
        num_train_epochs=3,
        per_device_train_batch_size=96,
        per_device_eval_batch_size=96,
        learning_rate=1e-2,
        dataloader_drop_last=True,
        eval_strategy="epoch",
        logging_steps=5,
        save_strategy="steps",
        save_steps=4,
        save_total_limit=3,
        seed=42,
        report_to="none",
        disable_tqdm=True,
    )
    trainer = Trainer(
        model_init=model_init,
        args=training_args,
        train_dataset=Digits(digits.images[:1440], digits.target[:1440], train=True),
        eval_dataset=Digits(digits.images[1440:], digits.target[1440:], train=False),
        compute_metrics=compute_metrics,
    )
    trainer.train()


if __name__ == "__main__":
    main()
