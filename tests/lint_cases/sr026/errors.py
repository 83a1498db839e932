import warnings

import torch

warnings.filterwarnings("error", message=".*deterministic.*")
torch.use_deterministic_algorithms(True, warn_only=True)
