"""Celery's part in this process: a few threads that answer doorbells, and a dispatcher's rounds."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path
from queue import Empty, PriorityQueue
from types import TracebackType

from flask import Flask

from campaign_app.sending import confirmations, dispatch, plan, sharing
from campaign_app.sending.deliver import End, drain
from campaign_app.sending.workshop import Workshop

TICK = 5.0
"""Seconds between two rounds that nobody asked for."""


class Fleet:
    """Works while its `with` block lasts.

    A doorbell is a sender's id, and so is a sign-up's; a planning is a campaign's.
    """

    def __init__(self, app: Flask, folder: Path, *, threads: int) -> None:
        self._app = app
        self._folder = folder
        self._bells: PriorityQueue[tuple[int, int, str, int]] = PriorityQueue()
        self._count = itertools.count()
        self._asked, self._over = threading.Event(), threading.Event()
        self._threads = [threading.Thread(target=self._dispatch)]
        self._threads += [threading.Thread(target=self._answer) for _ in range(threads)]
        self.workshop: Workshop | None = None

    def __enter__(self) -> Fleet:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._asked.set()
        for thread in self._threads:
            thread.join(60)

    def ask_for_round(self) -> None:
        """What pressing Send does."""
        self._asked.set()

    def mail_signups(self, sender_id: int) -> None:
        """What somebody who signs up does."""
        self._ring(0, "signups", sender_id)

    def others_wait(self) -> bool:
        """What the engine asks of the queue."""
        return not self._bells.empty()

    def _dispatch(self) -> None:
        while not self._over.is_set():
            self._asked.wait(TICK)
            self._asked.clear()
            with self._app.app_context():
                found = dispatch.go_round(journals=self._folder, capacity=len(self._threads) - 1)
            sharing.announce(found.shares)
            for campaign_id in found.to_plan:
                self._ring(0, "plan", campaign_id)
            for turn, sender_id in enumerate(found.bells):
                self._ring(int(turn >= found.shares.urgent), "drain", sender_id)

    def _ring(self, priority: int, kind: str, number: int) -> None:
        self._bells.put((priority, next(self._count), kind, number))

    def _answer(self) -> None:
        while not self._over.is_set():
            try:
                _, _, kind, number = self._bells.get(timeout=0.2)
            except Empty:
                continue
            with self._app.app_context():
                {"plan": self._plan, "drain": self._drain, "signups": self._mail}[kind](number)

    def _plan(self, campaign_id: int) -> None:
        plan.plan(campaign_id)
        self.ask_for_round()

    def _drain(self, sender_id: int) -> None:
        if self.workshop is None:
            return
        end = drain(sender_id, workshop=self.workshop, worker="thread")
        if end == End.YIELDED:
            self._ring(1, "drain", sender_id)
        elif end in (End.EMPTY, End.WAITING):
            self.ask_for_round()

    def _mail(self, sender_id: int) -> None:
        if self.workshop is None:
            return
        link = "http://carillon.test/s/confirm/{}".format
        confirmations.drain(sender_id, workshop=self.workshop, worker="thread", link=link)
        self.ask_for_round()
