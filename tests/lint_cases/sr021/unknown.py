from elsewhere import set_seed
from sklearn.manifold import TSNE

set_seed(3)
TSNE()  # pedantic: SR021
