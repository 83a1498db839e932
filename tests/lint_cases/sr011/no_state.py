import torch
from torch.amp import GradScaler
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, StepLR

from somewhere import schedule


class EMA:
    def __init__(self, rate):
        self.rate = rate

    def update(self, value):
        self.value = value


def train(model, loader, path, start_epoch):
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    placed = CosineAnnealingLR(optimizer, 10, last_epoch=start_epoch - 1)
    shifted = LambdaLR(optimizer, lambda step: 0.9 ** (step + start_epoch))
    told = StepLR(optimizer, 3)
    caught = StepLR(optimizer, 3)
    moved = StepLR(optimizer, 3)
    moved.last_epoch = start_epoch - 1
    mine = schedule(optimizer)
    off = GradScaler("cuda", enabled=False)
    smooth = EMA(0.9)
    optimizer.load_state_dict(torch.load(path)["optimizer"])
    for _ in range(start_epoch):
        caught.step()
    for epoch in range(start_epoch, 10):
        for batch in loader:
            loss = model(batch).sum()
            loss.backward()
            off.step(optimizer)
            off.update()
            smooth.update(loss.item())
        placed.step()
        shifted.step()
        told.step(epoch)
        moved.step()
        mine.step()
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)
