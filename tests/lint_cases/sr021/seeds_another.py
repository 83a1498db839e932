from seeds import seed_python
from sklearn.manifold import TSNE

seed_python(3)
TSNE().fit([[1]])  # pedantic: SR021
TSNE(init="random").fit([[1]])  # error: SR021
TSNE(random_state=3).fit([[1]])
