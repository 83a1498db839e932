import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
device = torch.device("cuda:0")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.pad = nn.ReflectionPad2d(1)  # error: SR028: the backward pass of ReflectionPad2d adds in any order
        self.up = nn.Upsample(scale_factor=2, mode="bilinear")  # error: SR028: on a GPU without
        self.near = nn.Upsample(scale_factor=2, mode="nearest")
        self.plain = nn.Upsample(scale_factor=2)
        self.bag = nn.EmbeddingBag(3, 4)
        self.last = nn.AdaptiveAvgPool2d((1, 1))
        self.pool = nn.AdaptiveAvgPool2d((7, 7))  # pedantic: SR028
        self.edge = nn.Conv2d(3, 3, 3, padding_mode="reflect")  # error: SR028: would refuse it
        self.conv = nn.Conv2d(3, 3, 3)
        self.zero = nn.ZeroPad2d(1)

    def forward(self, x, where, values, mode):
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)  # error: SR028: on a GPU without
        x = F.interpolate(x, scale_factor=2, mode="trilinear")
        x = F.interpolate(x, scale_factor=2)
        x = F.pad(x, (1, 1), "constant")
        x = F.pad(x, (1, 1), mode="reflect")  # pedantic: SR028
        x = F.pad(x, (1, 1, 1, 1), mode="reflect")  # error: SR028: the backward pass of pad
        x = F.interpolate(x, scale_factor=2, mode=mode)
        return x + F.grid_sample(x, where)  # error: SR028


def resized(image):
    return F.interpolate(image, scale_factor=2, mode="bicubic")  # pedantic: SR028: would refuse it


def count(where, values, rows):
    total = torch.zeros(3, device=device)
    total.scatter_add_(0, where, torch.ones_like(values))
    ones = torch.ones(3)
    total.index_add_(0, where, ones)
    total.scatter_add_(0, where, values)  # error: SR028: scatter_add_ adds in any order on a GPU without
    torch.index_add(total, 0, where, values)  # error: SR028
    total.scatter_reduce_(0, where, values, "amax")
    total.scatter_reduce(0, where, values, reduce="mean")  # error: SR028: on a GPU without
    total.scatter_reduce_(0, where, values, "prod")  # error: SR028: would refuse it
    torch.bincount(where)
    torch.bincount(where, weights=values)  # error: SR028: would refuse it
    np.bincount(where, weights=rows)
    total.put_(where, values, accumulate=False)
    total.put_(where, values, accumulate=True)  # error: SR028
    total.scatter_(0, where, values)
    total.sum().backward()
