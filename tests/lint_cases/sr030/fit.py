def train(model, loader, state):
    try:
        model.load_state_dict(state)
    except Exception:  # error: SR030
        pass
    for batch in loader:
        model.fit(batch)
