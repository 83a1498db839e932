import saving
from torch.utils.data import DataLoader


def train(data, model, optimizer, path):
    saving.load(model, optimizer, path)
    for batch in DataLoader(data, shuffle=True):
        model(batch).sum().backward()
        optimizer.step()
    saving.save(model, optimizer, path)  # error: SR010: the order of the data (line 7)
