"""The two bodies of a mail: text and HTML, with what Carillon adds to them.

That is the visible way out where the author left it out, and the pixel that tells of an opening.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping

from campaign_app.lib import html as markup
from campaign_app.lib import liquid
from campaign_app.sending.headers import TOKEN
from campaign_app.sending.links import redirect
from campaign_app.sending.segments import Layout
from campaign_app.sending.source import Source

_UNSUBSCRIBE = "unsubscribe_url"
_FIELD = "{{ unsubscribe_url }}"
_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)
_SMALL = "margin:24px 0 0;padding:12px;font:12px/1.5 Arial,sans-serif;color:#767676"
_PIXEL = '<img src="{url}" width="1" height="1" alt="" style="display:block;border:0">'


def page(source: Source, *, links: Mapping[str, int], public_url: str, tracked: bool) -> str:
    """The HTML as a whole document; tracked, with its links redirected and the pixel at its end."""
    document = markup.document(source.html if source.html.strip() else _from_text(source.text))
    if not tracked:
        return document
    click = f"{public_url}/c/{{{{ {TOKEN} }}}}."
    document = redirect(document, {url: f"{click}{number}" for url, number in links.items()})
    pixel = _PIXEL.format(url=f"{public_url}/o/{{{{ {TOKEN} }}}}.gif")
    return _at_the_end(document, pixel)


def templates(source: Source, document: str) -> tuple[liquid.Template, liquid.Template]:
    """The templates of the text and of the HTML part, both with a way out."""
    text = source.text if source.text.strip() else markup.to_text(source.html)
    text_template = liquid.compile(text)
    if _UNSUBSCRIBE not in text_template.fields:
        text_template = liquid.compile(_way_out_of_text(text, source.footer, _FIELD))
    html_template = liquid.compile(document, escape=liquid.Escape.HTML)
    if _UNSUBSCRIBE not in html_template.fields:
        document = _way_out_of_html(document, source.footer, _FIELD)
        html_template = liquid.compile(document, escape=liquid.Escape.HTML)
    return text_template, html_template


def lay(layout: Layout, source: Source, document: str, *, boundary: str) -> None:
    """Add both parts and the boundaries around them."""
    text, page_template = templates(source, document)
    _lay_part(layout, "plain", text, boundary, _completion(source, _way_out_of_text, str))
    _lay_part(
        layout, "html", page_template, boundary, _completion(source, _way_out_of_html, html.escape)
    )
    layout.literal(f"--{boundary}--\r\n".encode())


def _lay_part(
    layout: Layout,
    kind: str,
    template: liquid.Template,
    boundary: str,
    complete: Callable[[str, Mapping[str, str]], str],
) -> None:
    layout.literal(
        f"--{boundary}\r\nContent-Type: text/{kind}; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n".encode()
    )
    if template.always_shows(_UNSUBSCRIBE):
        layout.body(template)
    else:
        layout.body_as_a_whole(template, complete)
    layout.literal(b"\r\n")


def _completion(
    source: Source, add: Callable[[str, str, str], str], escape: Callable[[str], str]
) -> Callable[[str, Mapping[str, str]], str]:
    """Adds the way out to a filled-in part whose logic decided against it."""

    def complete(filled: str, values: Mapping[str, str]) -> str:
        url = escape(values[_UNSUBSCRIBE])
        return filled if url in filled else add(filled, source.footer, url)

    return complete


def _way_out_of_text(text: str, footer: str, url: str) -> str:
    above = f"{footer}\n" if footer else ""
    return f"{text.rstrip()}\n\n--\n{above}Unsubscribe: {url}\n"


def _way_out_of_html(document: str, footer: str, url: str) -> str:
    above = html.escape(footer).replace("\n", "<br>\n") + "<br>\n" if footer else ""
    link = f'<a href="{url}" style="color:#767676">Unsubscribe</a>'
    return _at_the_end(document, f'<p style="{_SMALL};text-align:center">{above}{link}</p>\n')


def _at_the_end(document: str, addition: str) -> str:
    ends = [match.start() for match in _BODY_END.finditer(document)]
    at = ends[-1] if ends else len(document)
    return document[:at] + addition + document[at:]


def _from_text(text: str) -> str:
    paragraphs = re.split(r"\n\s*\n", html.escape(text, quote=False).strip())
    return "\n".join("<p>{}</p>".format(part.replace("\n", "<br>\n")) for part in paragraphs)
