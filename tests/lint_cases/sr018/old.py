import albumentations as A

A.Compose([A.RandomResizedCrop(224, 224, scale=(0.5, 1)), A.HorizontalFlip(p=0.5)])
A.Compose([A.Blur()])
