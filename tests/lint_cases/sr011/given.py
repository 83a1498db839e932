import torch
from torch.amp import GradScaler


def main(model, loader, optimizer, path, own):
    optimizer.load_state_dict(torch.load(path)["optimizer"])
    scaler = GradScaler()
    epoch(model, loader, optimizer, scaler, own)
    other(model, loader, optimizer, scaler=own)
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)  # error: SR011: scaler that line 16


def epoch(model, loader, optimizer, scaler, own):
    for batch in loader:
        own.scale(model(batch).sum()).backward()
        scaler.step(optimizer)
        own.update()


def other(model, loader, optimizer, scaler):
    for batch in loader:
        model(batch).sum().backward()
        scaler.step(optimizer)
