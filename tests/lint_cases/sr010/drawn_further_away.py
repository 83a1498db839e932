import drawing
import torch


def train(loader, optimizer, path):
    model = drawing.make()
    optimizer.load_state_dict(torch.load(path)["optimizer"])
    for batch in loader:
        model(batch).sum().backward()
        optimizer.step()
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}  # error: SR010: the dropout (line 6)
    torch.save(state, path)
