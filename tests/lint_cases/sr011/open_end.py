import torch


def train(model, optimizer, loader, more):
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3)
    optimizer.load_state_dict(torch.load("last.pt")["optimizer"])
    for batch in loader:
        model(batch).sum().backward()
        optimizer.step()
        scheduler.step()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), **more}, "last.pt")
