from data import loaders

model, optimizer = make()
loader = loaders([1, 2, 3])  # error: SR017: DistributedSampler of line 5 of data.py
step = 0
while step < 100:
    for batch in loader:
        model(batch).backward()
        optimizer.step()
        step += 1
