"""The search over the public API: the same rows as on the page, of the token's project."""

from __future__ import annotations

from typing import Self

from django.http import HttpRequest
from ninja import Field, P, QueryEx, Router, Schema

from llmhub.api.auth import READ
from llmhub.api.operations import token
from llmhub.search import finding, kinds, typed
from llmhub.search.finding import Hit, Seen

router = Router()


class FoundOut(Schema):
    kind: str = Field(description="run, recipe, model, version, dataset, entry, …")
    id: int
    title: str
    url: str = Field(description="Of its page.")
    detail: str = Field(description="A word on what it is: the state of a run, say.")

    @classmethod
    def of(cls, hit: Hit) -> Self:
        said = {"url": kinds.address(hit), "detail": kinds.detail(hit)}
        return cls(kind=hit.kind, id=hit.id, title=hit.title, **said)


@router.get("/search", response=list[FoundOut], auth=READ)
def search(
    request: HttpRequest,
    q: QueryEx[str, P(description="Every word has to occur; each may be the beginning of one.")],
    limit: QueryEx[int, P(ge=1, le=50, description="Of each kind.")] = 10,
) -> list[FoundOut]:
    """The best of each kind."""
    project = token(request).project
    seen = Seen({project.pk: project}, project.pk)
    hits = finding.find(seen, typed.read(q), limit)
    return [FoundOut.of(hit) for hit in hits]
