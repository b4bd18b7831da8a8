"""Mails that come back, in the shapes that servers give them."""

from typing import NamedTuple


class Back(NamedTuple):
    """A mail that comes back, and what it says: type, reply code, enhanced code, and a part of the words."""

    mail: str
    type: str | None
    code: int = 0
    status: str = ""
    words: str = ""


_ORIGINAL = """\
Return-Path: <shop@example.com>
From: Shop <shop@example.com>
To: ann@recipient.example
Subject: No such user, said the letter
Message-ID: <6b00f7526d1c8a30b7f41e96@example.com>

<p>550 5.1.1 user unknown</p>
"""


def notification(fields: str, said: str = "It could not be delivered.", kind: str = "delivery-status") -> str:
    """An RFC 3464 notification with these fields of its recipient."""
    return f"""\
From: MAILER-DAEMON@mx.recipient.example
To: b-1@bounces.example.com
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type={kind}; boundary="=edge="

This is a MIME-encapsulated message.

--=edge=
Content-Type: text/plain; charset=us-ascii

{said}

--=edge=
Content-Type: message/{kind}

Reporting-MTA: dns; mx.recipient.example
Arrival-Date: Sat, 21 Nov 2026 05:00:00 +0000

{fields}
--=edge=
Content-Type: message/rfc822

{_ORIGINAL}
--=edge=--
"""


def failed(status: str, diagnostic: str = "", said: str = "It could not be delivered.") -> str:
    told = f"Diagnostic-Code: smtp; {diagnostic}\n" if diagnostic else ""
    return notification(
        f"Final-Recipient: rfc822; ann@recipient.example\nAction: failed\nStatus: {status}\n{told}", said
    )


def delivered(action: str = "delivered") -> str:
    fields = f"Final-Recipient: rfc822; ann@recipient.example\nAction: {action}\nStatus: 2.0.0\n"
    return notification(f"{fields}Diagnostic-Code: smtp; 250 2.1.5 delivered to mailbox\n", "It was delivered.")


def feedback(kind: str = "abuse", path: str = "b-2@bounces.example.com", enclosed: str = _ORIGINAL) -> str:
    return f"""\
From: <fbl@provider.example>
To: feedback@bounces.example.com
Subject: FW: spam
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="=edge="

--=edge=
Content-Type: text/plain

This is an email abuse report for a message received from 192.0.2.1.

--=edge=
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: Some/1.0
Version: 1
Original-Mail-From: <{path}>
Original-Rcpt-To: <ann@recipient.example>

--=edge=
Content-Type: message/rfc822

{enclosed}
--=edge=--
"""


def plain(text: str, *headers: str) -> str:
    return "\n".join(("From: MAILER-DAEMON@mx.recipient.example", "To: b-1@bounces.example.com", *headers, "", text))


POSTFIX = failed(
    "5.1.1",
    "550 5.1.1 <ann@recipient.example>: Recipient address rejected:\n    User unknown in local recipient table",
)

_QMAIL = """\
Hi. This is the qmail-send program at mx.recipient.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<ann@recipient.example>:
{said}

--- Below this line is a copy of the message.

"""

_EXIM = """\
This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  ann@recipient.example
    Unrouteable address

------ This is a copy of the message, including all the headers. ------

"""

_EXCHANGE = """\
Final-recipient: RFC822; ann@recipient.example
Action: failed
Status: 5.1.10
Remote-MTA: dns; mail.recipient.example
X-Supplementary-Info: <mail.recipient.example #5.1.10 smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound>
Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup
"""

