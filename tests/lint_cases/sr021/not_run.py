from seeds import seed_everything
from sklearn.ensemble import RandomForestRegressor


def train(x, y):
    seed_everything(3)
    return RandomForestRegressor().fit(x, y)  # pedantic: SR021
