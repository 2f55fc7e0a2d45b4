"""A message as an e-mail: plain text and HTML, nothing that is fetched when it is read, no header out of any table."""

import re
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from outputs.notices.texts import Message, html_text, plain_text, subject

ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
"""One address, without a name, a space or a line's end."""


def mail_of(message: Message, *, sender: str, recipient: str) -> EmailMessage:
    """Return the e-mail to one recipient, who does not see the others.

    Raises:
        ValueError: An address is none.

    """
    for address in (sender, recipient):
        if not ADDRESS.fullmatch(address):
            raise ValueError("expected one e-mail address")
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = recipient
    mail["Subject"] = subject(message)
    mail["Date"] = format_datetime(message.created_at)
    mail["Message-ID"] = f"<{message.message_id}@{sender.partition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(plain_text(message), cte="quoted-printable")
    mail.add_alternative(html_text(message), subtype="html", cte="quoted-printable")
    return mail
