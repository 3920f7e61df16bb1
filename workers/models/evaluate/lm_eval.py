"""Tasks of EleutherAI's lm-eval, where it is installed and has their data on this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module, util
from typing import Any

from transformers import PreTrainedTokenizerFast

from llmhub.lib.problems import Problem
from workers.models.evaluate.items import Item
from workers.models.evaluate.subject import Subject

# Metrics of a single item, the first that a task has.
METRICS = ("acc", "exact_match", "acc_norm")


def score(subject: Subject, name: str, limit: int) -> tuple[list[Item], dict[str, Any]]:
    if util.find_spec("lm_eval") is None:
        raise Problem("no_lm_eval")
    # What is not on this machine is not fetched behind a person's back.
    os.environ |= {"HF_DATASETS_OFFLINE": "1", "HF_HUB_OFFLINE": "1"}
    try:
        found = _evaluated(subject, name, limit)
    # Each task has errors of its own.
    except Exception as error:
        raise Problem("lm_eval_failed", name=name, detail=str(error)) from error
    samples = found["samples"].get(name, [])
    metric = next((m for m in METRICS if samples and m in samples[0]), None)
    if metric is None:
        raise Problem("lm_eval_failed", name=name, detail=f"none of {', '.join(METRICS)}")
    version = import_module("lm_eval").__version__
    return [_item(sample, metric) for sample in samples], {"lm_eval": f"{version}, {metric}"}


def _evaluated(subject: Subject, name: str, limit: int) -> dict[str, Any]:
    models = import_module("lm_eval.models.huggingface")
    tokenizer = PreTrainedTokenizerFast.from_pretrained(subject.folder, local_files_only=True)
    model = models.HFLM(pretrained=subject.model, tokenizer=tokenizer, batch_size=4)
    found: dict[str, Any] = import_module("lm_eval").simple_evaluate(
        model=model, tasks=[name], limit=limit, log_samples=True, bootstrap_iters=0
    )
    return found


def _item(sample: Mapping[str, Any], metric: str) -> Item:
    said = "\n\n".join(map(str, sample["doc"].values()))
    return Item(
        prompt=said,
        answer=str(sample.get("filtered_resps", "")),
        expected=str(sample.get("target", "")),
        counts=[float(sample[metric]), 1.0],
        said=said,
    )
