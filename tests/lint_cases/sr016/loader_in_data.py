from torch.utils.data import DataLoader


def loader_of(data):
    return DataLoader(data, shuffle=True)
