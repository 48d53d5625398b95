"""How long the pages of a large audience take: 2,000,000 recipients with attributes, 200 groups.

    bin/bench pages [--people 2000000] [--times 15]

The rows are made by set-based SQL; then the index of words is filled as the background fills it,
and timed. Each page is asked for --times times through the WSGI callable in this process, with
everything forgotten before each request that Redis keeps of counts. Beside them the naive way: ORM
objects, OFFSET, count(*) and ILIKE '%…%' on the same rows, without a template.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence

from flask import Flask
from sqlalchemy import text

from bench import contest, crowd, naive_pages, options, stack, visitors
from campaign_app.extensions import db, redis
from campaign_app.models.campaigns import Campaign, CampaignGroup
from campaign_app.models.people import Workspace
from campaign_app.services import groups, people, recipient_index

EMAIL, PASSWORD = "bench@example.com", "a long walk by the sea"
PAGE_MS, AUDIENCE_MS, INDEX_SECONDS = 150.0, 1_000.0, 120.0
NAIVE_TIMES = 3
SEARCHES = {
    "address prefix": "q=jonas.123",
    "broad prefix": "q=jo",
    "name prefix": "q=Zoë+A",
    "word, one person": f"q=C-{crowd.CHUNK // 3}",
    "word, one in five": "q=españa",
    "word begun": "q=enterpr",
    "three words": "q=deutschland+business+paul",
    "words that nobody has": "q=norway+deutschland",
    "word, status": "q=norway&status=bounced",
}
_ENDS = text("SELECT min(id), max(id) FROM recipients WHERE workspace_id = :workspace")


def main(arguments: Sequence[str]) -> None:
    """Make the rows, fill the index, ask for every page and print how long it took."""
    asked = _options(arguments)
    with stack.running(sending=0) as running:
        membership = people.sign_up(name="Bench", email=EMAIL, password=PASSWORD)
        workspace = membership.workspace
        crowd.fill(workspace, people=asked.people)
        indexing = _index(workspace)
        campaign = _campaign(workspace)
        visit = _forgetful(visitors.inside(running.app, _cookie(running.app)))
        worst = _measure(visit, _paths(workspace), asked.times)
        audience = _measure(visit, {"audience of 3 groups": f"/campaigns/{campaign.id}"}, 5)
        if not asked.alone:
            _measure_naive(workspace, campaign, asked.people)
        print("Goals:")
        contest.verdict("the slowest page's median", worst, PAGE_MS, unit=" ms", most=True)
        contest.verdict("a campaign's audience", audience, AUDIENCE_MS, unit=" ms", most=True)
        contest.verdict("words indexed", indexing, INDEX_SECONDS, unit=" s", most=True)


def _index(workspace: Workspace) -> float:
    """Fill the index of words; gives the seconds it took."""
    began, done = time.monotonic(), 0
    while number := recipient_index.step(workspace.id):
        db.session.commit()
        done += number
    recipient_index.settle()
    db.session.commit()
    took = time.monotonic() - began
    print(f"{done:,} recipients' words indexed in {took:.0f} s", flush=True)
    return took


def _campaign(workspace: Workspace) -> Campaign:
    """A draft to the three largest groups."""
    whose = {"workspace_id": workspace.id}
    campaign = Campaign(**whose, name="To three groups", subject="News", html="<p>Hello</p>")
    db.session.add(campaign)
    db.session.flush()
    for group in groups.page(workspace, size=3):
        db.session.add(CampaignGroup(**whose, campaign_id=campaign.id, group_id=group.id))
    db.session.commit()
    return campaign


def _cookie(app: Flask) -> str:
    return visitors.log_in(app, email=EMAIL, password=PASSWORD)


def _forgetful(visit: visitors.Visit) -> visitors.Visit:
    def cold(path: str) -> None:
        for key in redis.client.scan_iter("recipients:count:*"):
            redis.client.delete(key)
        visit(path)

    return cold


def _paths(workspace: Workspace) -> dict[str, str]:
    large, middle, small = (groups.page(workspace)[place].id for place in (0, 3, 50))
    first, last = db.session.execute(_ENDS, {"workspace": workspace.id}).one()
    deep = first + (last - first) // 3
    filters = {
        "list, first page": "",
        "list, deep page": f"after={deep}&page=20000",
        **SEARCHES,
        "word, group": f"q=norway&group={middle}",
        "status": "status=unsubscribed",
        "rare status": "status=complained",
        "status, deep page": f"status=bounced&after={deep}&page=200",
        "tag": "tag=vip",
        "tag, status": "tag=beta&status=bounced",
        "large group, status": f"group={large}&status=bounced",
        "large group, tag, status": f"group={large}&status=bounced&tag=vip",
    }
    return {name: f"/recipients/?{query}" for name, query in filters.items()} | {
        "large group": f"/groups/{large}",
        "large group, deep page": f"/groups/{large}?after={deep}&page=9000",
        "small group": f"/groups/{small}",
        "groups with sizes": "/groups/",
    }


def _measure(visit: visitors.Visit, paths: dict[str, str], times: int) -> float:
    """Print a table; gives the slowest median, in milliseconds."""
    db.session.rollback()
    slowest = 0.0
    for name, path in paths.items():
        timing = visitors.measure(visit, path, times=times)
        words = f"median {timing.median:7.1f} ms   longest {timing.longest:7.1f} ms"
        print(f"  {name:<26} {words}   CPU here {timing.cpu:6.1f} ms", flush=True)
        slowest = max(slowest, timing.median)
    return slowest


def _measure_naive(workspace: Workspace, campaign: Campaign, people: int) -> None:
    print("The naive way:")
    for name, ask in naive_pages.questions(workspace, campaign, people=people).items():
        took = [_timed(ask) for _ in range(NAIVE_TIMES)]
        print(f"  {name:<26} median {statistics.median(took):7.1f} ms", flush=True)


def _timed(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    took = (time.perf_counter() - began) * 1000
    db.session.rollback()
    return took


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = options.parser(__doc__)
    parser.add_argument("--people", type=int, default=2_000_000, help="recipients (2,000,000)")
    parser.add_argument("--times", type=int, default=15, help="requests a page (15)")
    parser.add_argument("--alone", action="store_true", help="without the naive way")
    return parser.parse_args(arguments)
