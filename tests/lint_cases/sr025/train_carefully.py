import torch
from speed import careful, prepare

prepare("cuda")
careful()
torch.backends.cudnn.deterministic = True  # pedantic: SR025: should other code
