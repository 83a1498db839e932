import lightning as L
import torch
import torch.backends.cudnn as cudnn
from torch.backends import cudnn as other


def seed_everything(seed):
    torch.manual_seed(seed)
    cudnn.deterministic = True
    cudnn.benchmark = True  # error: SR024: although the file asks for determinism


def main(args):
    if torch.cuda.is_available():
        torch.backends.cudnn.benchmark = True  # error: SR024
    other.benchmark = True  # error: SR024
    return L.Trainer(benchmark=True)  # error: SR024


def chosen(args):
    if args.seed is not None:
        torch.manual_seed(args.seed)
        cudnn.deterministic = True
        cudnn.benchmark = False
    else:
        cudnn.benchmark = True
    if not args.deterministic:
        cudnn.benchmark = True
    if args.fast:
        cudnn.benchmark = True
    else:
        torch.manual_seed(args.seed)
    cudnn.benchmark = args.benchmark
    L.Trainer(benchmark=False)


def turned_off():
    cudnn.benchmark = True
    cudnn.benchmark = False


class cudnn_of_mine:
    pass


cudnn_of_mine.benchmark = True
cudnn.enabled = True
