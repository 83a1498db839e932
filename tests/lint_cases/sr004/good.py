from helper import build, seed

seed()
build()
seed()
