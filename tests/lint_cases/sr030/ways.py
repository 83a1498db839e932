from contextlib import suppress

import numpy as np
import torch


def everything(model, optimizer, own, engine, state, verbose):
    try:
        optimizer.load_state_dict(state)
    except BaseException:  # error: SR030
        ...
    try:
        own.setstate(state)
    except Exception:  # error: SR030
        pass
    try:
        own.set_rng_state(state)
    except Exception:  # error: SR030
        pass
    try:
        engine.load_state(state)
    except Exception:  # error: SR030
        pass
    try:
        np.random.set_state(state)
    except Exception:  # error: SR030
        if verbose:
            print("no state")


def looked_at(model, state, strict, using, lock):
    try:
        model.load_state_dict(state)
    except Exception:
        if strict:
            raise
    try:
        model.load_state_dict(state)
    except Exception:
        if not strict:
            print("it does not fit")
        else:
            raise
    try:
        model.load_state_dict(state)
    except (KeyError, ValueError):
        print("it does not fit")
    with using(Exception):
        model.load_state_dict(state)
    with lock:
        model.load_state_dict(state)
    with using(model.load_state_dict(state)), suppress(Exception):
        print("loaded")


def not_tried(model, path):
    try:
        state = torch.load(path)
    except Exception:
        print("nothing to load")
    else:
        model.load_state_dict(state)
