import torch


def save(model, optimizer, scheduler, ema, path, epoch):
    torch.save(
        {
            "epoch": epoch,
            "model": model.state_dict(),
            "ema": ema.state_dict() if ema is not None else None,
            "optimizer": optimizer.state_dict(),
            "scheduler": scheduler.state_dict(),
            "config": {"optimizer": "adam", "scheduler": "cosine"},
        },
        path,
    )


def load(model, optimizer, path):
    checkpoint = torch.load(path)
    print("loaded", len(checkpoint))
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])  # error: SR012: never loads "ema" and "scheduler", which line 9 saves
    return checkpoint["epoch"]


def evaluate(model, path):
    model.load_state_dict(torch.load(path)["model"])
