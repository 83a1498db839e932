import torch
from stepping import noise


def train(loader, model, optimizer, path):
    optimizer.load_state_dict(torch.load(path)["optimizer"])
    for batch in loader:
        model(noise(batch)).sum().backward()
        optimizer.step()
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}  # error: SR010: step draws (line 15)
    torch.save(state, path)


if __name__ == "__main__":
    train(1, 2, 3, "last.pt")
