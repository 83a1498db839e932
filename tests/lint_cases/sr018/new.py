import albumentations as A

SEED = 3
A.Compose([A.RandomResizedCrop(size=(224, 224)), A.HorizontalFlip(p=0.5)])  # error: SR018
A.Compose([A.RandomResizedCrop((224, 224), (0.5, 1))])  # error: SR018
