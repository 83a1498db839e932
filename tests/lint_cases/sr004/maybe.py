import sys

from helper import build, seed

if len(sys.argv) > 1:
    seed()
build()
seed()
