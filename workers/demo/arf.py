"""A feedback loop's letter: a real ARF report (RFC 5965) about a message."""

from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime


def arf_report(
    offending: EmailMessage,
    *,
    mail_from: str,
    recipient: str,
    arrived: datetime,
    source_ip: str | None = None,
    incidents: int = 1,
    feedback_type: str = "abuse",
    reporter: str = "fbl@mailbox.example",
    abuse_desk: str = "abuse@provider.example",
) -> bytes:
    """What `reporter` writes to `abuse_desk` about a message that reached `recipient`.

    `source_ip` None leaves that field out, as some feedback loops do.
    """
    fields = {
        "Feedback-Type": feedback_type,
        "User-Agent": "PlazoDemo/1.0",
        "Version": "1",
        "Original-Mail-From": f"<{mail_from}>",
        "Original-Rcpt-To": f"<{recipient}>",
        "Arrival-Date": format_datetime(arrived),
        "Source-IP": source_ip,
        "Incidents": str(incidents),
    }
    report = EmailMessage(policy=SMTP)
    report["From"] = reporter
    report["To"] = abuse_desk
    report["Date"] = format_datetime(arrived)
    report["Subject"] = f"FW: {offending['Subject']}"
    report["MIME-Version"] = "1.0"
    report["Content-Type"] = "multipart/report; report-type=feedback-report"
    words = EmailMessage(policy=SMTP)
    words.set_content(
        f"An email abuse report for a message received on {format_datetime(arrived)}."
    )
    report.attach(words)
    readable = EmailMessage(policy=SMTP)
    readable["Content-Type"] = "message/feedback-report"
    readable.set_payload("".join(f"{k}: {v}\r\n" for k, v in fields.items() if v is not None))
    report.attach(readable)
    original = EmailMessage(policy=SMTP)
    original["Content-Type"] = "message/rfc822"
    original.attach(offending)
    report.attach(original)
    return report.as_bytes()
