"""A small vision transformer on digits by transformers' Trainer, with a checkpoint every few steps.

::

    python hf_trainer.py --out runs/trainer
"""

import argparse
import random

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch.utils.data import Dataset
from transformers import Trainer, TrainingArguments, ViTConfig, ViTForImageClassification


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
        return {
            "pixel_values": torch.tensor(image, dtype=torch.float32).unsqueeze(0),
            "labels": int(self.labels[index]),
        }


def model_init():
    config = ViTConfig(
        image_size=8,
        patch_size=4,
        num_channels=1,
        num_labels=10,
        initializer_range=0.1,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        hidden_dropout_prob=0.1,
        attention_probs_dropout_prob=0.1,
    )
    return ViTForImageClassification(config)


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
