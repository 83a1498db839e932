import contextlib
import random

import torch
from sklearn.svm import SVC
from torch import nn

from somewhere import build_model, data, loaders, seed_everything, study, temp_seed


class Net(nn.Module):
    pass


@contextlib.contextmanager
def seeded(seed):
    state = random.getstate()
    random.seed(seed)
    yield
    random.setstate(state)


def put_back(state):
    random.setstate(state)


def sampled():
    state = random.getstate()
    random.seed(0)
    put_back(state)


def train(model, optimizer):
    for epoch in range(3):
        sampled()
        with seeded(0):
            model(epoch).backward()
        with temp_seed(0):
            optimizer.step()


for fold in range(5):
    seed_everything(42)
    net = Net()
    train(net, torch.optim.SGD(net.parameters()))

for seed in range(5):
    seed_everything(seed)
    for epoch in range(3):
        study.step()

for epochs in (10, 20):
    torch.manual_seed(0)
    net = Net()
    train(net, net)

for steps in (10, 20):
    torch.manual_seed(0)
    train(build_model(), None)



def set_up():
    torch.manual_seed(0)
    return Net()


for steps in (10, 20):
    train(set_up(), None)

for trial in study:
    random.seed(0)
    SVC().fit(data, trial)

for loader in loaders:
    for iteration in range(3):
        torch.manual_seed(0)
        train(net, torch.optim.SGD(net.parameters()))
