from seeds import seed_everything
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import train_test_split

seed_everything(3)
train, test = train_test_split([1, 2, 3])  # pedantic: SR021: which other draws move on
RandomForestRegressor()  # pedantic: SR021
RandomForestRegressor(random_state=0)
