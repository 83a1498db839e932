import torch
from torch.amp import GradScaler
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch_ema import ExponentialMovingAverage


def train(model, loader, path):
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    scheduler = CosineAnnealingLR(optimizer, 10)
    scaler = GradScaler("cuda")
    ema = ExponentialMovingAverage(model.parameters(), 0.99)
    optimizer.load_state_dict(torch.load(path)["optimizer"])
    for batch in loader:
        scaler.scale(model(batch).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        scheduler.step()
        ema.update()
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "lr_sched": scheduler}
    state["amp_scaler"] = scaler.state_dict()
    torch.save(state, path)
    torch.save(ema.state_dict(), f"{path}.ema")
