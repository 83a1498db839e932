from helper import build, seed

build()
seed()  # error: SR004: in line 5 of helper.py
