"""A campaign's mails, composed: compiled once into bytes, filled in per recipient.

Headers are folded and encoded, both parts quoted-printable, links and pixel in place before the
first mail; what is left per recipient is to encode a few values and join. The standard library's
EmailMessage takes a hundred times as long; a property test holds the two together.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from campaign_app.lib import address, liquid, merge
from campaign_app.lib import html as safe_html
from campaign_app.lib.errors import Invalid
from campaign_app.sending import mime
from campaign_app.sending.additions import add_to_html, add_to_text, before_body_end
from campaign_app.sending.links import links_in, redirect
from campaign_app.sending.segments import Layout, Slot

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

_TOKEN = "_carillon_token"  # noqa: S105  the name of a field
_UNSUBSCRIBE = "{{ unsubscribe_url }}"
_PIXEL_STYLE = ' width="1" height="1" alt="" style="display:block;border:0"'
_PLAIN_ADDRESS = re.compile(r"[!-+\--9=?-~]+@[!-+\--9=?A-~]+")


@dataclass(frozen=True, slots=True)
class Source:
    """A campaign as it was frozen at its start."""

    campaign_id: int
    workspace_id: int
    subject: str
    html: str
    text: str
    """Empty: made from the HTML."""
    from_name: str
    from_email: str
    reply_to: str = ""
    mark_subject: bool = False
    """Adds ` [CID:18]` to the subject, by which bounces without our headers are recognised."""
    footer: str = ""
    """Plain text above the unsubscribe link that is added where the author left it out."""


@dataclass(frozen=True, slots=True)
class Addressee:
    """One message's recipient."""

    message_id: int
    email: str
    name: str
    attributes: Mapping[str, str]
    mail_key: str = ""
    """Makes the Message-ID hard to guess; the same for every attempt of a message."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What one recipient would read. The HTML is sanitised once more after it was filled in."""

    subject: str
    html: str
    text: str


class Compiled:
    """A campaign ready to be written to anybody. Safe to share between threads."""

    def __init__(
        self, source: Source, layout: Layout, public_url: str, sign: Callable[[int], str]
    ) -> None:
        self._layout = layout
        self._sign = sign
        self._unsubscribe = f"{public_url}/u/"
        self._id = f"<c{source.campaign_id}.m"
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
            **{_TOKEN: token},
        )
        values["\0date"] = date.decode() if isinstance(date, bytes) else date
        values["\0to"] = recipient(addressee.name, addressee.email)
        values["\0id"] = self.message_id(addressee)
        return self._layout.fill(values)

    def message_id(self, addressee: Addressee) -> str:
        """The Message-ID of a message, in the sender's domain."""
        key = re.sub(r"[^\w-]", "", addressee.mail_key, flags=re.ASCII)
        tail = f".{key}" if key else ""
        return f"{self._id}{addressee.message_id}{tail}@{self._domain}>"


def recipient(name: str, email: str) -> str:
    """The To header's value. Raises Invalid for an address no header can carry."""
    if not _PLAIN_ADDRESS.fullmatch(email):
        raise Invalid(f"{email!r} is not an address that mail can be sent to.")
    return address.mailbox(mime.one_line(name), email)


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
    page = safe_html.document(source.html)
    if tracked:
        click = f"{public_url}/c/{{{{ {_TOKEN} }}}}."
        page = redirect(page, {url: f"{click}{number}" for url, number in links.items()})
    text_template, html_template = _templates(source, page, pixel=public_url if tracked else "")
    layout = Layout()
    _lay_headers(layout, source, public_url)
    _lay_body(layout, source, text_template, html_template)
    return Compiled(source, layout.freeze(), public_url, sign)


def _templates(
    source: Source, page: str, *, pixel: str = ""
) -> tuple[liquid.Template, liquid.Template]:
    """The text and the HTML part, with unsubscribe link and pixel."""
    text = source.text if source.text.strip() else safe_html.to_text(source.html)
    text_template = liquid.compile(text)
    if "unsubscribe_url" not in text_template.fields:
        text_template = liquid.compile(add_to_text(text, source.footer, _UNSUBSCRIBE))
    if "unsubscribe_url" not in _html_template(page).fields:
        page = add_to_html(page, source.footer, _UNSUBSCRIBE)
    if pixel:
        page = before_body_end(page, f'<img src="{pixel}/o/{{{{ {_TOKEN} }}}}.gif"{_PIXEL_STYLE}>')
    return text_template, _html_template(page)


