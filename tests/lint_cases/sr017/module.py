from lightning.pytorch import LightningModule
from torch.utils.data import DataLoader, DistributedSampler


class Module(LightningModule):
    def train_dataloader(self):
        return DataLoader([], sampler=DistributedSampler([]))

    def fit_all(self, model):
        for epoch in range(3):
            for batch in self.train_dataloader():
                model(batch).backward()
