import random

import torch

from .helpers import evaluate, set_seed


class Trainer:
    def __init__(self, cfg, model):
        self.cfg = cfg
        self.model = model
        self.seed = cfg.seed
        self.epoch_seed = cfg.seed

    def set_epoch(self, epoch):
        self.epoch_seed = self.seed + epoch

    def run(self):
        for epoch in range(self.cfg.epochs):
            self.one(epoch)
            evaluate(self.model)  # error: SR005
            torch.manual_seed(self.epoch_seed)
            set_seed(self.seed)  # error: SR005
            set_seed(epoch)

    def one(self, epoch):
        random.seed(self.seed)  # error: SR005
        random.seed(epoch)
        self.model(epoch).backward()
