"""Addresses of people and machines on the internet."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

Span = tuple[int, int]

_LOCAL = re.compile(r"[\w.%+'-]{1,64}\Z")
_DOMAIN = re.compile(r"(?:[\w-]{1,63}\.)+([^\W\d_]{2,24}|xn--[a-z0-9-]+)(?![\w(@]|-\w)")
# Any country's, and the ones that most addresses have: code has an @ too, before other words.
_TOP_LEVEL = re.compile(
    r"""(?x) [^\W\d_]{2} | xn--.*
    | academy | agency | app | art | asia | bank | berlin | biz | blog | business | care
    | cat | center | city | cloud | club | coach | com | community | company | consulting
    | coop | cymru | design | dev | digital | edu | email | energy | engineering | example
    | expert | family | finance | foundation | fund | global | gmbh | gov | group | guru
    | health | help | host | hotel | house | info | ink | institute | int | international
    | invalid | jobs | law | legal | life | link | live | london | ltd | management
    | marketing | media | mil | mobi | museum | name | net | network | news | ngo | one
    | ong | online | org | paris | partners | photography | press | pro | school | schule
    | science | services | shop | site | social | software | solutions | space | store
    | studio | swiss | systems | team | tech | technology | tel | test | today | tools | top
    | training | travel | university | ventures | vip | wales | website | wien | wiki
    | work | works | world | xyz | zone""",
    re.IGNORECASE,
)
# The end of the name of a file that is called after a scale or a version: icon@2x.png.
_SCALE = re.compile(r"[0-9.]+x?\.", re.IGNORECASE)
# Accounts of machines, in the addresses of repositories.
_MACHINES = ("git", "svn", "hg")

_IPV4 = re.compile(r"(?<![\w.-])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![\w/-]|\.[0-9]|\.in-addr)")
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{1,4}:[0-9A-Fa-f:]{2,40}[0-9A-Fa-f](?![\w:])")
# Numbers of versions and sections look the same, and those of the objects of X.509.
_NO_ADDRESS = re.compile(
    r"(?i)(?:\bv|version|versión|versione|ver\.|release|build|firmware|revision|section|chapter"
    r"|clause|article|table|figure|oid|identifier|§)[\s:.=#(\"']*\Z"
)
_IPV4_DIGITS = 6  # below, too many numbers of sections and versions
_PUBLIC_IPV6 = ipaddress.ip_network("2000::/3")


def emails(text: str) -> Iterator[Span]:
    at = text.find("@")
    while at >= 0:
        local = _LOCAL.search(text, max(0, at - 64), at)
        domain = _DOMAIN.match(text, at + 1)
        if local and domain and _is_email(local[0].lstrip(".'-"), domain):
            yield at - len(local[0].lstrip(".'-")), domain.end()
        at = text.find("@", at + 1)


def _is_email(local: str, domain: re.Match[str]) -> bool:
    return bool(
        local
        and local not in _MACHINES
        and not _SCALE.match(domain[0])
        and _TOP_LEVEL.fullmatch(domain[1])
    )


def ipv4(text: str, start: int, end: int) -> Iterator[Span]:
    """Public addresses only: 192.168.0.1 is in every home."""
    for match in _IPV4.finditer(text, start, end):
        if (
            len(match[0].replace(".", "")) >= _IPV4_DIGITS
            and _is_public(match[0])
            and not _NO_ADDRESS.search(text, max(0, match.start() - 20), match.start())
        ):
            yield match.span()


def ipv6(text: str) -> Iterator[Span]:
    for match in _IPV6.finditer(text):
        if match[0].count(":") > 2 and _is_public(match[0]):
            yield match.span()


def _is_public(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return (
        parsed.is_global
        and not parsed.is_multicast
        and (parsed.version == 4 or parsed in _PUBLIC_IPV6)
    )
