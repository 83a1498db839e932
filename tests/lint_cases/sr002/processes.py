from multiprocessing import Process

import torch
import torch.multiprocessing as mp


def train(rank, settings):
    torch.cuda.manual_seed(settings.seed)  # error: SR002: the current device alone


def started(settings):
    torch.cuda.manual_seed(settings.seed)  # error: SR002: the current device alone


def whole(rank, settings):
    torch.manual_seed(settings.seed)
    torch.cuda.manual_seed(settings.seed)  # pedantic: SR002: superfluous


def helper(settings):
    torch.cuda.manual_seed(settings.seed)  # pedantic: SR002: superfluous


def main(settings):
    torch.manual_seed(settings.seed)
    torch.cuda.manual_seed(settings.seed)  # pedantic: SR002: superfluous
    helper(settings)
    mp.spawn(train, nprocs=2, args=(settings,))
    mp.spawn(whole, nprocs=2, args=(settings,))
    Process(target=started, args=(settings,)).start()
