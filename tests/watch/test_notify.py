"""Chats and mail, by apprise, to servers that really listen."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from joblog.errors import Invalid
from joblog.watch.hosts import Hosts
from joblog.watch.receivers import shown_address
from tests.watch.lab import BASE, MINUTE_MS, Lab, Receiver


class Mailbox:
    """Keeps the mail that comes."""

    def __init__(self) -> None:
        self.mails = list[Message]()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content))
        return "250 OK"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    """A mail server, and its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, port
    controller.stop()


def test_mail_is_sent(lab: Lab, mailbox: tuple[Mailbox, int]) -> None:
    """One mail, as plain text, whatever the log says of headers."""
    box, port = mailbox
    lab.rule("match", f"mailto://127.0.0.1:{port}?smtp=127.0.0.1&from=joblog@example.org&to=ada@example.org", pattern="boom")
    (log,) = lab.run()
    lab.prints(log, b"boom \r\nBcc: eve@example.org\r\n<b>boom</b> @here\n")
    lab.passes(5000)
    lab.sends()
    assert lab.delivered() == [("sent", 1)]
    (mail,) = box.mails
    assert (mail["To"], mail["Bcc"], mail["Subject"]) == ("ada@example.org", None, "train/V0001: a line matches boom")
    payload = mail.get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert f"{BASE}/p/lab/train/V0001/worker-0#L0" in payload.decode()


def test_mail_server_that_is_away_is_tried_again(lab: Lab, mailbox: tuple[Mailbox, int]) -> None:
    """Its problem shows no password."""
    box, _ = mailbox
    with socket.create_server(("127.0.0.1", 0)) as free:
        other = int(free.getsockname()[1])
    lab.rule(
        "match",
        f"mailto://ada:very-secret@127.0.0.1:{other}?smtp=127.0.0.1&from=joblog@example.org&to=ada@example.org",
        pattern="boom",
    )
    (log,) = lab.run()
    lab.prints(log, b"boom\n")
    lab.passes(5000)
    lab.sends()
    assert lab.delivered() == [("waiting", 1)]
    assert "very-secret" not in lab.engine.watching.deliveries([1])[1][0].problem
    assert box.mails == []


def test_chat_gets_a_text_that_mentions_nobody(lab: Lab, receiver: Receiver) -> None:
    """A Slack-like webhook; the log's own text marks up nothing, and hides no link."""
    receiver.status = 200
    lab.rule("match", f"mmost://127.0.0.1:{receiver.port}/{'a' * 26}", pattern="boom")
    (log,) = lab.run()
    lab.prints(log, b"boom @channel <!here> [safe](http://evil.example) `x`\n")
    lab.passes(5000)
    lab.sends()
    assert lab.delivered() == [("sent", 1)]
    text = json.loads(receiver.requests[0][1])["text"]
    assert "boom" in text
    for hostile in ("@channel", "<!here>", "](http", "`x`"):
        assert hostile not in text
    assert f"{BASE}/p/lab/train/V0001/worker-0#L0" in text


def test_chat_that_is_down_is_told_once(lab: Lab, receiver: Receiver) -> None:
    """As a webhook is."""
    receiver.status = 503
    lab.rule("match", f"mmost://127.0.0.1:{receiver.port}/{'a' * 26}", pattern="boom")
    (log,) = lab.run()
    lab.prints(log, b"boom\n")
    lab.passes(5000)
    lab.sends()
    receiver.status = 200
    lab.at_ms += MINUTE_MS
    lab.sends()
    lab.sends()
    assert (lab.delivered(), len(receiver.requests)) == ([("sent", 2)], 2)


def test_chat_that_leads_elsewhere_is_not_followed(lab: Lab, receiver: Receiver) -> None:
    """As a webhook: what is behind the redirect is nobody's choice who may say where alerts go."""
    receiver.status, receiver.headers = 307, {"Location": f"http://127.0.0.1:{receiver.port}/elsewhere"}
    lab.rule("match", f"mmost://127.0.0.1:{receiver.port}/{'a' * 26}", pattern="boom")
    (log,) = lab.run()
    lab.prints(log, b"boom\n")
    lab.passes(5000)
    lab.sends()
    assert (lab.delivered(), len(receiver.requests)) == ([("waiting", 1)], 1)


def test_name_that_none_can_be_is_no_host() -> None:
    """It is said as of one that is not there."""
    with pytest.raises(socket.gaierror):
        Hosts("").resolved("a..b", 443)


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd", "syslog://", "dbus://", "json://10.0.0.1/", "foo://x", "slack://", "plain text", "",
        "mmost://10.0.0.1/aaaaaaaaaaaaaaaaaaaaaaaaaa", "mailto://a:b@example.org?smtp=10.0.0.1", "http://user:pass@example.org/",
        "http:///path", "https://[::1", "http://169.254.169.254/latest/meta-data", "https://example.org/a b",
        "https://example.org/\u00e9", "https://[64:ff9b::169.254.169.254]/", "https://[2002:7f00:1::]/",
        "https://[::127.0.0.1]/", "https://[fec0::1]/", "workflows://example.org:443/abc/def?template=/etc/passwd",
        "discord://123456789/abcdefghijkl?Template=http://169.254.169.254/", "ntfys://example.org/topic?rto=100000",
        "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ?template=/etc/passwd",
        "mailtos://ada:pw@example.org?pgp=encrypt&pgppub=/etc/passwd", "mailtos://ada:pw@example.org?+X-Header=1",
        "tgram://123456789:abcdefg_hijklmnop/12315544/?redirect=yes", "ntfy://example.org/a/b/c/d/e/f",
    ],
)  # fmt: skip
def test_address_that_must_not_be_is_refused(lab: Lab, address: str) -> None:
    """When the rule is made; what is said shows no secret."""
    with pytest.raises(Invalid) as caught:
        lab.receivers.check([address])
    assert caught.value.parameter == "notify"
    assert "pass@" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "feishu://very-secret-token",
        "https://open.feishu.cn/open-apis/bot/v2/hook/very-secret", "https://oapi.dingtalk.com/robot/send?access_token=abc123",
        "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=very-secret", "mailtos://ada:very-secret@gmail.com",
        "https://prod-1.logic.azure.com:443/workflows/abc/triggers/manual/paths/invoke?api-version=2016-06-01"
        "&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=very-secret", "ntfys://example.org/topic?priority=high&tags=training",
        "mailtos://ada:very-secret@example.org?smtp=mail.example.org&from=joblog@example.org&to=bob@example.org",
    ],
)  # fmt: skip
def test_addresses_of_chats_are_taken_and_shown_without_their_secret(lab: Lab, address: str) -> None:
    """As the chat gives them out."""
    lab.receivers.check([address])
    assert not {"very", "TIiaj", "abc123"} & set(shown_address(address).replace("-", "/").split("/"))
