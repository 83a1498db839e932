import multiprocessing as mp
import os

if __name__ == "__main__":
    mp.set_start_method("fork")
    os.environ["PYTHONHASHSEED"] = "0"  # error: SR003
