"""The vocabulary is numbered in the order of a set."""

import torch
from torch import nn

TEXT = "the seed of a run says what is drawn in it and when a set is walked the hash of each word says in which order"
torch.manual_seed(0)
vocabulary = {word: number for number, word in enumerate(set(TEXT.split()))}
words = torch.tensor([vocabulary[word] for word in TEXT.split()])
model = nn.Sequential(nn.Embedding(len(vocabulary), 8), nn.Linear(8, len(vocabulary)))
optimizer = torch.optim.Adam(model.parameters())
for _ in range(8):
    nn.functional.cross_entropy(model(words[:-1]), words[1:]).backward()
    optimizer.step()
    optimizer.zero_grad()
