from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from samerun.data.position import Mark, Position, Progress, Shard, ShardProgress, Shards


def marks(sizes, first=0):
    """Marks of batches of those sizes, one after the other."""
    found = []
    for number, size in enumerate(sizes):
        found.append(Mark(first, Position(first + size, first + size), last=number == len(sizes) - 1))
        first += size
    return found


SIZES = st.lists(st.integers(1, 9), min_size=1, max_size=12)


@given(SIZES, st.data())
def test_in_order_the_place_is_behind_what_was_received_whatever_was_sent(sizes, data):
    progress = Progress(0, Position())
    sent = received = 0
    found = marks(sizes)
    while received < len(sizes):
        if sent < len(sizes) and (sent == received or data.draw(st.booleans())):
            assert progress.sent(sent, found[sent])
            sent += 1
        else:
            progress.received(received)
            received += 1
        assert progress.place == Position(sum(sizes[:received]), sum(sizes[:received]))
        assert progress.over == (received == len(sizes))


@given(SIZES, st.randoms(use_true_random=False), st.data())
def test_out_of_order_nothing_received_is_made_again_and_nothing_else_is_left_out(sizes, shuffler, data):
    found = marks(sizes)
    arrivals = list(range(len(sizes)))
    shuffler.shuffle(arrivals)
    cut = data.draw(st.integers(0, len(arrivals)))
    progress = Progress(0, Position())
    for number, mark in enumerate(found):
        progress.sent(number, mark)
    for number in arrivals[:cut]:
        progress.received(number)
    place = progress.place
    gone = {found[number].before for number in arrivals[:cut]}
    assert {mark.before for mark in found if mark.before < place.samples} | set(place.received) == gone
    assert all(before > place.samples for before in place.received)
    assert progress.over == (cut == len(sizes))

    # The next one begins there; it leaves out what was received and reaches the end with the rest.
    rest = [mark for mark in found if mark.before >= place.samples]
    resumed = Progress(0, place)
    made = [number for number, mark in enumerate(rest) if resumed.sent(number, mark)]
    assert {rest[number].before for number in made} == {mark.before for mark in found} - gone
    assert set(resumed.place.received) | {mark.before for mark in found if mark.before < resumed.place.samples} == gone
    for number in made:
        assert not resumed.over
        resumed.received(number)
    assert resumed.over or not made
    assert resumed.place == Position(sum(sizes), sum(sizes)) or not rest


def test_what_was_received_early_is_told_even_before_it_is_sent_again():
    start = Position(4, 4, None, (12, 8))
    assert Progress(0, start).place == Position(4, 4, None, (8, 12))


def test_a_batch_that_failed_lies_behind_a_loop_that_went_on_to_another():
    progress = Progress(0, Position())
    for number, mark in enumerate(marks([2, 2, 2, 2])):
        progress.sent(number, mark)
    progress.received(0)
    progress.failed(1)
    assert progress.place.samples == 2
    progress.received(2)
    assert progress.place == Position(6, 6)
    progress.failed()  # whatever was asked for
    assert progress.place.samples == 6


def test_the_sampler_s_state_is_that_behind_the_last_batch_received():
    progress = Progress(3, Position())
    progress.sent(0, Mark(0, Position(2, 2, {"at": 2}), last=False))
    progress.sent(1, Mark(2, Position(4, 4, {"at": 4}), last=False))
    progress.received(0)
    assert (progress.epoch, progress.place) == (3, Position(2, 2, {"at": 2}))


def test_an_epoch_may_end_with_nothing_received():
    progress = Progress(0, Position())
    progress.end()
    assert progress.over


# --- iterable datasets


def test_the_worker_after_the_last_one_is_next():
    progress = ShardProgress(0, Shards(), workers=3)
    assert progress.place == Shards()
    progress.received(Shard(0, 4))
    assert progress.place == Shards(1, (Shard(0, 4),))
    progress.received(Shard(2, 4, done=False, state={"n": 1}))
    assert progress.place == Shards(0, (Shard(0, 4), Shard(2, 4, False, {"n": 1})))
    progress.received(Shard(0, 8))
    assert progress.place == Shards(1, (Shard(0, 8), Shard(2, 4, False, {"n": 1})))


def test_it_is_over_when_all_workers_are_done_or_torch_says_so():
    progress = ShardProgress(0, Shards(1, (Shard(0, 8, done=True),)), workers=2)
    assert not progress.over
    progress.received(Shard(1, 3, done=True))
    assert progress.over
    progress = ShardProgress(0, Shards(), workers=2)
    progress.end()
    assert progress.over


def test_a_place_is_not_moved_by_what_follows():
    progress = ShardProgress(0, Shards(), workers=1)
    progress.received(Shard(0, 4))
    before = progress.place
    progress.received(Shard(0, 8))
    assert before == Shards(0, (Shard(0, 4),))
