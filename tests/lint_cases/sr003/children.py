import os
import subprocess
import sys

os.environ["PYTHONHASHSEED"] = "0"  # pedantic: SR003: for the processes that this one starts
subprocess.run([sys.executable, "train.py"], check=True)
