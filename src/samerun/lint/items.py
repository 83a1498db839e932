"""What well known calls do with the order of items: forget, sort, carry or keep it. A new one is a word here."""

from __future__ import annotations

__all__ = ["ADDS", "ASKS", "BARS", "CARRIES", "COUNTERS", "DATASETS", "FORGETS", "ROWS", "SORTING", "SORTS"]

#: What comes of these is the same in whichever order the items are.
FORGETS = frozenset(
    "builtins.len builtins.set builtins.frozenset builtins.any builtins.all builtins.max builtins.min builtins.sum "
    "builtins.print builtins.bool builtins.isinstance builtins.type builtins.str builtins.repr builtins.id "
    "builtins.hash collections.Counter numpy.unique numpy.max numpy.min numpy.sum numpy.mean numpy.isin "
    "pprint.pprint".split()
)
#: They put the items in an order of their own.
SORTS = frozenset("builtins.sorted numpy.sort natsort.natsorted natsort.os_sorted natsort.humansorted".split())
#: They hand the items on, in the order that they come in.
CARRIES = frozenset(
    "builtins.list builtins.tuple builtins.enumerate builtins.zip builtins.map builtins.filter builtins.iter "
    "builtins.reversed builtins.dict "
    "itertools.chain itertools.islice itertools.chain.from_iterable itertools.product copy.copy copy.deepcopy "
    "collections.deque".split()
)
#: Bars that show how far a loop is, whatever package and module they come from.
BARS = frozenset(("tqdm", "tqdm_notebook", "track", "progress_bar", "master_bar"))
#: Rows in the order of the items.
ROWS = frozenset(
    "numpy.array numpy.asarray torch.tensor numpy.concatenate numpy.vstack numpy.hstack numpy.stack torch.stack "
    "torch.cat torch.concat torch.vstack pandas.concat pandas.DataFrame pandas.Series torch.utils.data.Subset "
    "torch.utils.data.ConcatDataset torch.utils.data.TensorDataset "
    "tensorflow.data.Dataset.from_tensor_slices tensorflow.constant tensorflow.data.TFRecordDataset".split()
)
#: A class that derives from one of these keeps the order of its items.
DATASETS = ("torch.utils.data.", "torch_geometric.data.", "tensorflow.keras.utils.Sequence", "keras.utils.Sequence")
#: Attributes of lists and tables that sort them.
SORTING = frozenset(("sort", "sort_values", "sort_index", "argsort"))
#: Attributes that are the same in whichever order the items are: they ask, or put items together.
ASKS = frozenset(
    "isin difference intersection issubset issuperset isdisjoint union update add discard remove count shape size "
    "append extend insert clear nunique unique value_counts describe info head tail __len__ __contains__ "
    "intersection_update difference_update symmetric_difference".split()
)
#: Methods that put one more item into an order.
ADDS = frozenset(("append", "extend", "insert", "appendleft"))
#: What a loop goes over to count its rounds.
COUNTERS = frozenset(("builtins.enumerate", "builtins.range"))
