import albumentations as A
from torch.utils.data import DataLoader

transform = A.Compose([A.HorizontalFlip(p=0.5)], seed=0)  # pedantic: SR018: are copied into each worker
valid = A.Compose([A.Resize(3, 3)], seed=0)
DataLoader([], num_workers=0)
DataLoader([], num_workers=4)
