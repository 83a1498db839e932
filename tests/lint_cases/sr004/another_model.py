from helper import build, seed

model = build()
print(model)
seed()
model = build()
print(model)
