from albumentations import Compose, HorizontalFlip, Normalize

Compose([HorizontalFlip(p=0.5), Normalize(always_apply=True)])
