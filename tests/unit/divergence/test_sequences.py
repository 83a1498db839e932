from __future__ import annotations

from dataclasses import replace

import pytest

from samerun.divergence.sequences import Finding, Observed, first_finding, from_resumption, observed
from samerun.errors import TraceError
from samerun.tracing.draws import Draw
from samerun.tracing.format import Phase
from samerun.tracing.ops import Op
from samerun.tracing.reader import Event, Series
from samerun.tracing.sites import Site, Stack

HERE = Stack([Site("train.py", 3, "main")])


def op(name: str, value: object = 0, **facts: object) -> Op:
    digest = f"{name}{value}".encode().ljust(16)[:16]
    return replace(Op(f"aten.{name}.default", digest, (digest[:8],), (b"12345678",), "T", "Net", HERE), **facts)


def draw(name: str, count: int | None = 2, how: str = "drew", state: object = 0) -> Draw:
    return Draw(name, f"{name}{state}".encode().ljust(16)[:16], how, count, HERE)


STEP: list[Observed] = [
    draw("numpy", state="b"),
    op("full"),
    op("addmm"),
    op("relu"),
    op("bernoulli_", drew="torch.cpu"),
    draw("torch.cpu", 8),
    op("sum"),
    op("mm"),
    op("add_"),
]


def changed(value: object) -> list[Observed]:
    """Return a step whose operations all make other values."""
    return [op(act.name.split(".")[1], value, drew=act.drew) if isinstance(act, Op) else act for act in STEP]


def found(first: list[Observed], second: list[Observed], source: str | None = None) -> Finding:
    finding = first_finding(first, second, source)
    assert finding is not None
    return finding


def test_nothing_is_found_between_equal_steps() -> None:
    assert first_finding(STEP, list(STEP)) is None


@pytest.mark.parametrize("place", range(len(STEP)))
@pytest.mark.parametrize("more", [0, 1, 30])
def test_an_extra_draw_is_found_among_other_extra_acts(place: int, more: int) -> None:
    extra = [*(op("histc", number) for number in range(more)), draw("python")]
    longer = [*STEP[:place], *extra, *changed(1)[place:]]
    finding = found(STEP, longer)
    assert (finding.kind, finding.first, finding.second) == ("draw", None, draw("python"))
    other_way = found(longer, STEP)
    assert (other_way.kind, other_way.first, other_way.second) == ("draw", draw("python"), None)


def test_what_else_was_drawn_there_is_told_too() -> None:
    extra = [draw("numpy", 5), op("histc"), draw("python"), draw("numpy", 7)]
    finding = found(STEP, [*STEP[:2], *extra, *changed(1)[2:]])
    assert (finding.second, finding.more) == (extra[0], (extra[3],))


def test_a_draw_at_the_very_end_is_found() -> None:
    assert found(STEP, [*STEP, draw("python")]).second == draw("python")


def test_operations_that_only_one_run_carries_out_are_passed_over_for_what_comes_later() -> None:
    longer = [*STEP[:2], op("histc"), op("sort"), *STEP[2:7], op("mm", "other"), op("add_", "other")]
    finding = found(STEP, longer)
    assert (finding.kind, finding.first, finding.second) == ("made", op("mm"), op("mm", "other"))


def test_operations_that_only_one_run_carries_out_are_told_if_there_is_nothing_else() -> None:
    finding = found(STEP, [*STEP[:2], op("histc"), *STEP[2:]])
    assert (finding.kind, finding.first, finding.second, finding.before) == ("order", None, op("histc"), 2)


def test_other_amounts_are_told_with_both() -> None:
    second = [draw("numpy", 7), *changed(1)[1:]]
    finding = found(STEP, second)
    assert (finding.kind, finding.first, finding.second) == ("draw", STEP[0], second[0])


def test_a_generator_set_to_another_state_is_told_although_both_set_it() -> None:
    first, second = ([draw("numpy", None, "set", seed), *STEP] for seed in (1, 2))
    assert found(first, second).kind == "set"
    assert first_finding(first, list(first)) is None


def test_draws_after_another_state_are_its_consequence() -> None:
    first, second = ([draw("numpy", 2, "drew", state), *STEP] for state in (1, 2))
    assert first_finding(first, second) is None


def test_only_draws_from_the_generator_that_differs_matter_if_it_is_known() -> None:
    second = [op("histc"), draw("python"), *STEP[:3], draw("numpy", 3), *changed(1)[3:]]
    assert found(STEP, second).second == draw("python")
    assert found(STEP, second, "numpy").second == draw("numpy", 3)


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        ("made", {}),
        ("drawn", {"drew": "torch.cpu"}),
        ("arguments", {"arguments": "T, 2"}),
        ("entered", {"inputs": (b"87654321",)}),
    ],
)
def test_values_are_told_by_how_they_came_to_differ(kind: str, facts: dict[str, object]) -> None:
    second = [*STEP[:6], op("sum", "other", **facts), *changed(1)[7:]]
    finding = found(STEP, second)
    assert (finding.kind, finding.first, finding.second, finding.before) == (kind, STEP[6], second[6], 6)


