"""Who may run how many drains, and how they are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from campaign_app.extensions import redis
from campaign_app.sending import sharing, slots
from campaign_app.sending.deliver import End
from campaign_app.sending.sharing import Demand, Shares, Stay, allowed, divide
from tests import factories
from tests.sending.engine import start
from tests.smtp_sink import SmtpSink

A, B = 1, 2


@pytest.fixture(autouse=True)
def forgetful(app: Flask):
    redis.client.flushdb()
    yield
    redis.client.flushdb()


def sender(number: int, workspace: int, *, wanted: int = 0, busy: int = 0) -> Demand:
    return Demand(number, workspace, wanted, busy)


def test_doorbells_are_rung_by_turns_between_workspaces():
    shares = divide([sender(10, A, wanted=3), sender(20, B, wanted=1)], 96)
    assert shares.bells == [10, 20, 10, 10]


def test_doorbells_are_rung_by_turns_between_a_workspaces_senders():
    shares = divide([sender(10, A, wanted=90), sender(11, A, wanted=90)], 96)
    assert (shares.bells.count(10), shares.bells.count(11)) == (42, 42)


def test_alone_a_workspace_leaves_some_drains_for_whoever_comes_next():
    assert divide([sender(10, A, wanted=480)], 96).bells == [10] * 84
    assert divide([sender(10, A, wanted=480)], 1).bells == [10]


def test_no_more_is_rung_than_can_be_answered():
    assert divide([sender(10, A, wanted=480, busy=80)], 96).bells == [10] * 4


def test_a_newcomer_comes_first_and_the_crowded_give_way():
    shares = divide([sender(10, A, wanted=99, busy=84), sender(20, B, wanted=5)], 96)
    assert (shares.bells, shares.urgent) == ([20] * 5, 5)
    assert shares.leaving == {10: 60}
    assert shares.most == {10: 24, 20: 24}


def test_the_senders_with_the_most_drains_give_way_first():
    crowd = [sender(10, A, busy=30), sender(11, A, busy=4), sender(20, B, wanted=1)]
    assert divide(crowd, 96).leaving == {10: 10}


def test_a_campaign_that_is_being_planned_counts_as_somebody_who_waits():
    assert divide([sender(10, A, busy=84)], 96, planning=[A]).leaving == {}
    assert divide([sender(10, A, busy=84)], 96, planning=[B]).leaving == {10: 60}


@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.integers(0, 99), st.integers(0, 30)), min_size=1, max_size=9
    ),
    st.integers(1, 200),
)
def test_nobody_gets_more_than_allowed_and_no_newcomer_nothing(
    asked: list[tuple[int, int, int]], capacity: int
):
    demands = [sender(n, w, wanted=x, busy=b) for n, (w, x, b) in enumerate(asked)]
    shares = divide(demands, capacity)
    for workspace in {one.workspace_id for one in demands if one.wanted or one.busy}:
        own = [one for one in demands if one.workspace_id == workspace]
        busy, rung = sum(one.busy for one in own), 0
        for one in own:
            rung += shares.bells.count(one.sender_id)
            assert shares.leaving.get(one.sender_id, 0) <= one.busy
        most = max(shares.most[one.sender_id] for one in own if one.sender_id in shares.most)
        left = busy - sum(shares.leaving.get(one.sender_id, 0) for one in own)
        assert left + rung <= most
        assert busy or rung or not any(one.wanted for one in own)


@pytest.mark.parametrize(
    ("capacity", "workspaces", "most"),
    [(96, 1, 84), (96, 2, 24), (96, 3, 24), (96, 4, 21), (96, 200, 1), (4, 2, 1), (1, 1, 1)],
)
def test_an_even_share_and_a_quarter_at_most(capacity: int, workspaces: int, most: int):
    assert allowed(capacity, workspaces=workspaces) == most


def test_as_many_drains_give_way_as_were_asked_to():
    sharing.announce(Shares(most={10: 24}, leaving={10: 2}))
    stays = [Stay(10, lambda: False) for _ in range(5)]
    assert [stay.must_give_way() for stay in stays] == [True, True, False, False, False]
    assert not Stay(11, lambda: False).must_give_way()


def test_nobody_gives_way_after_the_next_round_said_so():
    sharing.announce(Shares(most={10: 24}, leaving={10: 2}))
    sharing.announce(Shares(most={10: 84}))
    assert not Stay(10, lambda: False).must_give_way()


def test_two_confirmations_that_ask_at_once_get_a_connection_each():
    drains = [Stay(10, lambda: False) for _ in range(4)]
    with sharing.asking(10, -1), sharing.asking(10, -2):
        assert all(drain.is_unwanted() for drain in drains)
        assert [drain.must_give_way() for drain in drains] == [True, True, False, False]


def test_what_a_confirmation_asks_outlives_the_next_round():
    with sharing.asking(10, -1):
        sharing.announce(Shares(most={10: 24}, leaving={10: 1}))
        stays = [Stay(10, lambda: False) for _ in range(4)]
        assert [stay.must_give_way() for stay in stays] == [True, True, False, False]


def test_nobody_gives_way_to_a_confirmation_that_was_served_meanwhile():
    with sharing.asking(10, -1):
        assert not Stay(11, lambda: False).is_unwanted()
    assert not Stay(10, lambda: False).must_give_way()


def test_a_late_doorbell_of_a_crowded_workspace_wins_no_slot(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        engine = start(sink, tmp_path, max_connections=5)
        other = factories.sender(engine.workspace, max_connections=5)
        assert slots.win(other.id, worker="another")
        sharing.announce(Shares(most={engine.sender.id: 1}))
        assert engine.drain() == End.NO_SLOT
        sharing.announce(Shares(most={engine.sender.id: 2}))
        engine.plan()
        engine.round()
        assert engine.drain() == End.EMPTY


def test_a_drain_that_shall_give_way_leaves_its_work_to_others(live_app: Flask, tmp_path: Path):
    with SmtpSink() as sink:
        engine = start(sink, tmp_path)
        engine.plan()
        engine.round()
        sharing.announce(Shares(most={engine.sender.id: 9}, leaving={engine.sender.id: 1}))
        assert engine.drain() == End.CROWDED
        assert engine.drain() == End.EMPTY
    assert engine.counts().sent == 3
