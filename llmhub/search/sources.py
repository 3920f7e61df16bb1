"""Where things are found: for each kind of thing, how its table is asked.

Each app fills the words of its rows by itself (a column, or an index over a function, in its
migrations), so that one query asks all of them and no row is copied anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

MATCHES = "@@ %(query)s::tsquery"
OURS = "= ANY(%(projects)s)"


def in_language(column: str) -> str:
    """Of texts by language that of the page, or English."""
    return f"coalesce({column} ->> %(language)s, {column} ->> 'en')"


@dataclass(frozen=True)
class Source:
    kind: str
    rows: str
    id: str
    title: str
    # Its words; and what is looked at where these alone do not decide.
    words: str
    match: str = ""
    # Of which project it is; NULL: everyone's.
    project: str = "NULL::bigint"
    # Which rows the lists show.
    seen: str = "true"
    # What was asked for in another row may rank this one: the better of both.
    rank: str = ""
    # The title as it is compared, where the row has it ready.
    plain: str = ""
    order: str = "id"
    # What is said of it beside its title, by name.
    facts: str = "'{}'::jsonb"
    text: str = "''"
    # What else was searched, in other languages too: shown where only this has the match.
    more: str = "''"

    @property
    def where(self) -> str:
        return f"{self.match or f'{self.words} {MATCHES}'} AND {self.seen}"

    @property
    def tier(self) -> str:
        """Exactly this name, one that begins so, these words in the title, in the text."""
        return self.rank or tier(self.plain or f"search_plain({self.title})", self.words)


def tier(plain: str, words: str) -> str:
    return (
        f"CASE WHEN {plain} = %(plain)s THEN 0 WHEN starts_with({plain}, %(plain)s) THEN 1"
        f" WHEN {words} @@ %(titles)s::tsquery THEN 2 ELSE 3 END"
    )


RUNS = Source(
    kind="run",
    rows="runs_run AS r",
    id="r.id",
    title="r.name",
    plain="r.plain_name",
    words="r.words",
    project="r.project_id",
    seen=f"r.project_id {OURS} AND r.archived_at IS NULL AND r.trashed_at IS NULL",
    order="r.created_at DESC",
    facts="jsonb_build_object('state', r.state, 'tags', r.tags)",
    text="r.notes",
)

RECIPES = Source(
    kind="recipe",
    rows="recipes_recipe AS r",
    id="r.id",
    title=in_language("r.title"),
    words="r.words",
    project="r.project_id",
    seen=f"(r.project_id IS NULL OR r.project_id {OURS})",
    order="r.position",
    facts="jsonb_build_object('slug', r.slug, 'objective', r.objective)",
    text=in_language("r.summary"),
    more="search_joined(r.summary, '$.*')",
)

MODELS = Source(
    kind="model",
    rows="registry_model AS m",
    id="m.id",
    title="m.name",
    words="m.words",
    project="m.project_id",
    seen=f"m.project_id {OURS} AND m.archived_at IS NULL",
    order="m.name",
    text="m.description",
)

# “fables v2”: one word is the model's and another the version's. The model's name alone finds the
# model, and not each of its versions.
VERSIONS = Source(
    kind="version",
    rows="registry_modelversion AS v JOIN registry_model AS m ON m.id = v.model_id",
    id="v.id",
    title="m.name || ' v' || v.number",
    words="(m.words || v.words)",
    match=f"v.words @@ %(some)s::tsquery AND (m.words || v.words) {MATCHES}",
    project="m.project_id",
    seen=f"m.project_id {OURS} AND m.archived_at IS NULL",
    order="v.created_at DESC",
    facts="jsonb_build_object('model', m.id, 'number', v.number, 'stage', v.stage)",
    text="v.notes",
)

DATASETS = Source(
    kind="dataset",
    rows="datasets_dataset AS d",
    id="d.id",
    title="d.name",
    words="d.words",
    project="d.project_id",
    # Without a version it has no page yet.
    seen=f"d.project_id {OURS} AND EXISTS"
    " (SELECT FROM datasets_datasetversion AS v WHERE v.dataset_id = d.id)",
    order="d.name",
    facts="jsonb_build_object('slug', d.slug, 'licence', d.licence)",
    text="concat_ws(' · ', nullif(d.description, ''), nullif(d.source, ''),"
    " nullif(d.licence_note, ''))",
)

MIXES = Source(
    kind="mix",
    rows="datasets_mix AS m",
    id="m.id",
    title="m.name",
    words="m.words",
    project="m.project_id",
    seen=f"m.project_id {OURS}",
    order="m.name",
    facts="jsonb_build_object('slug', m.slug)",
    text="m.description",
)

TEMPLATE_TITLE = in_language("(t.content -> 'title')")
ITEM_TITLE = in_language("(item -> 'title')")
ITEMS = (
    f"(SELECT string_agg({ITEM_TITLE}, ' · ')"
    " FROM jsonb_path_query(t.content, '$.groups[*].items[*]') AS item)"
)
ITEMS_SAID = (
    "(SELECT string_agg(said ->> 0, ' · ')"
    " FROM jsonb_path_query(t.content, '$.groups[*].items[*].title.*') AS said)"
)
# Found by the index alone: to compute the words of a single row takes longer than all the rest.
ASKING = (
    "ANY(ARRAY(SELECT o.id FROM checklists_templateversion AS o"
    f" WHERE checklists_words(o.content) {MATCHES}))"
)

# By what its template asks, and by what it is about.
CHECKLISTS = Source(
    kind="checklist",
    rows="checklists_checklist AS c"
    " JOIN checklists_templateversion AS t ON t.id = c.template_version_id"
    " LEFT JOIN runs_run AS r ON r.id = c.run_id"
    " LEFT JOIN registry_modelversion AS v ON v.id = c.model_version_id"
    " LEFT JOIN registry_model AS m ON m.id = v.model_id",
    id="c.id",
    title=f"{TEMPLATE_TITLE} || ' · ' || coalesce(r.name, m.name || ' v' || v.number)",
    words="coalesce(r.words, m.words || v.words)",
    match=f"(c.template_version_id = {ASKING} OR r.words {MATCHES} OR m.words {MATCHES})",
    project="c.project_id",
    seen=f"c.project_id {OURS} AND r.trashed_at IS NULL",
    order="c.created_at DESC",
    facts="jsonb_build_object('state', c.state)",
    text=ITEMS,
    more=ITEMS_SAID,
)

# Of each the newest version; what comes with the hub where the project has none of that name.
TEMPLATES = Source(
    kind="template",
    rows="checklists_template AS g JOIN checklists_templateversion AS t ON t.template_id = g.id"
    " AND t.number = (SELECT max(number) FROM checklists_templateversion AS n"
    " WHERE n.template_id = g.id)",
    id="g.id",
    title=TEMPLATE_TITLE,
    words="search_words(search_joined(t.content, '$.title.*'), 'A')",
    match=f"t.id = {ASKING}",
    project="g.project_id",
    seen="g.archived_at IS NULL AND (g.project_id = %(current)s OR g.project_id IS NULL"
    " AND NOT EXISTS (SELECT FROM checklists_template AS own"
    " WHERE own.project_id = %(current)s AND own.slug = g.slug))",
    order="g.slug",
    facts="jsonb_build_object('slug', g.slug)",
    text=ITEMS,
    more=ITEMS_SAID,
)

TASKS = Source(
    kind="task",
    rows="registry_evaluationtask AS t",
    id="t.id",
    title="t.name || CASE WHEN t.number = 1 THEN '' ELSE ' v' || t.number END",
    plain="search_plain(t.name)",
    words="t.words",
    project="t.project_id",
    seen=f"t.project_id {OURS} AND t.archived_at IS NULL",
    order="t.name, t.number DESC",
    facts="jsonb_build_object('kind', t.kind)",
    text="t.description",
)

PIPELINES = Source(
    kind="pipeline",
    rows="runs_pipeline AS p",
    id="p.id",
    title="p.name",
    words="p.words",
    project="p.project_id",
    seen=f"p.project_id {OURS}",
    order="p.created_at DESC",
)

WORKERS = Source(
    kind="worker",
    rows="runs_worker AS w",
    id="w.id",
    title="w.name",
    words="w.words",
    order="w.last_seen_at DESC",
    text="search_joined(w.devices, '$[*].name')",
)

# Found in any language, and shown in that of the page.
ENTRIES = Source(
    kind="entry",
    rows="reference_entry AS e",
    id="e.id",
    title="e.title",
    words="e.words",
    match=f"(e.kind, e.slug) IN (SELECT kind, slug FROM reference_entry WHERE words {MATCHES})",
    seen="(e.language = %(language)s OR e.language = 'en' AND NOT EXISTS"
    " (SELECT FROM reference_entry AS o WHERE o.kind = e.kind AND o.slug = e.slug"
    " AND o.language = %(language)s))",
    rank=f"(SELECT min({tier('search_plain(o.title)', 'o.words')}) FROM reference_entry AS o"
    " WHERE o.kind = e.kind AND o.slug = e.slug)",
    order="array_position(ARRAY['glossary', 'tracks', 'concepts', 'resources'], e.kind::text),"
    " e.title",
    facts="jsonb_build_object('kind', e.kind, 'slug', e.slug)",
    text="e.short",
    more="(SELECT string_agg(concat_ws(' · ', o.title, o.aliases, o.short, o.text), ' · ')"
    " FROM reference_entry AS o WHERE o.kind = e.kind AND o.slug = e.slug)",
)

HYPOTHESES = Source(
    kind="hypothesis",
    rows="research_hypothesis AS h",
    id="h.id",
    title="h.statement",
    words="h.words",
    project="h.project_id",
    seen=f"h.project_id {OURS} AND h.archived_at IS NULL",
    order="h.created_at DESC",
    facts="jsonb_build_object('state', h.state)",
    text="concat_ws(' · ', nullif(h.conclusion, ''), nullif(h.notes, ''))",
)

# What a team reads, beside the resources that are entries.
RESOURCES = Source(
    kind="resource",
    rows="reference_ownresource AS o",
    id="o.id",
    title="o.title",
    words="o.words",
    project="o.project_id",
    # The page shows those of the current project alone.
    seen="o.project_id = %(current)s AND o.deleted_at IS NULL",
    order="o.title",
    facts="jsonb_build_object('purpose', o.purpose)",
    text="concat_ws(' · ', nullif(o.notes, ''), o.url)",
)

# In the order in which kinds are shown that fit equally well.
SOURCES = (
    RUNS, RECIPES, MODELS, VERSIONS, DATASETS, MIXES, CHECKLISTS, TEMPLATES, TASKS, PIPELINES,
    ENTRIES, HYPOTHESES, RESOURCES, WORKERS,
)  # fmt: skip
