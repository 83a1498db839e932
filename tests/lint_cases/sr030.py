import logging
import sys
from contextlib import suppress

import torch


def resume(model, optimizer, path):
    start = 0
    try:
        checkpoint = torch.load(path)
        model.load_state_dict(checkpoint["model"])
        optimizer.load_state_dict(checkpoint["optimizer"])
        start = checkpoint["epoch"]
    except:  # error: SR030: in line 12 is passed over
        pass
    try:
        torch.set_rng_state(checkpoint["rng"])
    except (KeyError, Exception) as error:  # error: SR030: in line 18
        logging.warning("no generators: %s", error)
        start = 0
    with suppress(Exception):  # error: SR030
        optimizer.load_state_dict(checkpoint["optimizer"])
    return start


def known(model, optimizer, checkpoint):
    try:
        optimizer.load_state_dict(checkpoint["optimizer"])
    except KeyError:
        print("no optimizer in it")
    with suppress(KeyError):
        model.load_state_dict(checkpoint["model"])
    try:
        checkpoint = torch.load(checkpoint)
    except Exception:
        print("nothing to load")


def ends(model, checkpoint):
    try:
        model.load_state_dict(checkpoint)
    except Exception as error:
        print(error)
        sys.exit(1)
    try:
        model.load_state_dict(checkpoint)
    except Exception as error:
        raise RuntimeError("it does not fit") from error
    try:
        model.load_state_dict(checkpoint)
    except Exception:
        return False
    return True


def tries_else(model, checkpoint):
    try:
        model.load_state_dict(checkpoint)
    except Exception:
        print("it comes from DataParallel")
        model.load_state_dict({name.removeprefix("module."): value for name, value in checkpoint.items()})


def all_of_it(model, optimizer, loader, checkpoint):
    try:
        model.load_state_dict(checkpoint)
        for batch in loader:
            model(batch).sum().backward()
            optimizer.step()
    except Exception:
        logging.exception("the run has ended")


def later(model, checkpoint):
    try:
        model.train()

        def load():
            model.load_state_dict(checkpoint)
    except Exception:
        load = None
    return load
