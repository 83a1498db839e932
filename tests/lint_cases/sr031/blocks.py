from torch import nn

block = nn.TransformerEncoderLayer(8, 1, dropout=0.1)