def _html_template(page: str) -> liquid.Template:
    return liquid.compile(page, escape=liquid.Escape.HTML)


def _lay_headers(layout: Layout, source: Source, public_url: str) -> None:
    layout.literal(_from(source))
    layout.literal(b"To: ")
    layout.slot(_ready("\0to"))
    layout.literal(b"\r\n")
    _lay_subject(layout, source)
    layout.literal(b"Date: ")
    layout.slot(_ready("\0date"))
    layout.literal(b"\r\nMessage-ID: ")
    layout.slot(_ready("\0id"))
    layout.literal(f"\r\nList-Unsubscribe: <{public_url}/u/".encode())
    layout.slot(_ready(_TOKEN))
    layout.literal(b">\r\n" + _fixed_headers(source))


def _ready(name: str) -> Slot:
    return lambda values: values[name].encode()


def _from(source: Source) -> bytes:
    lines = f"From: {address.display(source.from_name, source.from_email)}\r\n"
    if source.reply_to:
        lines += f"Reply-To: {address.display('', source.reply_to)}\r\n"
    return lines.encode()


def _lay_subject(layout: Layout, source: Source) -> None:
    template = subject_template(source)
    if template.is_plain and not template.fields:
        layout.literal(mime.header("Subject", template.render({})))
    else:
        layout.slot(lambda values: mime.header("Subject", template.render(values)))


def subject_template(source: Source) -> liquid.Template:
    """The subject, with the campaign's mark where the source asks for it."""
    mark = f" [CID:{source.campaign_id}]" if source.mark_subject else ""
    return liquid.compile(source.subject + mark)


def _fixed_headers(source: Source) -> bytes:
    """RFC 8058 (one-click), RFC 2919 (List-Id), Gmail's Feedback-ID, the mark for bounces."""
    campaign, workspace = source.campaign_id, source.workspace_id
    domain = address.domain(source.from_email)
    return (
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        f"List-Id: <w{workspace}.{domain}>\r\n"
        f"Feedback-ID: c{campaign}:w{workspace}:campaign:carillon\r\n"
        "Precedence: bulk\r\n"
        "Auto-Submitted: no\r\n"
        f"X-Carillon-Campaign: {campaign}\r\n"
        "MIME-Version: 1.0\r\n"
        f'Content-Type: multipart/alternative; boundary="{_boundary(source)}"\r\n\r\n'
    ).encode()


def _boundary(source: Source) -> str:
    # "=_" cannot occur in quoted-printable, where "=" begins a hex pair or ends a line
    # (RFC 2045 §6.7 recommends it): no value of any recipient can imitate it.
    return f"=_carillon_{source.campaign_id}"


def _lay_body(layout: Layout, source: Source, text: liquid.Template, page: liquid.Template) -> None:
    def finish_text(filled: str, values: Mapping[str, str]) -> str:
        url = values["unsubscribe_url"]
        return filled if url in filled else add_to_text(filled, source.footer, url)

    def finish_html(filled: str, values: Mapping[str, str]) -> str:
        url = html.escape(values["unsubscribe_url"])
        return filled if url in filled else add_to_html(filled, source.footer, url)

    boundary = _boundary(source).encode()
    for kind, template, finish in (("plain", text, finish_text), ("html", page, finish_html)):
        layout.literal(
            b"--%b\r\nContent-Type: text/%b; charset=utf-8\r\n" % (boundary, kind.encode())
        )
        layout.literal(b"Content-Transfer-Encoding: quoted-printable\r\n\r\n")
        layout.body(template, finish)
        layout.literal(b"\r\n")
    layout.literal(b"--%b--\r\n" % boundary)


def compose_one(
    source: Source,
    addressee: Addressee,
    *,
    public_url: str,
    sign: Callable[[int], str],
    date: str | bytes,
) -> bytes:
    """One mail, untracked: a test send."""
    compiled = compile_campaign(source, links={}, public_url=public_url, sign=sign, tracked=False)
    return compiled.render(addressee, date=date)


def preview(source: Source, addressee: Addressee) -> Preview:
    """What `addressee` would read. Raises Invalid like `compile_campaign`."""
    text, page = _templates(source, safe_html.document(source.html))
    values = merge.values(
        addressee.email, addressee.name, addressee.attributes, unsubscribe_url="#unsubscribe"
    )
    return Preview(
        subject=mime.one_line(subject_template(source).render(values)),
        html=safe_html.sanitise(page.render(values)),
        text=text.render(values),
    )
