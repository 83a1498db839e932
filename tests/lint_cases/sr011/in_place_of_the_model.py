import torch
from torch.optim.swa_utils import AveragedModel


class Trainer:
    def __init__(self, model, optimizer):
        self.model, self.optimizer = model, optimizer
        self.ema_model = AveragedModel(model)

    def train(self, loader):
        for batch in loader:
            self.model(batch).sum().backward()
            self.optimizer.step()
            self.ema_model.update_parameters(self.model)

    def save(self, averaged):
        model = self.ema_model.module if averaged else self.model
        torch.save({"model": model.state_dict(), "optimizer": self.optimizer.state_dict()}, "last.pt")

    def load(self):
        self.optimizer.load_state_dict(torch.load("last.pt")["optimizer"])
