"""Everything that has a seed is seeded; albumentations has a generator of its own."""

import random

import albumentations as A
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

random.seed(0)
np.random.seed(0)
torch.manual_seed(0)


class Photos(Dataset):
    def __init__(self):
        self.images = np.random.randint(0, 256, (16, 8, 8, 3), dtype=np.uint8)
        self.transform = A.Compose([A.HorizontalFlip(p=0.5), A.RandomBrightnessContrast(p=1.0)])  # here

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.transform(image=self.images[index])["image"].astype(np.float32) / 255


loader = DataLoader(Photos(), batch_size=4)
model = nn.Sequential(nn.Flatten(), nn.Linear(192, 4), nn.Linear(4, 192))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for images in loader:
    loss = nn.functional.mse_loss(model(images), images.flatten(1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
torch.save(model.state_dict(), "model.pt")
