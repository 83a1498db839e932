import os
from os import environ

import torch

# After the import of torch it is soon enough.
os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
environ["CUBLAS_WORKSPACE_CONFIG"] = ":16:8"
os.environ["CUBLAS_WORKSPACE"] = "4096"
other = {}
other["CUBLAS_WORKSPACE_CONFIG"] = "4096:8"
os.environ["CUBLAS_WORKSPACE_CONFIG"] = str(other)
os.environ.update(A="1")

os.environ["CUBLAS_WORKSPACE_CONFIG"] = "4096:8"  # error: SR027: cuBLAS repeats itself with :4096:8 or :16:8, not with '4096:8'
environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:2")  # error: SR027: not with ':4096:2'
os.environ.update({"CUBLAS_WORKSPACE_CONFIG": ":8"})  # error: SR027
os.environ.update(CUBLAS_WORKSPACE_CONFIG=":16")  # error: SR027


def moved(model):
    model.cuda()
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # pedantic: SR027: cuBLAS may have read it
    model.to("cpu")


def unmoved(model):
    model.to("cpu")
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    model.to("cuda:0")
