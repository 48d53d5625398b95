"""The mail by which somebody confirms that they signed up."""

from __future__ import annotations

from html import escape

from campaign_app.models.senders import Sender
from campaign_app.models.signups import SignupForm
from campaign_app.services import single_mails

_HTML = """\
<!DOCTYPE html><html lang="en"><body style="margin:0;padding:24px;background:#f4f6fa;\
font-family:Arial,sans-serif;color:#182433">
<div style="max-width:520px;margin:0 auto;padding:32px;background:#fff;border-radius:8px">
<h1 style="margin:0 0 16px;font-size:20px">{title}</h1>
<p style="line-height:1.5">Please confirm that you want e-mails from <b>{name}</b>.</p>
<p style="margin:24px 0"><a href="{url}" style="padding:12px 20px;background:#066fd1;color:#fff;\
text-decoration:none;border-radius:6px;display:inline-block">Confirm</a></p>
<p style="line-height:1.5;color:#667382;font-size:13px">The link works for seven days. If you did
not ask for this, do nothing: you will hear no more from us.</p>
</div></body></html>
"""
_TEXT = """\
{title}

Please confirm that you want e-mails from {name}. Open this page and press the button:

{url}

The link works for seven days. If you did not ask for this, do nothing: you will hear no more
from us.
"""


def compose(sender: Sender, form: SignupForm, *, to: str, name: str, url: str) -> bytes:
    """The mail as it goes over the wire; `name` is whose e-mails these will be."""
    mail = single_mails.begin(sender, to=to, subject=f"Please confirm: {form.title}")
    values = {"title": form.title, "name": name, "url": url}
    mail.set_content(_TEXT.format(**values))
    safe = {key: escape(value) for key, value in values.items()}
    mail.add_alternative(_HTML.format(**safe), subtype="html")
    return single_mails.on_the_wire(mail)
