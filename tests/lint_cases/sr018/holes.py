from albumentations import CoarseDropout, Compose

Compose([CoarseDropout(max_holes=3)])
