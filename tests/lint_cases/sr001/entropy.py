import random

import numpy as np
import torch

random.seed()
np.random.seed(None)
random.random()
torch.manual_seed(0)  # error: SR001: and not Python's random
