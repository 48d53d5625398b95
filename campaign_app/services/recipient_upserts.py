"""Up to a thousand recipients at once, as a program knows them: added, or brought up to date.

A wrong entry harms none of the others: each has a result of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from campaign_app.extensions import db
from campaign_app.lib import address, clock
from campaign_app.lib.arrays import any_text
from campaign_app.lib.errors import Invalid
from campaign_app.lib.tenancy import HasId, owned_by
from campaign_app.models.people import User
from campaign_app.models.recipients import Recipient
from campaign_app.services import (
    audit,
    group_joining,
    groups,
    recipient_details,
    recipients,
    suppressions,
    tags,
)
from campaign_app.services.consent import Why
from campaign_app.services.recipient_details import Details

MOST = 1_000


class Outcome(StrEnum):
    """What became of an entry."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody as a program knows them."""

    email: str
    details: Details = field(default_factory=Details)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an entry: whom it is about, or else what is wrong with it."""

    outcome: Outcome
    recipient: Recipient | None = None
    problem: str = ""
    stays_out_of: Sequence[int] = ()
    """Those of the groups that they had left of their own will: nobody puts them back."""


def upsert(workspace: HasId, entries: Sequence[Entry], *, user: User) -> list[Result]:
    """Add or update everybody, and give the results in the order of the entries.

    Tags and groups are added to those that somebody has. Nobody's status changes, and nobody who
    was erased comes back.
    """
    checked = _without_erased(workspace, list(_checked(workspace, entries)))
    good = {one.email: one.details for one in checked if isinstance(one, Entry)}
    new, people = _brought(workspace, good, user)
    former = groups.of(workspace, [one.id for one in people.values()])
    barred = _barred(workspace, good, people)
    results: dict[str, Result] = {}
    for email, details in good.items():
        person = people[email]
        known = {group.id for group in former.get(person.id, [])} | barred[email]
        result = _updated(person, details, known=known, is_new=person.id in new)
        results[email] = replace(result, stays_out_of=sorted(barred[email]))
    _join(workspace, [(results[email], details) for email, details in good.items()])
    return [results[one.email] if isinstance(one, Entry) else one for one in checked]


def _checked(workspace: HasId, entries: Sequence[Entry]) -> Iterator[Entry | Result]:
    """Each entry in the form that is stored, or what is wrong with it."""
    wanted = {one for entry in entries for one in entry.details.group_ids or ()}
    held = group_joining.hold(workspace, wanted) if wanted else set()
    own = {group.id for group in groups.chosen(workspace, held)} if held else set()
    first: dict[str, int] = {}
    for place, entry in enumerate(entries):
        try:
            normal = _normal(entry, own)
        except Invalid as error:
            yield Result(Outcome.INVALID, problem=error.message)
            continue
        if first.setdefault(normal.email, place) == place:
            yield normal
        else:
            problem = f"{normal.email} stands in entry {first[normal.email]}, too: that one counts."
            yield Result(Outcome.INVALID, problem=problem)


def _without_erased(workspace: HasId, checked: list[Entry | Result]) -> list[Entry | Result]:
    emails = [one.email for one in checked if isinstance(one, Entry)]
    erased = suppressions.erased(workspace, emails)
    refused = Result(Outcome.INVALID, problem=suppressions.ERASED)
    return [refused if isinstance(one, Entry) and one.email in erased else one for one in checked]


def _normal(entry: Entry, own: set[int]) -> Entry:
    details = entry.details
    strange = [one for one in details.group_ids or () if one not in own]
    if strange:
        raise Invalid(recipient_details.unknown(strange[0]), field="group_ids")
    recipient_details.merged({}, details.attributes or {})
    normal = replace(
        details,
        name=recipients.plain_name(details.name or ""),
        tags=tags.checked(details.tags or ()),
    )
    return Entry(address.normalise(entry.email), normal)


def _brought(
    workspace: HasId, good: Mapping[str, Details], user: User
) -> tuple[set[int], dict[str, Recipient]]:
    """Everybody on the list: the ids of the new ones, and all rows by address, held."""
    new: set[int] = set()
    people: dict[str, Recipient] = {}
    # Whoever was known, and is deleted before their row is held, is new after all.
    while missing := {email: known for email, known in good.items() if email not in people}:
        new |= _add(workspace, missing, user)
        people |= _held(workspace, missing)
    return new, people


def _add(workspace: HasId, good: Mapping[str, Details], user: User) -> set[int]:
    """Subscribe those who are not on the list yet; gives their ids."""
    names = {email: details.name or "" for email, details in good.items()}
    why = Why(f"Added by {user.name}", "api", user)
    new = set(recipients.ensure(workspace, names, why=why))
    if new:
        people = f"{len(new):,} {'recipient' if len(new) == 1 else 'recipients'}"
        summary = f"{user.name} added {people} through the API"
        audit.record(workspace, "recipients.added", summary, user=user)
    return new


def _held(workspace: HasId, good: Mapping[str, Details]) -> dict[str, Recipient]:
    """Everybody's row by address, held until the commit."""
    rows = db.session.scalars(
        owned_by(workspace, Recipient)
        .where(Recipient.email == any_text(good))
        .order_by(Recipient.id)  # in one order for everybody: no deadlock
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {one.email: one for one in rows}


def _barred(
    workspace: HasId, good: Mapping[str, Details], people: Mapping[str, Recipient]
) -> dict[str, set[int]]:
    """Those of the groups wanted for each address that the person had left for good."""
    ids = [person.id for person in people.values()]
    wanted = {one for details in good.values() for one in details.group_ids or ()}
    left = {one: group_joining.refusing(workspace, one, ids) for one in wanted}
    return {
        email: {one for one in details.group_ids or () if people[email].id in left[one]}
        for email, details in good.items()
    }


def _updated(person: Recipient, details: Details, *, known: set[int], is_new: bool) -> Result:
    """Bring somebody up to date; `known` are the ids of their groups."""
    former = (person.name, person.attributes, person.tags)
    try:
        latter = (
            details.name or person.name,
            recipient_details.merged(person.attributes, details.attributes or {}),
            tags.checked([*person.tags, *(details.tags or ())]),
        )
    except Invalid as error:  # with what is known already, it is too much
        return Result(Outcome.INVALID, problem=error.message)
    if latter != former:
        person.name, person.attributes, person.tags = latter
        person.updated_at = clock.now()
    if is_new:
        return Result(Outcome.CREATED, person)
    is_same = latter == former and known.issuperset(details.group_ids or ())
    return Result(Outcome.UNCHANGED if is_same else Outcome.UPDATED, person)


def _join(workspace: HasId, people: Iterable[tuple[Result, Details]]) -> None:
    """Put everybody into their groups."""
    wanted: dict[int, list[int]] = {}
    for result, details in people:
        for group_id in details.group_ids or ():
            if result.recipient:
                wanted.setdefault(group_id, []).append(result.recipient.id)
    for group_id in sorted(wanted):
        groups.join(workspace, groups.get(workspace, group_id), wanted[group_id])
