from helper import build, seed

model = build()
seed()  # error: SR004: made the weights of a model
