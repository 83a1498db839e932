import albumentations as A
from samerun import DataLoader

transform = A.Compose([A.HorizontalFlip(p=0.5)])
DataLoader([], num_workers=4)
