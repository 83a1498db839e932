import torch
from torch.cuda.amp import GradScaler
from torch.optim.lr_scheduler import CosineAnnealingLR, StepLR
from torch.optim.swa_utils import AveragedModel


def train(model, loader, path, resume, cosine):
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    if cosine:
        scheduler = CosineAnnealingLR(optimizer, 10)
    else:
        scheduler = StepLR(optimizer, 3)
    scaler = GradScaler()
    averaged = AveragedModel(model)
    start = 0
    if resume:
        checkpoint = torch.load(path)
        model.load_state_dict(checkpoint["model"])
        optimizer.load_state_dict(checkpoint["optimizer"])
        start = checkpoint["epoch"]
    for epoch in range(start, 10):
        for batch in loader:
            scaler.scale(model(batch).sum()).backward()
            scaler.step(optimizer)
            scaler.update()
        scheduler.step()
        averaged.update_parameters(model)
        state = dict(  # error: SR011: learning-rate schedule that line 26  # error: SR011: gradient scaler  # error: SR011: average of the weights that line 27
            epoch=epoch + 1,
            model=model.state_dict(),
            optimizer=optimizer.state_dict(),
        )
        torch.save(state, path)
