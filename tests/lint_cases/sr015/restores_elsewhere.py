from restoring import resume
from torch.utils.data import DataLoader


def train(data, model, optimizer, path):
    loader = DataLoader(data, shuffle=True, num_workers=4, persistent_workers=True)  # error: SR015
    resume(path)
    for batch in loader:
        model(batch).sum().backward()
        optimizer.step()


train(1, 2, 3, "last.pt")
