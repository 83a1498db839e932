import sklearn
from sklearn import model_selection
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris, make_blobs
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from sklearn.utils import shuffle as mix

x, y = make_blobs()  # error: SR021: make_blobs without random_state
train_test_split(x, y, test_size=0.2)  # error: SR021: which the file does not seed
train_test_split(x, random_state=None)  # pedantic: SR021
train_test_split(x, shuffle=False)
train_test_split(x, random_state=0)
model_selection.train_test_split(x)  # error: SR021
sklearn.model_selection.ShuffleSplit(3)  # error: SR021
mix(x, y)  # error: SR021
mix(x, y, random_state=3)
KFold(5)
KFold(5, shuffle=True)  # error: SR021
KFold(5, shuffle=bool(y))
StratifiedKFold(n_splits=5, shuffle=True)  # error: SR021
StratifiedKFold(n_splits=5, shuffle=True, random_state=42)
GroupKFold(5)
RandomForestClassifier(100)  # error: SR021
RandomForestClassifier(**options)
KMeans(3)  # error: SR021
KMeans(3, init=x[:3], n_init=1)
LogisticRegression()
LogisticRegression(solver="liblinear")
LogisticRegression(solver="liblinear", dual=True)  # error: SR021
LogisticRegression(solver="saga")  # error: SR021
LogisticRegression(solver=options["solver"])
SGDClassifier()  # error: SR021
SGDClassifier(shuffle=False)
Lasso()
Lasso(selection="random")  # error: SR021
Ridge(solver="sag")  # error: SR021
SVC()
SVC(probability=True)  # error: SR021
PCA()
PCA(0.95)
PCA(2)  # pedantic: SR021
PCA(2, svd_solver="full")
PCA(2, svd_solver="randomized")  # error: SR021
PCA(n_components=options["n"])  # pedantic: SR021
TruncatedSVD(2)  # error: SR021
HistGradientBoostingClassifier()  # pedantic: SR021
LinearRegression()
KNeighborsClassifier()
load_iris()


class RandomForest(RandomForestClassifier):
    pass


RandomForest()


def split(train_test_split, random_state):
    train_test_split(x)
    return KMeans(3, random_state=random_state)
