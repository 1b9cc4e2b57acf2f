"""How a report is spoilt: bytes, lines, parts and values, now and then without measure."""

import base64
import json
import quopri
from collections.abc import Callable
from random import Random

LARGEST = 1024 * 1024
"""Bytes of a report that is made here; what grows worse than its size shows well before."""

ODD = (
    b"\x00", b"\r", b"\n", b"\r\n\r\n", b"\r\r\n", b"--", b"----", b":", b";", b"(", b")" * 40,
    b"=?", b"?=", b"=?utf-8?b?=?=", b"=?idna?q?=FF?=", b"=?unicode_escape?q?=5Cq?=",
    b"=?\x00?q?a?=", b"=?utf-8?q?=?=?utf-8?q?=?=", b"\xff\xfe", b"\xe2\x80\xae", b"\xc3", b"@",
    b"<>", b"<<<<", b"\\ud800", b'\\"', b"[[[[", b"{{", b"[" * 3_000, b'{"a":' * 3_000, b"&a *a",
    b"!!python/object/apply:os.system ['x']", b"- " * 500, b"? " * 500, b"9" * 5_000, b"1e999",
    b"NaN", b"-0", b"null", b"true", b'boundary="', b"boundary*0*=x'", b"boundary=" + b"-" * 70,
    b"charset=unicode_escape", b"charset*=x''%00", b"Content-Transfer-Encoding: base64\n",
    b"Content-Transfer-Encoding: quoted-printable\n", b"Content-Type: multipart/mixed\n",
    b"Content-Type: message/rfc822\n\n", b"Content-Type: message/feedback-report\n\n",
    b"Feedback-Type: xarf\n", b"X-XARF: PLAIN\n", b"X-HmXmrOriginalRecipient: x\n",
    b"Date: Mon, 1 Jan 0001 00:00:00 +2359\n", b"9999-12-31T23:59:59-23:59", b"2002:a00::1",
    b"Received: from a (b [192.0.2.7]) by c; x\n", b"[192.0.2.7]", b"::ffff:192.0.2.7",
    b"fe80::1%eth0", b"xn--" + b"a" * 300, b"\xc4\xb0.example", b"%00", b"\x1b[2J", b"\x85",
    b"\x0b\x0c",
)  # fmt: skip

_VALUES: tuple[object, ...] = (
    None, True, 0, -1, 10**400, 1e308, float("nan"), "", "unknown", "x" * 100_000, "\ud800", "\0",
    "192.0.2.7", "::ffff:192.0.2.7", "a@b.example", "<>", "2026-03-09T11:58:40+99:99", "9" * 5_000,
    "Spam", "spam", "reject", "complained", [], {}, [[]] * 1_000, {"": {}}, ["x"] * 1_000,
    [{"content_type": "message/rfc822", "payload": "UmVjZWl2ZWQ6IHg="}] * 60,
)  # fmt: skip

Mutation = Callable[[Random, bytes, list[bytes]], bytes]


def spoilt(random: Random, samples: list[bytes]) -> bytes:
    """One of the samples after one to eight mutations."""
    content = random.choice(samples)
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        content = random.choice(_ALL)(random, content, samples)[:LARGEST]
    return content


def _somewhere(random: Random, content: bytes) -> int:
    return random.randint(0, len(content))


def _insert(random: Random, content: bytes, _: list[bytes]) -> bytes:
    at = _somewhere(random, content)
    return content[:at] + random.choice(ODD) + content[at + random.choice((0, 0, 1, 7)) :]


def _flip(random: Random, content: bytes, samples: list[bytes]) -> bytes:
    changed = bytearray(content)
    for _ in range(random.randint(1, 8)):
        if changed:
            changed[random.randrange(len(changed))] = random.randrange(256)
    return bytes(changed)


def _remove(random: Random, content: bytes, _: list[bytes]) -> bytes:
    at = _somewhere(random, content)
    return content[:at] + content[at + random.randint(1, 400) :]


def _cut_off(random: Random, content: bytes, _: list[bytes]) -> bytes:
    return content[: _somewhere(random, content)]


