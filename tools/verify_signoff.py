#!/usr/bin/env python3
"""Verify an exported checklist of llmhub offline: python3 verify_signoff.py checklist.json

Needs nothing but Python 3.11. Ends with 0: everything holds, and it was signed off; 2: everything
holds, and it is not signed off; 1: something is not as it was signed. Whether the hub's audit log
still has these entries no file tells: --anchors compares with a copy of HUB_DATA/audit/N.jsonl.
"""

import argparse
import hashlib
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROLES = ["viewer", "member", "approver", "admin"]
KINDS = {"signatures": "signature", "waivers": "waiver", "evidence": "evidence"}
KINDS["comments"] = "comment"


def digest(value):
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def verify_file(raw, file, wrong):
    text = json.dumps(file, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
    rest = {name: value for name, value in file.items() if name != "sha256"}
    if raw != text.encode() or file["sha256"] != digest(rest):
        wrong("the file is not as it was exported")


def verify_subject(file, wrong):
    for part, value in file["subject"].items():
        if file["hashes"].get(part) != digest(value):
            wrong(f"subject: {part} is not what its hash covers")
    if file["template"]["sha256"] != digest(file["template"]["content"]):
        wrong("template: the content is not what its hash covers")


def verify_chain(file, anchors, wrong):
    """Returns the entries about this checklist, and the last hash. Of other entries only the hash
    of what they say is here."""
    told, sha256 = [], file["audit"][0]["previous"]
    for number, link in enumerate(file["audit"], start=file["audit"][0]["number"]):
        if (link["number"], link["previous"]) != (number, sha256):
            wrong(f"audit log: entry {link['number']} does not follow the one before it")
        if isinstance(link["content"], dict):
            told.append(link["content"])
            link = {**link, "content": digest(link["content"])}
        sha256 = digest(link)
        if anchors.get(number, sha256) != sha256:
            wrong(f"audit log: entry {number} is not the one that was anchored")
    about = f"checklist:{file['checklist']['id']}"
    return [entry for entry in told if entry["about"] == about], sha256


def verify_rows(file, told, wrong):
    """Each is as the audit log recorded it, and none is missing."""
    for plural, kind in KINDS.items():
        entries = [entry for entry in told if kind in entry["data"]]
        ended = {e["data"][kind] for e in entries if e["act"] == "checklist.withdrawn"}
        made = {e["data"][kind]: e for e in entries if e["act"] != "checklist.withdrawn"}
        for row in file[plural]:
            entry = made.pop(row["id"], None)
            under_way = kind == "evidence" and not row["content"]["outcome"] and not entry
            if row["digest"] != digest(row["content"]):
                wrong(f"{kind} {row['id']} is not what its digest covers")
            if not under_way and (not entry or entry["data"]["digest"] != row["digest"]):
                wrong(f"{kind} {row['id']} is not as the audit log recorded it")
            if bool(row["withdrawn_at"]) != (row["id"] in ended):
                wrong(f"{kind} {row['id']}: the audit log says something else of its withdrawal")
        for pk in made:
            wrong(f"{kind} {pk} is in the audit log and not in this file")


def verify_bound(file, wrong):
    """Signatures and waivers to parts of the subject, signatures to evidence."""
    digests = {row["id"]: row["digest"] for row in file["evidence"]}
    for row in file["signatures"] + file["waivers"]:
        content = row["content"]
        if content["parts_hash"] != digest({k: digest(v) for k, v in content["parts"].items()}):
            wrong(f"{content['item']}: row {row['id']} is not bound to the parts that it shows")
        seen = [digests.get(pk) for pk in sorted(content.get("evidence", []))]
        if content.get("evidence_hash", "") != (digest(seen) if seen else ""):
            wrong(f"{content['item']}: row {row['id']} was made on other evidence")


def verify_state(file, told, wrong):
    """Returns when it was signed off."""
    about, template = file["checklist"], file["template"]["sha256"]
    if [e["data"]["sha256"] for e in told if e["act"] == "checklist.begun"] != [template]:
        wrong("template: it is not the one that the checklist began with")
    authors = [e["data"]["authors"] for e in told if "authors" in e["data"]]
    if authors and about["authors"] != authors[-1]:
        wrong("authors: they are not those that the audit log names")
    acts = [e for e in told if e["act"] in {"checklist.settled", "checklist.reopened"}]
    if not acts or acts[-1]["act"] == "checklist.reopened":
        if about["state"] == "settled":
            wrong("the audit log does not say that it was signed off")
        return None
    signed_off = {
        "checklist": about["id"], "project": file["project"]["id"], "template": template,
        "hashes": file["hashes"], "authors": about["authors"], "solo": about["solo"],
    }  # fmt: skip
    if about["state"] != "settled" or acts[-1]["data"]["digest"] != digest(signed_off):
        wrong("what was signed off is not this subject, by these authors, with this template")
    return datetime.fromisoformat(acts[-1]["at"])


def holding(rows, item, bound):
    """What is said of the item as the subject is now."""
    contents = [row["content"] for row in rows if not row["withdrawn_at"]]
    of_item = [content for content in contents if content["item"] == item["key"]]
    return [one for one in of_item if one.get("parts_hash", one.get("parts")) == bound]


def missing(file, item, at):
    """Why an item does not count as done; None where it does."""
    bound = digest({part: file["hashes"].get(part) for part in item["depends"]})
    waivers = holding(file["waivers"], item, bound)
    if item["waivable"] and any(one["until"] >= at.date().isoformat() for one in waivers):
        return None
    signers = item["signers"]
    if item["how"] != "human":
        since = (at - timedelta(hours=item["max_age_hours"] or 10**6)).isoformat()
        checks = [one for one in holding(file["evidence"], item, bound) if one["outcome"]]
        newest = max(checks, key=lambda one: one["at"], default=None)
        if not newest or newest["outcome"] == "failed" or newest["at"] < since:
            return "its check has not passed"
        if item["how"] == "machine":
            undecided = newest["outcome"] == "unknown"
            signers = (signers or [{"role": "member", "count": 1}]) if undecided else []
    return unsigned(file["checklist"], signers, holding(file["signatures"], item, bound))


def unsigned(about, signers, signatures):
    """A role includes those below it: enough people of each role and above can take all places."""
    people = {one["user"]: ROLES.index(one["role"]) for one in signatures}
    wanted = [ROLES.index(one["role"]) for one in signers for _ in range(one["count"])]
    wanted = [max(wanted)] if wanted and about["solo"] else wanted
    for role in wanted:
        if sum(one >= role for one in people.values()) < sum(one >= role for one in wanted):
            return f"too few people have signed as {ROLES[role]}"
    others = [pk for pk in people if pk not in about["authors"] and people[pk] >= min(wanted)]
    if wanted and not others and not about["solo"]:
        return "only people who made or edited the subject have signed"
    return None


def verify(raw, anchors, wrong):
    """Prints what it looked at; returns what keeps the checklist from being signed off."""
    file = json.loads(raw)
    verify_file(raw, file, wrong)
    verify_subject(file, wrong)
    told, head = verify_chain(file, anchors, wrong)
    verify_rows(file, told, wrong)
    verify_bound(file, wrong)
    at = verify_state(file, told, wrong)
    items = [item for group in file["template"]["content"]["groups"] for item in group["items"]]
    reasons = [(i["key"], missing(file, i, at or datetime.now(UTC))) for i in items]
    reasons = [f"{key}: {reason}" for key, reason in reasons if reason]
    if at and reasons:
        wrong(f"signed off, though {'; '.join(reasons)}")
    about, links = file["checklist"], file["audit"]
    print(f"Checklist {about['id']} of project {file['project']['name']}: {about['title']}")
    print(f"About {about['about']}, {about['subject']}{', in solo mode' * about['solo']}")
    print(f"{len(items)} items, " + ", ".join(f"{len(file[name])} {name}" for name in KINDS))
    print(f"Audit log: entries {links[0]['number']} to {links[-1]['number']}, the last is {head}")
    return [] if at else [*reasons, "nobody settled it"]


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("file", type=Path)
    options.add_argument("--anchors", type=Path)
    chosen = options.parse_args()
    lines = chosen.anchors.read_text().split("\n") if chosen.anchors else []
    anchors = {one["number"]: one["sha256"] for one in map(json.loads, filter(None, lines))}
    wrong, left = [], []
    try:
        left = verify(chosen.file.read_bytes(), anchors, wrong.append)
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        wrong.append(f"this is not an export of a checklist ({error!r})")
    print(*(f"WRONG: {what}" for what in wrong), sep="\n", end="\n" * bool(wrong))
    if not wrong:
        print("All of it holds;", f"not signed off: {'; '.join(left)}" if left else "signed off.")
    return 1 if wrong else 2 if left else 0


if __name__ == "__main__":
    sys.exit(main())
