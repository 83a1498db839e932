"""The training of ``hf_trainer.py``, changed as ``samerun verify`` advises; it is the same run in every scenario.

- Order and augmentation of the data are keyed by epoch and place: :class:`samerun.DataLoader`. ``ignore_data_skip``
  lets it go on where it was, in place of the ``Trainer``'s own skipping.
- The stochastic depth of the model draws from a stream that nothing else draws from.
- Both are saved beside each checkpoint, behind everything else, so that a checkpoint without them is a torn one.
- One thread, so that another machine adds in the same order.
"""

import argparse
import os
import random
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch.utils.data import Dataset
from transformers import ConvNextConfig, ConvNextForImageClassification, Trainer, TrainerCallback, TrainingArguments

import samerun

STATE = "exact.pt"


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


class ExactTrainer(Trainer):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.stream = samerun.Stream(self.args.seed)
        self.add_callback(SaveExactly(self.stream))

    def get_train_dataloader(self):
        return samerun.DataLoader(
            self.train_dataset,
            batch_size=self.args.train_batch_size,
            shuffle=True,
            drop_last=self.args.dataloader_drop_last,
            num_workers=self.args.dataloader_num_workers,
            collate_fn=self.data_collator,
            seed=self.args.seed,
        )

    def training_step(self, *args, **kwargs):
        with self.stream:
            return super().training_step(*args, **kwargs)


class SaveExactly(TrainerCallback):
    def __init__(self, stream):
        self.stream = stream

    def on_save(self, args, state, control, train_dataloader, **others):
        path = Path(args.output_dir, f"checkpoint-{state.global_step}", STATE)
        torch.save({"loader": train_dataloader.state_dict(), "stream": self.stream.state_dict()}, f"{path}.tmp")
        os.replace(f"{path}.tmp", path)

    def on_train_begin(self, args, state, control, train_dataloader, **others):
        if state.global_step:
            saved = torch.load(Path(args.output_dir, f"checkpoint-{state.global_step}", STATE))
            train_dataloader.load_state_dict(saved["loader"])
            self.stream.load_state_dict(saved["stream"])


def last_whole_checkpoint(folder):
    found = [path.parent for path in Path(folder).glob(f"checkpoint-*/{STATE}")]
    return max(map(str, found), key=lambda path: int(path.rpartition("-")[2]), default=False)


def compute_metrics(prediction):
    return {"accuracy": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default="output")
    args = parser.parse_args()

    samerun.deterministic(threads=1)
    digits = load_digits()
    training_args = TrainingArguments(
        output_dir=args.out,
        num_train_epochs=3,
        per_device_train_batch_size=96,
        per_device_eval_batch_size=96,
        learning_rate=1e-2,
        dataloader_drop_last=True,
        ignore_data_skip=True,
        eval_strategy="epoch",
        logging_steps=5,
        save_strategy="steps",
        save_steps=4,
        save_total_limit=3,
        seed=42,
        report_to="none",
        disable_tqdm=True,
    )
    trainer = ExactTrainer(
        model_init=model_init,
        args=training_args,
        train_dataset=Digits(digits.images[:1440], digits.target[:1440], train=True),
        eval_dataset=Digits(digits.images[1440:], digits.target[1440:], train=False),
        compute_metrics=compute_metrics,
    )
    trainer.train(resume_from_checkpoint=last_whole_checkpoint(args.out))


if __name__ == "__main__":
    main()
