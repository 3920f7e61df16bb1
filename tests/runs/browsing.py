"""Forms as a browser reads them and sends them back."""

from __future__ import annotations

import html
import re

from django.http import HttpResponse
from django.test import Client


def fields(answer: HttpResponse) -> dict[str, str]:
    """What a browser would send back of a page."""
    page = answer.content.decode()
    values = {}
    for tag in re.findall(r"<(?:input|option|textarea)\b[^>]*>(?:[^<]*</textarea>)?", page):
        name, value = (re.search(rf' {key}="([^"]*)"', tag) for key in ("name", "value"))
        box = re.search(r'type="(?:checkbox|radio)"', tag)
        if name and (not box or "checked" in tag):
            values[name[1]] = html.unescape(value[1]) if value else ""
    for select in re.findall(r"<select.*?</select>", page, re.S):
        chosen = re.search(r'value="([^"]*)" selected', select) or re.search(
            r'value="([^"]*)"', select
        )
        if chosen:
            values[re.search(r'name="([^"]*)"', select)[1]] = chosen[1]
    return values


def opened(client: Client, url: str) -> dict[str, str]:
    answer = client.get(url)
    assert answer.status_code == 200
    return fields(answer)
