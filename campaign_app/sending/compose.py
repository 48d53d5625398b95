"""A campaign's mails, composed: compiled once into bytes, filled in per recipient.

Headers are folded and encoded, both parts quoted-printable, links and pixel in place before the
first mail; what is left per recipient is to encode a few values and join. The standard library's
EmailMessage takes a hundred times as long; a property test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from campaign_app.lib import address, merge
from campaign_app.lib import html as markup
from campaign_app.sending import headers, mime, parts
from campaign_app.sending.links import links_in
from campaign_app.sending.segments import Form, Layout
from campaign_app.sending.source import Addressee, Preview, Source

__all__ = [
    "Addressee",
    "Compiled",
    "Preview",
    "Source",
    "compile_campaign",
    "compose_one",
    "links_in",
    "preview",
]


class Compiled:
    """A campaign ready to be written to anybody. Safe to share between threads."""

    def __init__(
        self, source: Source, form: Form, *, public_url: str, sign: Callable[[int], str]
    ) -> None:
        self._form = form
        self._sign = sign
        self._unsubscribe = f"{public_url}/u/"
        self._campaign_id = source.campaign_id
        self._domain = address.domain(source.from_email)

    def render(self, addressee: Addressee, *, date: str | bytes) -> bytes:
        """The mail as it goes over the wire: CRLF, no line begins with a dot, no final dot.

        `date` is the Date header's value. The same message gives the same Message-ID each time.
        Raises Invalid when the address cannot stand in a header or the template's logic fails on
        these values: that message fails, others need not.
        """
        token = self._sign(addressee.message_id)
        values = merge.values(
            addressee.email,
            addressee.name,
            addressee.attributes,
            unsubscribe_url=self._unsubscribe + token,
        )
        values[headers.TOKEN] = token
        values[headers.DATE] = date if isinstance(date, str) else date.decode()
        values[headers.TO] = headers.recipient(addressee.name, addressee.email)
        values[headers.MESSAGE_ID] = self.message_id(addressee)
        return self._form.fill(values)

    def message_id(self, addressee: Addressee) -> str:
        """The Message-ID of a message, in the sender's domain."""
        return headers.message_id(self._campaign_id, addressee, self._domain)


def compile_campaign(
    source: Source,
    *,
    links: Mapping[str, int],
    public_url: str,
    sign: Callable[[int], str],
    tracked: bool = True,
) -> Compiled:
    """Prepare a campaign. `links` gives the number of each address of `links_in(source.html)`.

    `sign` makes the URL-safe token of a message, once a mail. Without `tracked` there is neither
    pixel nor redirection. Raises Invalid when a template or a header cannot be read.
    """
    public_url = public_url.rstrip("/")
    # "=_" cannot occur in quoted-printable, where "=" begins a hex pair or ends a line
    # (RFC 2045 §6.7 advises it): no value of any recipient can imitate this boundary.
    boundary = f"=_carillon_{source.campaign_id}"
    document = parts.page(source, links=links, public_url=public_url, tracked=tracked)
    token = headers.TOKEN
    layout = Layout({token: ("", token), "unsubscribe_url": (f"{public_url}/u/", token)})
    headers.lay(layout, source, public_url=public_url, boundary=boundary)
    parts.lay(layout, source, document, boundary=boundary)
    return Compiled(source, layout.finished(), public_url=public_url, sign=sign)


def compose_one(
    source: Source,
    addressee: Addressee,
    *,
    public_url: str,
    sign: Callable[[int], str],
    date: str | bytes,
) -> bytes:
    """One mail without tracking: a test send. Raises Invalid like `compile_campaign`."""
    compiled = compile_campaign(source, links={}, public_url=public_url, sign=sign, tracked=False)
    return compiled.render(addressee, date=date)


def preview(source: Source, addressee: Addressee) -> Preview:
    """What `addressee` would read. Raises Invalid like `compile_campaign`."""
    document = parts.page(source, links={}, public_url="", tracked=False)
    text, page = parts.templates(source, document)
    values = merge.values(
        addressee.email, addressee.name, addressee.attributes, unsubscribe_url="#unsubscribe"
    )
    return Preview(
        subject=mime.one_line(headers.subject_template(source).render(values)),
        html=markup.sanitise(page.render(values)),
        text=text.render(values),
    )
