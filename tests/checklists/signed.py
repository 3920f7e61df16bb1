"""A checklist that three people signed off, with all that can be said of an item."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.utils import timezone

from llmhub.accounts import audit
from llmhub.accounts.models import Project, Role, User
from llmhub.checklists.digests import digest_of, of_evidence
from llmhub.checklists.items import Content
from llmhub.checklists.models import (
    Checklist,
    ChecklistState,
    Evidence,
    Signature,
    Template,
    TemplateVersion,
    Waiver,
)
from llmhub.lib.canonical import digest
from tests.factories import join, make_project, make_run, make_user

CONTENT = {
    "title": {"en": "Before a big training", "fr": "Avant un grand entraînement"},
    "groups": [
        {
            "key": "data",
            "title": {"en": "Data"},
            "items": [
                {
                    "key": "licences",
                    "title": {"en": "Licences checked"},
                    "how": "both",
                    "check": "licences",
                    "depends": ["data"],
                },
                {
                    "key": "free-disk",
                    "title": {"en": "Enough free disk"},
                    "how": "machine",
                    "check": "free-disk",
                    "max_age_hours": 24,
                    "depends": ["target"],
                    "signers": [],
                },
            ],
        },
        {
            "key": "code",
            "title": {"en": "Code"},
            "items": [
                {
                    "key": "human-review",
                    "title": {"en": "Human review planned"},
                    "depends": ["recipe", "data"],
                    "signers": [{"role": "approver", "count": 1}, {"role": "member", "count": 1}],
                },
                {
                    "key": "backup-plan",
                    "title": {"en": "Backup plan"},
                    "depends": ["recipe"],
                },
            ],
        },
    ],
}
SUBJECT = {
    "recipe": {"config": {"training": {"learning_rate": 6e-4, "tokens": 2e16}}},
    "data": {"versions": [{"slug": "fables", "number": 1, "sha256": "ab" * 32}]},
    "target": {"devices": ["cuda: H100"], "processes": 8},
}


class Signed:
    """Alice administers, Bob approves, Carol made the run. The entries of other things that happen
    meanwhile lie between those of the checklist."""

    def __init__(self, slug: str = "atlas", names: tuple[str, ...] = ("Alice", "Bob", "Carol")):
        self.project: Project = make_project(slug)
        roles = (Role.ADMIN, Role.APPROVER, Role.MEMBER)
        self.people: list[User] = []
        for place, (name, role) in enumerate(zip(names, roles, strict=True)):
            person = make_user(f"{slug}{place}@example.com", name=name)
            join(person, self.project, role)
            self.people.append(person)
        self.alice, self.bob, self.carol = self.people
        self.run = make_run(self.project, name="big-run", created_by=self.carol)
        self.template = make_template_version()
        self.checklist = self.begin()
        self.sign_all()

    def begin(self) -> Checklist:
        row = Checklist.objects.create(
            project=self.project,
            template_version=self.template,
            run=self.run,
            subject=SUBJECT,
            hashes={part: digest(value) for part, value in SUBJECT.items()},
            authors=[self.carol.pk],
            created_by=self.carol,
        )
        row.refresh_from_db()
        self.checklist = row
        self.say(self.carol, "checklist.begun", sha256=self.template.sha256, hashes=row.hashes)
        self.elsewhere()
        return row

    def sign_all(self) -> None:
        self.check_of_licences = self.checked("licences", ["data"])
        self.check_of_disk = self.checked("free-disk", ["target"])
        self.elsewhere()
        self.by_alice = self.sign("licences", self.alice, [self.check_of_licences])
        self.sign("human-review", self.alice)
        self.withdrawn = self.sign("human-review", self.carol)
        self.withdraw(self.withdrawn, self.carol)
        self.elsewhere()
        self.sign("human-review", self.bob)
        self.waiver = self.waive("backup-plan", self.bob, self.alice)

    def settle(self) -> Signed:
        self.checklist.state = ChecklistState.SETTLED
        self.checklist.settled_at = timezone.now()
        self.checklist.save()
        self.say(self.carol, "checklist.settled", digest=digest_of(self.checklist))
        self.elsewhere()
        return self

    def elsewhere(self) -> None:
        audit.record(self.project, self.bob, "run.edited", "run:9999", secret="not yours")

    def say(self, user: User | None, act: str, **data: Any) -> None:
        audit.record(self.project, user, act, f"checklist:{self.checklist.pk}", **data)

    def record(self, user: User | None, act: str, row: Any, kind: str, **data: Any) -> None:
        row.refresh_from_db()
        self.say(user, act, **{kind: row.pk, "digest": digest_of(row)}, **data)

    def bound(self, item: str) -> dict[str, Any]:
        depends = Content.model_validate(CONTENT).item(item).depends
        return {
            "checklist": self.checklist,
            "item": item,
            "parts": self.checklist.parts(depends),
            "parts_hash": self.checklist.parts_hash(depends),
        }

    def checked(self, item: str, parts: list[str], outcome: str = "passed") -> Evidence:
        row = Evidence.objects.create(
            checklist=self.checklist,
            item=item,
            kind="check",
            check_name=item,
            check_version=1,
            parts_hash=self.checklist.parts_hash(parts),
        )
        row.outcome, row.measured = outcome, {"share": 0.5, "rows": 1e17}
        row.save()
        self.record(None, "evidence.added", row, "evidence", item=item)
        return row

    def sign(self, item: str, user: User, evidence: Sequence[Evidence] = ()) -> Signature:
        row = Signature.objects.create(
            **self.bound(item),
            user=user,
            role=user.memberships.get().role,
            meaning="verified",
            note="looked at it",
            evidence=[one.pk for one in evidence],
            evidence_hash=of_evidence(evidence),
        )
        self.record(user, "checklist.signed", row, "signature", item=item, role=row.role)
        return row

    def withdraw(self, row: Signature, user: User) -> None:
        row.withdrawn_at = timezone.now()
        row.save()
        self.record(user, "checklist.withdrawn", row, "signature", item=row.item)

    def waive(self, item: str, user: User, owner: User) -> Waiver:
        row = Waiver.objects.create(
            **self.bound(item),
            by=user,
            owner=owner,
            reason="The plan is on its way",
            until=timezone.localdate() + timedelta(days=7),
        )
        self.record(user, "checklist.waived", row, "waiver", item=item, owner=owner.pk)
        return row


def make_template_version() -> TemplateVersion:
    content = Content.model_validate(CONTENT).as_json()
    template, _ = Template.objects.get_or_create(slug="before-a-test", guards="launch")
    values = {"content": content, "sha256": digest(content)}
    version, _ = TemplateVersion.objects.get_or_create(template=template, number=1, defaults=values)
    return version
