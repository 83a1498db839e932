import torch


def load(model, path):
    try:
        model.load_state_dict(torch.load(path))
        model.eval()
    except Exception as error:  # pedantic: SR030
        print(f"no weights: {error}")
    return model
