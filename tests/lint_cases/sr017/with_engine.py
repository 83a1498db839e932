from data import loaders
from engine import train

loader = loaders([1, 2, 3])
for epoch in range(3):
    train(loader, model, epoch)
