"""The naive way to send a campaign, as a competent beginner writes it: a contestant of `send`.

Templates are compiled once, one SMTP connection is used throughout, every link is tracked, and
each row is committed as soon as its mail is handed over, so that a crash repeats one mail at most.
Nothing is made slow on purpose. It says what it did as JSON.
"""

from __future__ import annotations

import argparse
import json
import re
import smtplib
import time
from contextlib import closing
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import NamedTuple

import psycopg2
from inscriptis import get_text
from inscriptis.model.config import ParserConfig
from itsdangerous import URLSafeSerializer
from jinja2 import Environment
from psycopg2.extensions import connection

from bench import campaigns

PUBLIC_URL = "http://127.0.0.1:8000"
PIXEL = '<img src="{{ base }}/o/{{ token }}.gif" width="1" height="1" alt="">'
FOOT = '<p><a href="{{ base }}/u/{{ token }}">Unsubscribe</a></p>'
TABLE = f"""
    CREATE TABLE naive_messages (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        email text NOT NULL, name text NOT NULL, city text NOT NULL, plan text NOT NULL,
        status text NOT NULL DEFAULT 'pending', sent_at timestamptz, error text);
    INSERT INTO naive_messages (email, name, city, plan) {campaigns.PEOPLE};
"""
"""Its own rows: the same people, of whom there are `:size`."""

_SIGNER = URLSafeSerializer("bench only")


class Row(NamedTuple):
    """A message that waits to be sent."""

    id: int
    email: str
    name: str
    city: str
    plan: str


class Newsletter:
    """The campaign's templates, ready to be filled in."""

    def __init__(self, html: str) -> None:
        source = _jinja(html)
        links = re.findall(r'href="(https:[^"]+)"', source)
        for number, url in enumerate(links):
            tracked = f'href="{{{{ base }}}}/c/{{{{ links[{number}] }}}}"'
            source = source.replace(f'href="{url}"', tracked)
        environment = Environment(autoescape=True)
        self._links = len(links)
        self._subject = environment.from_string(_jinja(campaigns.SUBJECT))
        self._html = environment.from_string(source.replace("</body>", f"{FOOT}{PIXEL}</body>"))
        self._text = environment.from_string(get_text(source, ParserConfig(display_links=True)))

    def write(self, row: Row) -> EmailMessage:
        """The whole mail to one person."""
        token = _SIGNER.dumps(row.id)
        values = {
            "base": PUBLIC_URL,
            "token": token,
            "links": [_SIGNER.dumps([row.id, number]) for number in range(self._links)],
            "first_name": row.name.split()[0],
            "city": row.city,
            "plan": row.plan,
        }
        message = EmailMessage()
        message["From"] = "Acme News <news@example.com>"
        message["To"] = f"{row.name} <{row.email}>"
        message["Subject"] = self._subject.render(values)
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain="example.com")
        message["List-Unsubscribe"] = f"<{PUBLIC_URL}/u/{token}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message.set_content(self._text.render(values))
        message.add_alternative(self._html.render(values), subtype="html")
        return message


def send_all(database: connection, smtp: smtplib.SMTP, newsletter: Newsletter, most: int) -> int:
    """Send to everybody who waits, one after the other; gives how many were sent."""
    cursor = database.cursor()
    cursor.execute(
        "SELECT id, email, name, city, plan FROM naive_messages WHERE status = 'pending'"
        " ORDER BY id LIMIT %s",
        (most,),
    )
    sent = 0
    for row in map(Row._make, cursor.fetchall()):
        status, error = "sent", None
        try:
            smtp.send_message(newsletter.write(row))
        except smtplib.SMTPException as failure:
            status, error = "failed", str(failure)
        cursor.execute(
            "UPDATE naive_messages SET status = %s, error = %s, sent_at = now() WHERE id = %s",
            (status, error, row.id),
        )
        database.commit()
        sent += status == "sent"
    return sent


def _jinja(template: str) -> str:
    """The campaign's template in Jinja's words."""
    return re.sub(r"default: ('[^']*')", r"default(\1)", template)


def main() -> None:
    """Send, and say in how many seconds, wall-clock and CPU."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--mails", type=int, required=True)
    parser.add_argument("--size", type=int, required=True)
    options = parser.parse_args()
    newsletter = Newsletter(campaigns.html(options.size))
    with (
        closing(psycopg2.connect(options.database)) as database,
        smtplib.SMTP("127.0.0.1", options.port) as smtp,
    ):
        began, used = time.monotonic(), time.process_time()
        mails = send_all(database, smtp, newsletter, options.mails)
        seconds, cpu = time.monotonic() - began, time.process_time() - used
    print(json.dumps({"mails": mails, "seconds": seconds, "cpu": cpu}))


if __name__ == "__main__":
    main()
