"""The exported document on paper, for people, with the digest of the JSON on every page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from fpdf import FPDF
from fpdf.enums import TextMode

from llmhub.accounts.audit_page import ACTS
from llmhub.accounts.models import Role
from llmhub.checklists import export, pdf_fonts
from llmhub.checklists.items import said
from llmhub.checklists.models import ChecklistState, EvidenceKind, Meaning, Outcome
from llmhub.checklists.standing import ItemState
from llmhub.lib.canonical import canonical, digest

INK, GREY = (20, 24, 33), (100, 106, 118)
RED, AMBER, GREEN = (176, 32, 32), (146, 84, 0), (22, 110, 60)
INKS = {ItemState.SIGNED: GREEN, ItemState.WAIVED: AMBER}
TITLE, HEADING, TEXT, SMALL = 18.0, 13.0, 9.5, 7.5
INDENT = 6.0
MAX_VALUE = 600

Json = dict[str, Any]


class Paper(FPDF):
    """Text under text, the way down the pages."""

    def __init__(self, found: export.Document) -> None:
        super().__init__()
        self.found, self.sha256 = found, export.file_sha256(found)
        self.add_font("sans", "", pdf_fonts.MAIN)
        others = pdf_fonts.needed(export.as_bytes(found).decode())
        for font in others:
            self.add_font(font.stem, "", font)
        self.set_fallback_fonts([font.stem for font in others], exact_match=False)
        self.set_text_shaping(True)
        self.set_title(found["checklist"]["title"])
        self.set_margins(18, 16)
        self.set_auto_page_break(True, 22)
        self.alias_nb_pages("{pages}")
        self.add_page()

    def header(self) -> None:
        checklist = self.found["checklist"]
        self.write_line(
            f"{self.found['project']['name']} · {checklist['title']} · {checklist['subject']}",
            SMALL,
            GREY,
        )
        self.ln(2)

    def footer(self) -> None:
        self.set_y(-16)
        self.write_line(
            _("Page %(page)s of %(pages)s") % {"page": self.page_no(), "pages": "{pages}"},
            SMALL,
            GREY,
        )
        self.write_line(
            _("SHA-256 of the JSON export: %(digest)s") % {"digest": self.sha256},
            SMALL,
            GREY,
        )

    def write_line(
        self,
        text: str,
        size: float = TEXT,
        ink: tuple[int, int, int] = INK,
        indent: float = 0,
        strong: bool = False,
    ) -> None:
        # fpdf may be in the font of another script and take it for this one.
        self.font_family = ""
        self.set_font("sans", "", size)
        self.set_text_color(*ink)
        self.set_draw_color(*ink)
        self.set_line_width(0.12)
        # The fonts have one weight: a line around the letters makes the other.
        self.text_mode = TextMode.FILL_STROKE if strong else TextMode.FILL
        self.set_x(self.l_margin + indent)
        self.multi_cell(0, size * 0.5, text, align="L", new_x="LMARGIN", new_y="NEXT")

    def heading(self, text: str) -> None:
        self.ln(4)
        self.keep_together(24)
        self.write_line(text, HEADING, strong=True)
        self.ln(1)

    def keep_together(self, height: float) -> None:
        """So that no heading is the last line of a page."""
        if self.will_page_break(height):
            self.add_page()


def render(found: export.Document, states: Mapping[str, ItemState]) -> bytes:
    """`states`: how each item stands now."""
    paper = Paper(found)
    first_page(paper, found)
    for group in found["template"]["content"]["groups"]:
        paper.heading(text_of(group["title"]))
        for item in group["items"]:
            write_item(paper, found, item, states.get(item["key"]))
    write_comments(paper, found)
    write_log(paper, found)
    write_proof(paper, found)
    return bytes(paper.output())


def first_page(paper: Paper, found: export.Document) -> None:
    checklist = found["checklist"]
    paper.write_line(text_of(found["template"]["content"]["title"]), TITLE, strong=True)
    paper.ln(1)
    paper.write_line(f"{checklist['subject']} ({checklist['about']})", HEADING)
    paper.ln(2)
    paper.write_line(*state_line(checklist), strong=True)
    if checklist["solo"]:
        text = _("Solo mode: the project had one member, who signed and waived their own work.")
        paper.write_line(text, TEXT, RED, strong=True)
    for line in facts(found):
        paper.write_line(line)
    write_subject(paper, found)


def state_line(checklist: Json) -> tuple[str, float, tuple[int, int, int]]:
    if checklist["state"] == ChecklistState.SETTLED:
        text = _("Signed off on %(when)s") % {"when": when(checklist["settled_at"])}
        return text, HEADING, GREEN
    return (
        _("Not signed off: %(state)s") % {"state": ChecklistState(checklist["state"]).label},
        HEADING,
        RED,
    )


def facts(found: export.Document) -> Iterable[str]:
    checklist, template = found["checklist"], found["template"]
    authors = ", ".join(person(found, number) for number in checklist["authors"])
    yield _("Project: %(project)s") % {"project": found["project"]["name"]}
    yield _("Template: %(slug)s, version %(number)s, SHA-256 %(digest)s") % {
        "slug": template["slug"],
        "number": template["number"],
        "digest": template["sha256"],
    }
    yield _("Made or edited by: %(people)s") % {"people": authors or "–"}
    yield counts(found)
    yield _("Printed on %(when)s") % {"when": when(timezone.now().isoformat())}


def counts(found: export.Document) -> str:
    """Void and withdrawn ones apart, so that nobody counts them among the others."""
    hold = [row for row in found["signatures"] if holds(found, row)]
    void = len(found["signatures"]) - len(hold)
    waived = sum(holds(found, row) for row in found["waivers"])
    parts = [ngettext("%(n)s signature", "%(n)s signatures", len(hold)) % {"n": len(hold)}]
    parts.append(ngettext("%(n)s waiver", "%(n)s waivers", waived) % {"n": waived})
    if void:
        parts.append(_("%(n)s void or withdrawn") % {"n": void})
    return ", ".join(parts)


def write_subject(paper: Paper, found: export.Document) -> None:
    paper.heading(_("What was signed"))
    for part, value in found["subject"].items():
        paper.keep_together(14)
        paper.write_line(part, TEXT, strong=True)
        paper.write_line(f"SHA-256 {found['hashes'].get(part)}", SMALL, INK, INDENT)
        paper.write_line(cut(canonical(value)), SMALL, GREY, INDENT)
        paper.ln(1)


def cut(text: str) -> str:
    """The JSON has all of it."""
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]} …"


# --- items


def write_item(paper: Paper, found: export.Document, item: Json, state: ItemState | None) -> None:
    paper.keep_together(20)
    paper.write_line(text_of(item["title"]), TEXT + 0.5, strong=True)
    if state:
        paper.write_line(str(state.label), TEXT, INKS.get(state, RED), INDENT, strong=True)
    for row in of_item(found["evidence"], item):
        paper.write_line(evidence_line(found, row["content"]), SMALL + 1, INK, INDENT)
    for row in of_item(found["signatures"], item):
        write_signature(paper, found, row)
    for row in of_item(found["waivers"], item):
        write_waiver(paper, found, row)
    paper.ln(1.5)


def of_item(rows: list[Json], item: Json) -> list[Json]:
    return [row for row in rows if row["content"]["item"] == item["key"]]


def write_signature(paper: Paper, found: export.Document, row: Json) -> None:
    content = row["content"]
    text = _("%(person)s, %(role)s: “%(meaning)s”, %(when)s") % {
        "person": person(found, content["user"]),
        "role": Role(content["role"]).label,
        "meaning": Meaning(content["meaning"]).label,
        "when": when(content["at"]),
    }
    write_bound(paper, found, row, text, content["note"])


def write_waiver(paper: Paper, found: export.Document, row: Json) -> None:
    content = row["content"]
    text = _("Waived by %(person)s on %(when)s; %(owner)s answers for it until %(until)s") % {
        "person": person(found, content["by"]),
        "owner": person(found, content["owner"]),
        "when": when(content["at"]),
        "until": content["until"],
    }
    write_bound(paper, found, row, text, content["reason"])


def write_bound(paper: Paper, found: export.Document, row: Json, text: str, words: str) -> None:
    """What no longer holds is grey, and says why in red."""
    is_valid = holds(found, row)
    paper.write_line(text, TEXT, INK if is_valid else GREY, INDENT)
    if words:
        paper.write_line(words, SMALL + 1, GREY, 2 * INDENT)
    if row["withdrawn_at"]:
        void = _("Withdrawn on %(when)s") % {"when": when(row["withdrawn_at"])}
        paper.write_line(void, SMALL + 1, RED, 2 * INDENT)
    elif not is_valid:
        void = _("Void: what it depends on was changed after it")
        paper.write_line(void, SMALL + 1, RED, 2 * INDENT)
    if row["carried_from"]:
        paper.write_line(_("Carried over from an earlier checklist"), SMALL, GREY, 2 * INDENT)
    paper.write_line(f"SHA-256 {row['digest']}", SMALL, GREY, 2 * INDENT)


def holds(found: export.Document, row: Json) -> bool:
    parts = {part: found["hashes"].get(part) for part in row["content"]["parts"]}
    return not row["withdrawn_at"] and row["content"]["parts_hash"] == digest(parts)


def evidence_line(found: export.Document, content: Json) -> str:
    kind = EvidenceKind(content["kind"])
    if kind == EvidenceKind.CHECK:
        name, version = content["check"]
        outcome = Outcome(content["outcome"]).label if content["outcome"] else _("under way")
        what = f"{name} v{version}: {outcome}"
    else:
        name, sha256, _bytes = content["file"]
        run = f"#{content['run']}" if content["run"] else ""
        what = " ".join(filter(None, [name, sha256, content["link"], run, content["note"]]))
    by = f", {person(found, content['by'])}" if content["by"] else ""
    return f"{kind.label}: {what}{by}, {when(content['at'])}"


# --- what follows the items


def write_comments(paper: Paper, found: export.Document) -> None:
    if found["comments"]:
        paper.heading(_("Comments"))
    for row in found["comments"]:
        content = row["content"]
        head = " · ".join(
            filter(None, [person(found, content["user"]), when(content["at"]), content["item"]])
        )
        paper.write_line(head, SMALL + 1, GREY)
        paper.write_line(content["text"], TEXT, INK, INDENT)


def write_log(paper: Paper, found: export.Document) -> None:
    paper.heading(_("Audit log"))
    for link in found["audit"]:
        content = link["content"]
        if isinstance(content, dict):
            who = person(found, content["user"]) if content["user"] else _("the hub")
            item = content["data"].get("item", "")
            act = str(ACTS.get(content["act"], content["act"]))
            words = [f"#{link['number']}", when(content["at"]), who, act, item]
            paper.write_line(" · ".join(filter(None, words)), SMALL + 1)
    others = sum(not isinstance(link["content"], dict) for link in found["audit"])
    text = ngettext(
        "%(n)s entry between these is about something else: the JSON has its hash.",
        "%(n)s entries between these are about something else: the JSON has their hashes.",
        others,
    )
    if others:
        paper.write_line(text % {"n": others}, SMALL + 1, GREY)


def write_proof(paper: Paper, found: export.Document) -> None:
    paper.heading(_("How to verify this"))
    paper.write_line(
        _(
            "This paper shows what the JSON export of the same checklist holds. Download it, "
            "compare its SHA-256 with the one at the foot of this page, and run "
            "python3 tools/verify_signoff.py checklist.json (it is in the repository of llmhub, "
            "and needs nothing but Python): it computes every hash anew."
        )
    )


# --- words


def text_of(text: dict[str, str]) -> str:
    return said(text, get_language() or "en")


def person(found: export.Document, number: int) -> str:
    """The name as it is today; a number stays of who was erased."""
    name = found["people"].get(str(number))
    return f"{name} ({number})" if name else _("person %(number)s") % {"number": number}


def when(at: str) -> str:
    local = timezone.localtime(datetime.fromisoformat(at))
    return f"{date_format(local, 'Y-m-d H:i')} {local.tzname()}"
