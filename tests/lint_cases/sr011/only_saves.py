import torch


def train(model, optimizer, loader):
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3)
    for batch in loader:
        model(batch).sum().backward()
        optimizer.step()
        scheduler.step()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, "best.pt")  # pedantic: SR011
