import albumentations as A

transform = A.Compose([A.HorizontalFlip(p=0.5)])


def start(worker):
    transform.set_random_seed(worker)