MAILS = {
    "postfix, nobody": Back(POSTFIX, "hbounce", 550, "5.1.1", "Recipient address rejected: User unknown"),
    "postfix, full": Back(failed("5.2.2", "552 5.2.2 Mailbox full"), "sbounce", 552, "5.2.2", "Mailbox full"),
    "postfix, late": Back(
        notification(
            "Final-Recipient: rfc822; a@b.example\nAction: delayed\nStatus: 4.4.1\n"
            "Diagnostic-Code: X-Postfix; connect to b.example: Connection timed out\n"
        ),
        "sbounce",
        0,
        "4.4.1",
        "connect to b.example: Connection timed out",
    ),
    "postfix, given up after days": Back(
        failed("4.4.1", "", "<a@b.example>: connect to b.example: timed out"), "sbounce", 0, "4.4.1", "timed out"
    ),
    "postfix, no such domain": Back(
        failed("5.4.4", "", "<a@b.example>: Host or domain name not found."), "hbounce", 0, "5.4.4", "Host or domain"
    ),
    "a policy": Back(failed("5.7.1", "550 5.7.1 user unknown to us, spam"), "sbounce", 550, "5.7.1", "spam"),
    "the sender's address": Back(failed("5.1.8", "553 5.1.8 Domain of sender not found"), "sbounce", 553, "5.1.8"),
    "exim, code of the other server": Back(
        failed("5.0.0", "550 5.1.1 No such user here"), "hbounce", 550, "5.1.1", "No such user here"
    ),
    "exim, words alone": Back(failed("5.0.0", "550 Unknown user"), "hbounce", 550, "5.0.0", "Unknown user"),
    "exim, words for people": Back(failed("5.0.0", "", _EXIM), "hbounce", 0, "5.0.0", "Unrouteable address"),
    "exim, no notification": Back(
        plain(_EXIM + _ORIGINAL, "X-Failed-Recipients: ann@recipient.example"), "hbounce", 0, "", "Unrouteable address"
    ),
    "exchange": Back(notification(_EXCHANGE), "hbounce", 550, "5.1.10", "RESOLVER.ADR.RecipientNotFound"),
    "global": Back(
        notification(
            "Final-Recipient: utf-8; ann@recipient.example\nAction: failed\nStatus: 5.1.1\n",
            "nobody",
            "global-delivery-status",
        ),
        "hbounce",
        0,
        "5.1.1",
        "nobody",
    ),
    "qmail": Back(
        plain(_QMAIL.format(said="Remote host said: 550 5.1.1 unknown recipient") + _ORIGINAL),
        "hbounce",
        550,
        "5.1.1",
        "Remote host said: 550 5.1.1 unknown recipient",
    ),
    "qmail, full": Back(
        plain(_QMAIL.format(said="Remote host said: 552 5.2.2 over quota") + _ORIGINAL), "sbounce", 552, "5.2.2"
    ),
    "delivered": Back(delivered(), "deliv", 0, "2.1.5", "250 2.1.5 delivered to mailbox"),
    "delivered after a while": Back(
        notification(
            "Final-Recipient: rfc822; a@b.example\nAction: delayed\nStatus: 4.4.1\n\n"
            "Final-Recipient: rfc822; a@b.example\nAction: delivered\nStatus: 2.0.0\n"
        ),
        "deliv",
        0,
        "2.0.0",
    ),
    "expanded": Back(notification("Final-Recipient: rfc822; a@b.example\nAction: expanded\nStatus: 2.0.0\n"), None),
    "relayed": Back(notification("Final-Recipient: rfc822; a@b.example\nAction: relayed\nStatus: 2.0.0\n"), None),
    "on holiday": Back(
        plain("I am away until Monday. No such user works here.", "Subject: Away", "Auto-Submitted: auto-replied"), None
    ),
    "read": Back(notification("Disposition: manual-action; displayed\n", kind="disposition-notification"), None),
    "a letter": Back(plain("Thank you, it was delivered.\n\n> 550 5.1.1 user unknown", "Subject: Re: Hello"), None),
    "abuse": Back(feedback(), "complain", words="feedback report: abuse"),
    "not spam": Back(feedback("not-spam"), None),
    "nothing": Back("", None),
}
