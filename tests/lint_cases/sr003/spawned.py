import os

import torch.multiprocessing as mp

if __name__ == "__main__":
    mp.set_start_method("spawn")
    os.environ["PYTHONHASHSEED"] = "0"  # pedantic: SR003
