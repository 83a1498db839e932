from __future__ import annotations

from samerun.run.ranks import Ranks


def test_alone_there_is_nobody_to_wait_for():
    ranks = Ranks()
    assert (ranks.rank, ranks.world_size, ranks.barrier) == (0, 1, None)
    ranks.meet()
    assert ranks.agree(True, False) == (True, False)
