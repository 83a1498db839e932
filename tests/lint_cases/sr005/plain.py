import random

import numpy as np
import torch
from torch import nn

from somewhere import criterion, data, seed_everything

SEED = 42
args = data.arguments()
model = nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loader = torch.utils.data.DataLoader(data, shuffle=True)


def train_one_epoch():
    torch.manual_seed(SEED)  # error: SR005: of the training loop in line 29
    for batch in loader:
        criterion(model(batch)).backward()
        optimizer.step()


def validate():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return model(torch.randn(2, 2))


for epoch in range(10):
    train_one_epoch()
    validate()

for epoch in range(10):
    seed_everything(args.seed)  # error: SR005: each round draws the same
    random.seed(SEED + 1)  # error: SR005
    np.random.seed(SEED + epoch)
    for x in loader:
        random.seed(3)  # error: SR005
        model(x).sum().backward()
    if epoch % 5 == 0:
        torch.manual_seed(0)  # error: SR005

step = 0
while step < args.max_steps:
    torch.manual_seed(args.seed)  # error: SR005
    optimizer.step()
    step += 1

for x in loader:
    np.random.seed(1)  # error: SR005
    optimizer.step()

# Seeded once, or with another number each time.
for epoch in range(10):
    if epoch == 0:
        torch.manual_seed(0)
    if args.resume and epoch == args.start:
        random.seed(0)
    torch.manual_seed(epoch)
    np.random.seed(random.randint(0, 100))
    random.seed()
    torch.manual_seed(args.seed + step)
    generator = torch.Generator().manual_seed(0)
    own = np.random.default_rng(0)
    model(own.random()).backward()
    step += 1

seed = 0
for epoch in range(10):
    torch.manual_seed(seed)
    optimizer.step()
    seed += 1

# The generators are put back.
for epoch in range(10):
    state = torch.get_rng_state()
    torch.manual_seed(0)
    model(torch.rand(2, 2)).sum().backward()
    torch.set_rng_state(state)

# No training, or a new one in each round.
for epoch in range(10):
    torch.manual_seed(0)
    print(torch.rand(1))