def _splice(random: Random, content: bytes, samples: list[bytes]) -> bytes:
    other = random.choice(samples)
    return content[: _somewhere(random, content)] + other[_somewhere(random, other) :]


def _put_inside(random: Random, content: bytes, samples: list[bytes]) -> bytes:
    at = _somewhere(random, content)
    return content[:at] + random.choice(samples) + content[at:]


def _lines(random: Random, content: bytes, _: list[bytes]) -> bytes:
    """A line lost, doubled, moved, or repeated without measure."""
    lines = content.splitlines(keepends=True) or [b""]
    at = random.randrange(len(lines))
    line = lines.pop(at)
    times = random.choice((0, 0, 2, 3, 3, 100, 10_000))
    lines[random.randint(0, len(lines)) : 0] = [line] * min(times, LARGEST // (len(line) + 1))
    return b"".join(lines)


def _grow(random: Random, content: bytes, _: list[bytes]) -> bytes:
    """A piece repeated up to the largest size."""
    at = _somewhere(random, content)
    piece = content[at : at + random.randint(1, 60)] or random.choice(ODD)
    size = random.choice((50, 50, 500, 5_000, 5_000, LARGEST))
    return content[:at] + piece * (size // len(piece)) + content[at:]


def _nest(random: Random, content: bytes, _: list[bytes]) -> bytes:
    """Up to ten thousand parts, one in another, or one beside another."""
    depth = random.choice((1, 3, 30, 300, 10_000))
    kind = random.choice((b"multipart/mixed", b"multipart/report", b"multipart/digest"))
    boundary = random.choice((b"n", b"=_n", b"-" * 69))
    same = random.random() < 0.5
    level = b"Content-Type: %s; boundary=%s%d\n\n--%s%d\n"
    numbers = [0 if same else number for number in range(depth)]
    nested = b"".join(level % (kind, boundary, n, boundary, n) for n in numbers)
    return nested[: LARGEST // 2] + content


def _line_endings(random: Random, content: bytes, _: list[bytes]) -> bytes:
    ending = random.choice((b"\r\n", b"\r", b"\r\r\n", b"\n\n", b"\n \n", b"\x00\n"))
    return content.replace(b"\r\n", b"\n").replace(b"\n", ending)


def _encode(random: Random, content: bytes, _: list[bytes]) -> bytes:
    """The rest of it under a transfer encoding that it may not have."""
    head, blank, rest = content.partition(b"\n\n")
    encoded, name = random.choice((
        (base64.encodebytes(rest), b"base64"), (quopri.encodestring(rest), b"quoted-printable"),
        (rest, b"base64"), (rest, b"uuencode"), (rest.decode("latin-1").encode("utf-16"), b"8bit"),
    ))  # fmt: skip
    return head + b"\nContent-Transfer-Encoding: " + name + blank + encoded


def _same_words(random: Random, content: bytes, _: list[bytes]) -> bytes:
    """Every place of a piece filled with something odd: a boundary, a name, a quote."""
    at = _somewhere(random, content)
    piece = content[at : at + random.randint(1, 12)]
    return content.replace(piece, random.choice(ODD), 200) if piece else content


def _json_value(random: Random, content: bytes, _: list[bytes]) -> bytes:
    """A value of a document in JSON lost, or of another kind."""
    try:
        document = json.loads(content[:100_000])
    except (ValueError, RecursionError):
        return content
    place = document
    for _depth in range(random.randint(0, 3)):
        inner = list(place.values()) if isinstance(place, dict) else place
        inner = [each for each in inner if isinstance(each, dict | list) and each]
        place = random.choice(inner) if inner else place
    if isinstance(place, dict | list) and place:
        key = random.choice(list(place) if isinstance(place, dict) else range(len(place)))
        if random.random() < 0.2:
            del place[key]
        else:
            place[key] = random.choice(_VALUES)
    return json.dumps(document).encode()


_ALL: tuple[Mutation, ...] = (
    _insert, _insert, _insert, _flip, _remove, _cut_off, _splice, _put_inside, _lines, _lines,
    _grow, _nest, _line_endings, _encode, _same_words, _json_value, _json_value, _json_value,
)  # fmt: skip
