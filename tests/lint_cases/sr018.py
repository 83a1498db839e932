import albumentations
import albumentations as A
from albumentations.core.composition import Compose
from albumentations.pytorch import ToTensorV2

train = A.Compose([A.HorizontalFlip(), A.Normalize(), ToTensorV2()])  # error: SR018: which no global seed reaches
other = Compose([A.OneOf([A.Blur(), A.CLAHE()])], p=0.5)  # error: SR018
albumentations.Compose([A.Resize(3, 3), A.Rotate(10, p=1)], seed=None)  # error: SR018
A.ReplayCompose((A.RandomCrop(3, 3),))  # error: SR018: which only its set_random_seed reaches
A.Compose([A.Resize(3, 3, p=0.5)])  # error: SR018
parts = [A.Normalize(), A.GaussNoise()]
A.Compose(parts)  # error: SR018
A.Compose([A.Compose([A.VerticalFlip()]), A.NoOp()])  # error: SR018

# Nothing of these draws.
valid = A.Compose([A.Resize(224, 224), A.Normalize(), ToTensorV2()])
A.Compose([A.HorizontalFlip(p=1.0), A.ToGray(p=1), ToTensorV2(p=1.0)])
A.Compose([A.Rotate(p=0)])
A.Compose([A.PadIfNeeded(p=probability), Unknown()])
A.Compose([])

# Seeded, or it cannot be known.
A.Compose([A.HorizontalFlip(), A.Normalize()], seed=3)
A.Compose([A.HorizontalFlip()], **options)
A.Compose(made_elsewhere())


def build(transforms, A2):
    A.Compose(transforms)
    A2.Compose([A.HorizontalFlip()])
    first = A.Compose([A.HorizontalFlip()])
    return A.Compose([first, A.Blur()], seed=4)
