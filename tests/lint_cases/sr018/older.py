from albumentations import Compose, HorizontalFlip, IAASharpen

Compose([IAASharpen(), HorizontalFlip(p=0.5)])
