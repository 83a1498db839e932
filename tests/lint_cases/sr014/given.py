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
