"""Why a kind of cell is exact or is not, and the ways of resuming in words."""

from __future__ import annotations

from samerun.lab.text import Text

__all__ = ["REASONS", "WAYS"]


#: In which order things are done in each way of resuming.
WAYS = {
    "before iter": Text("generators → `iter(loader)`", "生成器 → `iter(loader)`"),
    "after iter": Text("`iter(loader)` → generators", "`iter(loader)` → 生成器"),
    "after skipping": Text("`iter(loader)` → skip → generators", "`iter(loader)` → 読み飛ばし → 生成器"),
    "state, before iter": Text("state → generators → `iter(loader)`", "状態 → 生成器 → `iter(loader)`"),
    "state, after iter": Text("state → `iter(loader)` → generators", "状態 → `iter(loader)` → 生成器"),
    "state, primed": Text(
        "state → `loader.state_dict()` → generators → `iter(loader)`",
        "状態 → `loader.state_dict()` → 生成器 → `iter(loader)`",
    ),
    "epoch replayed": Text("replay the epoch → generators", "エポックをやり直す → 生成器"),
}

_NO_POSITION = Text(
    "no generator tells the place in the epoch, and `iter` shuffles anew; with the states of the epoch's beginning it"
    " can be gone through again",
    "エポック内の位置はどの生成器にもなく、`iter` は新たにシャッフルする。エポックの初めの状態があれば、やり直せる",
)
_LOST = Text(
    "the workers' generators ended with the workers; and new workers draw a `base_seed` that living ones do not",
    "ワーカーの生成器はワーカーとともに消えた。"
    "さらに、新しいワーカーを始めるときは、続いているワーカーなら引かない `base_seed` が引かれる",
)
_LOST_HERE = Text(
    "the workers' generators ended with the workers, and had gone on since the first epoch",
    "ワーカーの生成器は最初のエポックから進み続けていたが、ワーカーとともに消えた",
)
_FINISHED = Text(
    "its state holds the finished iterator, for which a `base_seed` is drawn before that of the next epoch; the"
    " generators have to be put back between the two",
    "状態には終わったイテレータが入っており、次のエポックの `base_seed` の前に、そのための `base_seed` が引かれる。"
    "生成器は、この 2 つの間で書き戻さなければならない",
)
_KEYS = Text(
    "nothing has a history: what an item gets follows from seed, epoch and place in the epoch",
    "履歴がない。データが得る乱数は、シードとエポックとエポック内の位置だけで決まる",
)

#: By loader, workers and stop.
REASONS = {
    ("torch", "0", "boundary"): Text("every generator is in the main process", "生成器はすべてメインプロセスにある"),
    ("torch", "0", "mid-epoch"): _NO_POSITION,
    ("torch", "2", "boundary"): Text(
        "each epoch draws a `base_seed` from the main process and starts new workers from it",
        "エポックごとにメインプロセスから `base_seed` を引き、それで新しいワーカーを始める",
    ),
    ("torch", "2", "mid-epoch"): _NO_POSITION,
    ("torch", "2 persistent", "boundary"): _LOST,
    ("torch", "2 persistent", "mid-epoch"): _LOST_HERE,
    ("torchdata", "0", "boundary"): _FINISHED,
    ("torchdata", "0", "mid-epoch"): Text(
        "the state has the place and the order; `iter` draws a `base_seed`, so the generators come after it",
        "位置と順序は状態にある。`iter` が `base_seed` を引くので、生成器はその後",
    ),
    ("torchdata", "2", "boundary"): _FINISHED,
    ("torchdata", "2", "mid-epoch"): Text(
        "the state has the place and the `base_seed`, but not how far the workers' generators were",
        "位置と `base_seed` は状態にあるが、ワーカーの生成器がどこまで進んでいたかは含まれない",
    ),
    ("torchdata", "2 persistent", "boundary"): _LOST_HERE,
    ("torchdata", "2 persistent", "mid-epoch"): _LOST_HERE,
    **{
        ("samerun", workers, where): _KEYS
        for workers in ("0", "2", "2 persistent")
        for where in ("boundary", "mid-epoch")
    },
}
