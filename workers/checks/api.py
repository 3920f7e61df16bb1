"""Asks an API as a stranger would: `python -m workers.checks.api <folder>`.

What its answers mean is for the hub to say.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from llmhub.lib.problems import Problem
from workers.checks.asking import PORTS, Line, Target, ask, over
from workers.data.progress import Progress
from workers.work import Work, run

FOREIGN = "https://stranger.example"
TOO_MANY = 429
# For all requests together.
MOST_SECONDS = 60
MAX_AGE = re.compile(r"max-age\s*=\s*\"?(\d{1,12})", re.IGNORECASE)


def asked(values: dict[str, Any], progress: Progress) -> dict[str, Any]:
    progress("asking", 0, 1)
    try:
        target = Target.of(values["address"])
        return {"address": values["address"], **PROBES[values["what"]](target, values)}
    except Problem as problem:
        return {"address": values["address"], "unanswered": problem.as_json()}


def https(target: Target, values: Mapping[str, Any]) -> dict[str, Any]:
    is_https = target.scheme == "https"
    answer = ask(target)
    found = MAX_AGE.search(answer.headers.get("strict-transport-security", ""))
    plain = plain_of(target) if is_https else told(target, answer.status, answer.headers)
    return {
        "is_https": is_https,
        "status": answer.status,
        "hsts_seconds": int(found[1]) if found and is_https else 0,
        "plain": plain,
    }


def plain_of(target: Target) -> dict[str, Any]:
    """Where browsers go by themselves; of another port, what it says without TLS."""
    port = PORTS["http"] if target.port == PORTS["https"] else target.port
    plain = target.over("http", port)
    try:
        answer = ask(plain)
    except Problem:
        return {"port": port, "status": None, "leads_to_https": False}
    if answer.status == 400 and port == target.port:
        # How servers tell that they expect TLS.
        return {"port": port, "status": None, "leads_to_https": False}
    return told(plain, answer.status, answer.headers)


def told(plain: Target, status: int, headers: Mapping[str, str]) -> dict[str, Any]:
    leads = 300 <= status < 400 and urlsplit(headers.get("location", "")).scheme == "https"
    return {"port": plain.port, "status": status, "leads_to_https": leads}


def cors(target: Target, values: Mapping[str, Any]) -> dict[str, Any]:
    preflight = {"Access-Control-Request-Method": "POST"}
    tries: tuple[tuple[str, str, dict[str, str]], ...] = (
        ("GET", FOREIGN, {}),
        ("OPTIONS", FOREIGN, preflight),
        ("GET", "null", {}),
    )
    return {"answers": [let_in(target, *one) for one in tries]}


def let_in(target: Target, method: str, origin: str, more: Mapping[str, str]) -> dict[str, Any]:
    answer = ask(target, method, {"Origin": origin, **more})
    credentials = answer.headers.get("access-control-allow-credentials", "")
    return {
        "method": method,
        "origin": origin,
        "status": answer.status,
        "allow_origin": answer.headers.get("access-control-allow-origin", ""),
        "allow_credentials": credentials.strip().lower() == "true",
    }


def authentication(target: Target, values: Mapping[str, Any]) -> dict[str, Any]:
    return {"status": ask(target).status}


def rate_limits(target: Target, values: Mapping[str, Any]) -> dict[str, Any]:
    """One after the other on one connection, until it refuses."""
    started = time.monotonic()
    statuses: Counter[int] = Counter()
    line = Line(target)
    try:
        while sum(statuses.values()) < values["requests"] and not statuses[TOO_MANY]:
            if time.monotonic() - started > MOST_SECONDS:
                break
            statuses[over(line, target).status] += 1
    finally:
        line.close()
    return {
        "requests": sum(statuses.values()),
        "seconds": time.monotonic() - started,
        "statuses": sorted(status for status, count in statuses.items() if count),
    }


PROBES: dict[str, Callable[[Target, Mapping[str, Any]], dict[str, Any]]] = {
    "https": https,
    "cors": cors,
    "authentication": authentication,
    "rate_limits": rate_limits,
}


def chosen(values: dict[str, Any]) -> Work:
    return asked


if __name__ == "__main__":
    run(chosen)
