"""Whether the API that a model will answer at is as it should be: a process asks it.

The hub asks only where an operator has allowed it (API_PROBE_HOSTS), and only at the address that
an admin of the project has attached to the item.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from llmhub.accounts.models import Membership, Role
from llmhub.checklists.checks.base import About, Check, Finding, Work, failed, found, undecided
from llmhub.checklists.items import Part
from llmhub.checklists.models import Evidence, EvidenceKind
from llmhub.checklists.reasons import Reason, reason
from llmhub.lib.problems import Problem

KIND = "checklist.api"
PORTS = {"http": 80, "https": 443}
# Requests one after the other, as quickly as they are answered.
REQUESTS = 100
# Within so many seconds they are quick enough to meet a limit.
QUICK_SECONDS = 20
TOO_MANY = 429
REFUSING = frozenset({401, 403})


def address_of(about: About) -> str:
    """The newest that an admin attached: to this item, or to another one about the API."""
    admins = Membership.objects.filter(project=about.project, role=Role.ADMIN)
    links = Evidence.objects.filter(
        checklist=about.checklist, kind=EvidenceKind.LINK, by__in=admins.values("user")
    )
    found_ = {row.item: row.link for row in reversed(links) if is_of_api(about, row.item)}
    return found_.get(about.item.key) or next(reversed(found_.values()), "")


def is_of_api(about: About, key: str) -> bool:
    item = about.checklist.template_version.parsed.item(key)
    return item is not None and item.check.startswith("api-")


def before(about: About) -> Finding | None:
    address = address_of(about)
    if not address:
        return undecided("no_address")
    place = place_of(address)
    if place is None:
        return failed("bad_address", address=address)
    host, port = place
    if not is_allowed(host, port):
        return undecided("host_not_allowed", host=f"{host}:{port}")
    return None


def place_of(address: str) -> tuple[str, int] | None:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in PORTS or not host or parts.username is not None:
        return None
    return host, port or PORTS[parts.scheme]


def is_allowed(host: str, port: int) -> bool:
    return any(
        host == allowed and port in ({of_it} if of_it else set(PORTS.values()))
        for allowed, of_it in settings.API_PROBE_HOSTS
    )


def asks(what: str) -> Any:
    def ask(about: About) -> dict[str, Any]:
        """Asked again: the address or what is allowed may have changed since."""
        if before(about) is not None:
            raise Problem("discarded")
        return {"what": what, "address": address_of(about), "requests": REQUESTS}

    return ask


def judged(judge: Any) -> Any:
    """What holds of every probe: whether the API answered at all."""

    def all_of(about: About, result: dict[str, Any]) -> Finding:
        figures = {name: value for name, value in result.items() if name != "peak_bytes"}
        if problem := result.get("unanswered"):
            return failed(problem["code"], figures, **problem["values"])
        finding: Finding = judge(result, figures)
        return finding

    return all_of


def https(result: dict[str, Any], figures: dict[str, Any]) -> Finding:
    faults = []
    if not result["is_https"]:
        faults.append(reason("not_https"))
    plain = result["plain"]
    if plain["status"] is not None and not plain["leads_to_https"]:
        faults.append(reason("plain_http_answers", status=str(plain["status"])))
    if result["is_https"] and not result["hsts_seconds"]:
        faults.append(reason("no_hsts"))
    return found(faults, reason("api_https"), figures)


def cors(result: dict[str, Any], figures: dict[str, Any]) -> Finding:
    faults = [fault for answer in result["answers"] if (fault := lets_in(answer))]
    return found(faults[:1], reason("api_cors"), figures)


def lets_in(answer: dict[str, Any]) -> Reason | None:
    allowed = answer["allow_origin"]
    if allowed == "*" and answer["allow_credentials"]:
        return reason("cors_wildcard")
    return reason("cors_reflected", origin=allowed) if allowed == answer["origin"] else None


def authentication(result: dict[str, Any], figures: dict[str, Any]) -> Finding:
    status = result["status"]
    if status in REFUSING:
        return found((), reason("api_authentication", status=str(status)), figures)
    if 200 <= status < 300:
        return failed("open_without_token", figures, status=str(status))
    return undecided("no_verdict", figures, status=str(status))


def rate_limits(result: dict[str, Any], figures: dict[str, Any]) -> Finding:
    requests, seconds = result["requests"], result["seconds"]
    if TOO_MANY in result["statuses"]:
        return found((), reason("api_rate_limits", requests=requests), figures)
    told = {"requests": requests, "seconds": round(seconds, 1)}
    if requests < REQUESTS or seconds > QUICK_SECONDS:
        return undecided("too_slow_to_tell", figures, **told)
    return failed("no_rate_limit", figures, **told)


def check(name: str, what: str, judge: Any, title: Any, proves: Any, leaves_open: Any) -> Check:
    return Check(
        name=name,
        version=1,
        title=title,
        proves=proves,
        leaves_open=leaves_open,
        parts=(Part.WEIGHTS,),
        work=Work(KIND, asks(what), judged(judge), before),
    )


CHECKS = (
    check(
        "api-https",
        "https",
        https,
        _("HTTPS only"),
        _(
            "The address answers over HTTPS with a valid certificate and "
            "Strict-Transport-Security; over plain HTTP it refuses, or leads to HTTPS."
        ),
        _("Other addresses and ports of the API, and how good its ciphers are."),
    ),
    check(
        "api-cors",
        "cors",
        cors,
        _("CORS"),
        _(
            "A page of a foreign origin is not let in by name, and no wildcard comes with "
            "credentials."
        ),
        _("Whether the origins that are let in are the right ones, and other addresses."),
    ),
    check(
        "api-authentication",
        "authentication",
        authentication,
        _("Authentication"),
        _("Without a token the address answers 401 or 403."),
        _("Other addresses of the API, and whether its tokens are any good."),
    ),
    check(
        "api-rate-limits",
        "rate_limits",
        rate_limits,
        _("Rate limits"),
        _("Of 100 quick requests some were refused with 429."),
        _("Limits for each account, and what many addresses at once can do."),
    ),
)
