import torch
import torch.utils.checkpoint as ckpt
from torch import nn
from torch.utils.checkpoint import checkpoint, checkpoint_sequential


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.1)

    def forward(self, x):
        x = checkpoint(self.drop, x, preserve_rng_state=False, use_reentrant=False)  # error: SR031: another mask
        x = checkpoint_sequential([self.drop], 1, x, preserve_rng_state=False)  # error: SR031
        x = ckpt.checkpoint(self.drop, x, use_reentrant=False, preserve_rng_state=False)  # error: SR031
        x = checkpoint(self.drop, x, use_reentrant=False)
        x = checkpoint(self.drop, x, preserve_rng_state=True)
        x = checkpoint(self.drop, x, preserve_rng_state=self.training)
        return self.own(x)

    def own(self, x):
        return save(x, preserve_rng_state=False)


def save(x, preserve_rng_state):
    torch.save(x, "x.pt")
    return x
