import torch
from torch.optim.lr_scheduler import StepLR


class Trainer:
    def __init__(self, model, optimizer):
        self.model, self.optimizer = model, optimizer

    def epoch(self, loader, schedule, other=None):
        for batch in loader:
            self.model(batch).sum().backward()
            self.optimizer.step()
        schedule.step()
        other.step()


def main(model, loader, optimizer, path):
    optimizer.load_state_dict(torch.load(path)["optimizer"])
    trainer = Trainer(model, optimizer)
    trainer.epoch(loader, StepLR(optimizer, 3), loader)
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)  # error: SR011: schedule that line 13
