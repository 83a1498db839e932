from loading import Resumed, load, look, restore


def train(model, optimizer, loader, path):
    try:
        start = load(model, optimizer, path)
    except Exception:  # error: SR030: line 6
        start = 0
    try:
        restore(path)
    except Exception:  # error: SR030: line 10
        pass
    try:
        start = look(path)
    except Exception:
        start = 0
    try:
        found = Resumed(model, path)
    except Exception:
        found = None
    for batch in loader:
        model(batch).sum().backward()
        optimizer.step()
    return found, start
