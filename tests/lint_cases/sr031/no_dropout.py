from torch import nn
from torch.utils.checkpoint import checkpoint

layer = nn.Sequential(nn.Linear(1, 1), nn.Dropout(0.0), nn.Dropout(p=0))
other = nn.TransformerEncoderLayer(8, 1, dropout=0.0)


def forward(x):
    return checkpoint(layer, x, preserve_rng_state=False)  # pedantic: SR031: whatever draws
