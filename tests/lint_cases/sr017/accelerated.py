from accelerate import Accelerator
from torch.utils.data import DataLoader, DistributedSampler

accelerator = Accelerator()
loader = DataLoader([], sampler=DistributedSampler([]))
for epoch in range(3):
    for batch in loader:
        accelerator.backward(model(batch))
