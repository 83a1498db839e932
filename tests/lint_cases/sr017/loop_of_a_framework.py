# Catalyst's loop over epochs calls set_epoch; what is in this one trains only once.
from catalyst.dl import SupervisedRunner
from torch.utils.data import DataLoader, DistributedSampler

for epochs in (1, 2):
    loader = DataLoader(dataset, sampler=DistributedSampler(dataset))
    runner = SupervisedRunner()
    runner.train(loader, model, epochs)
    model.fit(loader)
