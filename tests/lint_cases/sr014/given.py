import numpy as np
import torch
from samerun import capture, restore


def train(train_loader, model, optimizer, checkpoint, path):
    restore(checkpoint["rng"])  # error: SR014: before the loop of line 8 begins
    for step, batch in enumerate(train_loader):
        model(batch).sum().backward()
        optimizer.step()
        torch.save(capture().state_dict(), path)


def numpy_alone(train_loader, model, optimizer, checkpoint, path):
    np.random.set_state(checkpoint["rng"])
    for batch in train_loader:
        model(batch).sum().backward()
        optimizer.step()
        torch.save(np.random.get_state(), path)


def two_loops(train_loader, other_loader, model, optimizer, checkpoint, path):
    torch.set_rng_state(checkpoint["rng"])  # error: SR014
    for batch in train_loader:
        model(batch).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)
    for batch in other_loader:
        model(batch).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)


class Trainer:
    def __init__(self, loader, model, optimizer, path):
        self.train_loader, self.model, self.optimizer, self.path = loader, model, optimizer, path

    def load(self):
        torch.set_rng_state(torch.load(self.path)["rng"])  # error: SR014

    def train(self):
        for batches in self.train_loader:
            for batch in batches:
                self.model(batch).sum().backward()
                self.optimizer.step()
                torch.save(torch.get_rng_state(), self.path)


trainer = Trainer(1, 2, 3, "last.pt")
trainer.load()
trainer.train()