@pytest.mark.parametrize(
    ("after", "kind"),
    [
        ([draw("torch.cpu", 8, state="one"), draw("torch.cpu", 8, state="one")], "made"),
        ([draw("torch.cpu", 8, state="one"), draw("torch.cpu", 8, state="other")], "drawn"),
        ([draw("torch.cpu", 8, state="one"), draw("torch.cpu", 9, state="one")], "drawn"),
        # The line went on to set it.
        ([draw("torch.cpu", None, "set", "one"), draw("torch.cpu", None, "set", "one")], "drawn"),
        ([draw("numpy", 8, state="one"), draw("numpy", 8, state="one")], "drawn"),
        ([op("neg"), op("neg")], "drawn"),
    ],
)
def test_other_values_of_the_same_draws_are_not_put_down_to_the_generator(after: list[Observed], kind: str) -> None:
    first, second = ([op("randn", value, inputs=(), drew="torch.cpu")] for value in (1, 2))
    finding = found([*first, op("mul"), after[0]], [*second, op("mul"), after[1]])
    assert (finding.kind, finding.first) == (kind, first[0])


def test_other_operations_that_never_come_together_again_are_told_as_they_are() -> None:
    finding = found(STEP, [*STEP[:2], *(op("conv", number) for number in range(9))])
    assert finding.kind == "order"
    assert (finding.first, finding.second) == (STEP[2], op("conv", 0))


def test_the_order_of_long_steps_is_compared_quickly() -> None:
    long = [op("mm", number) for number in range(20_000)]
    assert found(long, [*long[:-1], op("mm", "other")]).before == 19_999


def event(act: Observed, value: str | None = None) -> Event:
    series = Series(act.kind, act.name)
    return Event(1, 0, Phase.BATCH, 0, series, act.digest, act.value if value is None else value, act.parts)


def test_events_are_read_as_what_they_were_written_from() -> None:
    rng = Event(0, 0, Phase.BATCH, 0, Series("rng", "numpy"), bytes(16), 1, None)
    assert observed([rng, *map(event, STEP)]) == STEP


@pytest.mark.parametrize("value", ["", "[]", "{}", '{"how":"drew","count":1,"stack":[[1]]}'])
@pytest.mark.parametrize("act", [STEP[0], STEP[1]])
def test_events_that_cannot_be_are_refused(act: Observed, value: str) -> None:
    with pytest.raises(TraceError, match="event 1"):
        observed([event(act, value)])


def test_what_was_put_back_is_passed_over_for_what_lasts() -> None:
    forked = [draw("torch.cpu", None, "set", "seeded"), draw("torch.cpu", 9, state="used"), op("rand")]
    back = draw("torch.cpu", None, "set", 0)  # where the last draw of the step before left it
    lasting = draw("torch.cpu", 512, state="dropout")
    first, second = [*STEP, *STEP], [*STEP, *forked, back, lasting, *STEP]
    finding = found(first, second, "torch.cpu")
    assert (finding.kind, finding.first, finding.second) == ("draw", None, lasting)
    assert found(first, [*STEP, *forked, back, *STEP], "torch.cpu").kind == "order"
    # What is set to elsewhere lasts.
    elsewhere = draw("torch.cpu", None, "set", "elsewhere")
    assert found(first, [*STEP, *forked, elsewhere, *STEP], "torch.cpu").second == forked[0]


def test_a_resumed_run_is_looked_at_from_where_it_was_restored() -> None:
    begun = [draw("torch.cpu", None, "set", "seed"), draw("torch.cpu", 20, state="weights")]
    restored = draw("torch.cpu", 18, state="restored")
    line = Site("train.py", 31, "main")
    restored = replace(restored, stack=Stack([line]))
    passed = draw("torch.cpu", 4, state="passed over")
    whole, resumed = from_resumption(STEP, [*begun, restored, passed, *STEP], "torch.cpu", [line])
    assert (whole, resumed) == (STEP, [passed, *STEP])
    # Without its line, a state that draws lead to looks like draws.
    assert from_resumption(STEP, [*begun, restored, passed, *STEP], "torch.cpu")[1][0] == begun[1]


def test_two_steps_begin_where_they_are_alike() -> None:
    ours, theirs = [op("lerp_"), op("lerp_"), *STEP], [op("empty"), op("uniform_"), op("detach"), *changed(1)]
    assert from_resumption(ours, theirs) == (STEP, changed(1))
    assert from_resumption(STEP[:3], theirs) == (STEP[:3], theirs)


def at(line: int, acts: list[Observed]) -> list[Observed]:
    return [replace(act, stack=Stack([Site("train.py", line, "main")])) for act in acts]


def test_the_same_layers_called_in_another_place_are_something_more() -> None:
    first = [*at(3, STEP), *at(9, changed(1))]
    extra = at(6, [act for act in changed(2) if isinstance(act, Op)])
    second = [*at(3, STEP), *extra, *at(9, changed(3))]
    finding = found(first, second)
    assert finding.kind == "made"  # the first that both carry out has equal inputs here
    later = [replace(act, inputs=(b"other",)) if isinstance(act, Op) else act for act in at(9, changed(3))]
    finding = found(first, [*at(3, STEP), *extra, *later])
    assert (finding.kind, finding.first, finding.second) == ("entered", first[10], later[1])
    passed = finding.passed
    assert passed is not None
    assert (passed.kind, passed.first, passed.second) == ("order", None, extra[0])


def test_lines_that_were_moved_do_not_hide_what_is_the_same() -> None:
    second = [*at(4, STEP[:2]), draw("python"), *at(5, STEP[2:])]
    assert found(at(3, STEP), second).second == draw("python")
    assert first_finding(at(3, STEP), at(4, STEP)) is None
    moved = [replace(STEP[1], digest=b"other".ljust(16), inputs=(b"other",)), *STEP[2:]]
    assert found(at(3, STEP[1:]), at(4, moved)).passed is None
