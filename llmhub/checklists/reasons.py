"""Why a check ended as it did: a code with values, which pages say in the language of their reader.

What is stored does not depend on who asked: a signature covers it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from llmhub.datasets import problems


@dataclass(frozen=True)
class Reason:
    code: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"code": self.code, "values": dict(self.values)}


def reason(code: str, /, **values: Any) -> Reason:
    return Reason(code, values)


@dataclass(frozen=True)
class Text:
    text: Promise
    advice: Promise | str = ""


@dataclass(frozen=True)
class Said:
    code: str
    text: str
    # What to do; empty where there is nothing.
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.text} {self.advice}".strip()


def explain(stored: Mapping[str, Any]) -> Said:
    """A code of another release speaks for itself."""
    code, values = str(stored.get("code", "")), stored.get("values", {})
    if code not in TEXTS:
        found = problems.explain({"code": code, "values": values})
        return Said(code, found.text, found.advice) if found else Said(code, "")
    shown = {name: as_shown(value) for name, value in values.items()}
    text = TEXTS[code]
    return Said(code, str(text.text) % shown, str(text.advice) % shown)


def as_shown(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(number_format(value, force_grouping=True))
    if isinstance(value, list):
        return ", ".join(map(as_shown, value))
    return str(value)


_MEASURE = _("Open the version of the dataset and let it be measured.")
_START_WORKER = _("Start a worker on a machine that can take the run.")

TEXTS: dict[str, Text] = {
    # Of every check
    "not_of_a_run": Text(
        _("The hub has no recipe and no data of this run: a script logged it."),
        _("People look at it."),
    ),
    "not_of_a_version": Text(
        _("This is about a version of a model, and the checklist is about a run."),
        _("Put the item into a template that is about versions."),
    ),
    "no_such_check": Text(
        _("This hub has no check “%(check)s”."),
        _("Choose another check in the template, or let people decide."),
    ),
    "check_not_done": Text(
        _("The check broke off before it had found anything."), _("Start it again.")
    ),
    # Data
    "no_data": Text(_("The run has no data yet."), _("Choose a dataset for every part of it.")),
    "no_report": Text(_("Nobody has measured %(data)s."), _MEASURE),
    "repeated_rows": Text(
        _("In %(data)s %(percent)s %% of the rows repeat others; at most %(most)s %% may."),
        _("Make a version without duplicates, and choose that."),
    ),
    "data_clean": Text(
        _("At most %(most)s %% of the rows repeat others, or were removed where they did.")
    ),
    "report_of_other_share": Text(
        _(
            "%(data)s was measured with a validation share of %(measured)s, and the run has "
            "%(run)s."
        ),
        _("Let it be measured with the share of the run."),
    ),
    "few_for_validation": Text(
        _("%(rows)s rows are kept for validation; at least %(least)s should be."),
        _("Choose a larger share, or more data."),
    ),
    "leaked_rows": Text(
        _("%(rows)s rows of %(data)s that are kept for validation stand in the training data too."),
        _("Make a version without duplicates, and choose that."),
    ),
    "validation_split": Text(
        _("%(rows)s rows are kept for validation, and none of them stands in the training data.")
    ),
    "no_lengths": Text(_("The report of %(data)s has no lengths: it found no rows."), _MEASURE),
    "data_statistics": Text(_("Lengths and their distribution are known of all data.")),
    "personal_rows": Text(
        _("In %(rows)s rows of %(data)s there are what look like personal data."),
        _("Make an anonymised version, and choose that."),
    ),
    "no_personal_data": Text(_("Nothing that looks like personal data was found in the data.")),
    "no_licence": Text(
        _("Nobody has written down the licence of %(data)s."), _("Write it on its page.")
    ),
    "not_spdx": Text(
        _("“%(licence)s” of %(data)s is no SPDX expression."), _("Correct it on its page.")
    ),
    "base_licence_unknown": Text(
        _("The hub does not know the licence of %(models)s."),
        _("Look it up where the model comes from, and say so when you sign."),
    ),
    "licences_known": Text(_("All data and base models have licences: %(licences)s.")),
    # Infrastructure
    "no_worker": Text(_("No worker is up that could take the run."), _START_WORKER),
    "devices_wrong": Text(
        _("A device of %(worker)s failed its test: %(what)s."),
        _("Take it out of service until it is repaired."),
    ),
    "devices_untested": Text(
        _("The devices of %(worker)s are in order. The run may go elsewhere: %(others)s."),
        _("Start the check again until it has run there, or look at them yourself."),
    ),
    "devices_tested": Text(_("The devices of %(worker)s are in order: %(devices)s.")),
    "size_unknown": Text(
        _("Nobody knows how large the model is: its base model is not here."),
        _("Download the base model once with a small run, and start the check again."),
    ),
    "disk_small": Text(
        _("%(worker)s has %(free)s GB free; data and checkpoints need %(needed)s GB."),
        _("Make room, or keep fewer checkpoints."),
    ),
    "disk_enough": Text(
        _("Every worker that can take the run has at least the %(needed)s GB that it needs.")
    ),
    "nothing_ran": Text(
        _("No run of the project has worked within %(hours)s hours."),
        _("Launch one at the scale “smoke”, and start the check again."),
    ),
    "no_metrics": Text(
        _("%(runs)s runs worked within %(hours)s hours, and no metrics of theirs have arrived."),
        _("See in the worker's log whether it reaches the hub."),
    ),
    "metrics_arrive": Text(_("Metrics of run %(run)s have arrived from %(worker)s.")),
    "steps_unknown": Text(
        _("How many steps the run has is known only when its data have been read."),
        _("Set the most steps that it may take."),
    ),
    "no_checkpoint_on_the_way": Text(
        _("A checkpoint every %(every)s steps is none on the way in a run of %(steps)s."),
        _("Write checkpoints more often."),
    ),
    "checkpoints_on": Text(
        _("A checkpoint is written every %(every)s of %(steps)s steps, and %(kept)s are kept.")
    ),
    # Code
    "environments_differ": Text(
        _("The workers differ in %(what)s: %(found)s."),
        _("Install the same versions on all of them."),
    ),
    "not_pinned": Text(_("requirements.txt does not pin %(packages)s."), _("Pin each with ==.")),
    "not_as_pinned": Text(
        _("%(worker)s has %(package)s %(found)s, and requirements.txt pins %(pinned)s."),
        _("Install what is pinned."),
    ),
    "reproducible": Text(
        _("The seed is %(seed)s, and all workers have the same versions, which are pinned.")
    ),
    "commit_unknown": Text(
        _("%(worker)s does not know the commit of its code: it has no git repository."),
        _("Install llmhub there from git."),
    ),
    "commit_changed": Text(
        _("On %(worker)s somebody has changed the code since commit %(commit)s."),
        _("Commit the changes, and start the worker again."),
    ),
    "commits_differ": Text(
        _("The workers have different commits: %(commits)s."),
        _("Bring all of them to the same one."),
    ),
    "not_frozen": Text(
        _("The run comes from no version of a recipe."), _("Launch it from a recipe.")
    ),
    "configuration_versioned": Text(
        _("It comes from %(recipe)s, and the code is commit %(commit)s.")
    ),
    "no_junit": Text(
        _("Nobody has attached the results of the tests as a JUnit file."),
        _("Attach it here, or let your CI send it."),
    ),
    "bad_junit": Text(
        _("“%(file)s” is no JUnit file: %(detail)s."),
        _("Attach what pytest writes with --junitxml, or another tool in that form."),
    ),
    "no_tests": Text(
        _("“%(file)s” is of no test that ran."), _("Attach the results of all tests.")
    ),
    "tests_failed": Text(
        _("%(failed)s of %(tests)s tests failed, %(first)s among them."),
        _("Mend them, and attach the results anew."),
    ),
    "tests_of_other_commit": Text(
        _("The tests ran on commit %(found)s, and the code of the run is %(wanted)s."),
        _("Run them on that commit."),
    ),
    "tests_of_unknown_commit": Text(
        _("%(tests)s tests passed, and the file does not say of which commit."),
        _("Let your CI send it with the commit, or see yourself which one it was."),
    ),
    "tests_passed": Text(_("%(tests)s tests passed on commit %(commit)s.")),
    "resumed_otherwise": Text(
        _(
            "Killed after step %(killed)s and resumed, the run ended with other numbers: "
            "%(tensors)s."
        ),
        _("Do not launch it: a crash would change what it learns. This may be a fault of llmhub."),
    ),
    "resumed_the_same": Text(
        _(
            "Killed after step %(killed)s and resumed from step %(from_step)s, it ended at step "
            "%(steps)s with the same %(tensors)s tensors, to the bit."
        )
    ),
    "model_not_there": Text(
        _("What the run starts from is not there yet, so that it cannot be tried: %(detail)s"),
        _("Start the check again when it is, or decide yourself."),
    ),
    # Validation
    "no_benchmark": Text(
        _("The project has no task to evaluate the model with."), _("Register one.")
    ),
    "benchmarks_named": Text(_("The model will be evaluated with: %(tasks)s.")),
    "no_validation_on_the_way": Text(
        _("Validating every %(every)s steps never happens in a run of %(steps)s."),
        _("Validate more often."),
    ),
    "stopping_criteria": Text(
        _(
            "It ends after %(steps)s steps, is validated every %(every)s, and stops after "
            "%(not_finite)s steps without a number."
        )
    ),
    # Versions of models
    "not_evaluated": Text(_("The version was never evaluated."), _("Evaluate it with a task.")),
    "no_interval": Text(
        _("No evaluation of the version has a score with an interval."),
        _("Evaluate it with a task that is scored."),
    ),
    "contamination_unknown": Text(
        _("Of no evaluation is it known whether the model has learned from its rows."),
        _("Evaluate it anew, and let the rows be looked for in the training data."),
    ),
    "evaluated": Text(_("It was evaluated with: %(tasks)s.")),
    "no_quantised_export": Text(
        _("The version was not exported in a quantised form."),
        _("Export it in 8 or 4 bits, or waive this where its size is no matter."),
    ),
    "quality_unmeasured": Text(
        _("How much the quantised form loses was not measured."), _("Export it anew.")
    ),
    "quality_lost": Text(
        _("%(form)s loses %(lost)s nats for each token; at most %(most)s may be lost."),
        _("Export it with more bits."),
    ),
    "quantised": Text(_("%(form)s loses %(lost)s nats for each token.")),
    "suite_not_run": Text(
        _("The prompts that come with the hub were not put to this version."),
        _("Evaluate it with them: “Prompts that go wrong”."),
    ),
    "suite_failed": Text(
        _("The version broke off when the prompts were put to it."),
        _("See on the page of the evaluation why."),
    ),
    "suite_incomplete": Text(
        _("Of the prompts that are %(topic)s only %(asked)s of %(wanted)s were put to it."),
        _("Evaluate it without a limit."),
    ),
    "long_prompts_unanswered": Text(
        _("%(prompts)s prompts that fit into its context got no answer."),
        _("Read them on the page of the evaluation."),
    ),
    "suite_run": Text(
        _("It got through %(empty)s empty and %(long)s long prompts; %(beyond)s were too long.")
    ),
    "few_refusals_asked": Text(
        _("Only %(asked)s prompts were put to it that must be refused; %(least)s are needed."),
        _("Evaluate it with more of them."),
    ),
    "answered": Text(
        _(
            "It refused %(percent)s %% of %(asked)s prompts that must be refused; %(least)s %% "
            "are needed."
        ),
        _("Read its answers on the page of the evaluation."),
    ),
    "refused": Text(_("It refused %(percent)s %% of %(asked)s prompts that must be refused.")),
    "not_ready": Text(
        _("The files of the version are not there yet."), _("Start the check when they are.")
    ),
    "few_rows": Text(
        _("Too few rows to compare: %(trained)s of training and %(held_out)s held out."),
        _("%(least)s of each are needed."),
    ),
    "no_own_data": Text(
        _("The version learned from no rows that can be compared: texts, completions or chats."),
        _("People look at it."),
    ),
    "members_told": Text(
        _(
            "Its loss tells rows that it was trained on from others: AUC %(auc)s "
            "(%(low)s to %(high)s)."
        ),
        _("Train for fewer epochs or on more data, and remove what repeats."),
    ),
    "members_not_told": Text(
        _("Its loss hardly tells rows that it was trained on: AUC %(auc)s (%(low)s to %(high)s).")
    ),
    "audit_empty": Text(_("The audit log of the project has no entries.")),
    "audit_broken": Text(
        _("Entry %(number)s of the audit log is not what was written."),
        _("Find out who changed the database. `manage.py verify_audit` shows all of it."),
    ),
    "audit_whole": Text(_("All %(entries)s entries of the audit log are as they were written.")),
    # Probes of an API
    "no_address": Text(
        _("No admin has said where the API is."), _("Attach its address to the item as a link.")
    ),
    "bad_address": Text(
        _("“%(address)s” is no address of an API."), _("It begins with https:// and names a host.")
    ),
    "host_not_allowed": Text(
        _("This hub may not ask %(host)s."), _("An operator adds it to API_PROBE_HOSTS.")
    ),
    "not_https": Text(_("The address begins with http://."), _("Give the one with https://.")),
    "plain_http_answers": Text(
        _("Over plain HTTP it answers with %(status)s."),
        _("Switch plain HTTP off, or redirect it to https://."),
    ),
    "no_hsts": Text(
        _("Its answers have no header Strict-Transport-Security, or one that ends at once."),
        _("Send it with a max-age of some months."),
    ),
    "api_https": Text(_("It answers over HTTPS alone, and tells browsers to stay with it.")),
    "cors_wildcard": Text(
        _("It lets every origin in, with the cookies of its visitors."), _("Name the origins.")
    ),
    "cors_reflected": Text(
        _("It lets in whatever origin asks: %(origin)s."), _("Name the origins.")
    ),
    "api_cors": Text(_("It does not let a foreign origin in.")),
    "open_without_token": Text(
        _("Without a token it answers with %(status)s."), _("Ask for a token.")
    ),
    "no_verdict": Text(
        _("Without a token it answers with %(status)s, which says neither yes nor no."),
        _("Give an address that needs a token."),
    ),
    "api_authentication": Text(_("Without a token it answers with %(status)s.")),
    "no_rate_limit": Text(
        _("It answered %(requests)s requests within %(seconds)s seconds, and refused none."),
        _("Limit the requests of one client."),
    ),
    "too_slow_to_tell": Text(
        _("It took %(seconds)s seconds for %(requests)s requests: too slow to meet a limit."),
        _("People look at it."),
    ),
    "api_rate_limits": Text(_("After %(requests)s requests it refused more with 429.")),
}
