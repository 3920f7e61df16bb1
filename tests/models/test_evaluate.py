"""Scores against the same computed plainly with `transformers`, in the process of the test."""

import json
import math
import shutil
from importlib import util

import pytest
import torch
from sacrebleu.metrics.bleu import BLEU
from transformers import AutoModelForCausalLM, AutoTokenizer

from llmhub.lib.problems import Problem
from llmhub.lib.rows import split
from llmhub.lib.rows.kinds import Kind
from tests.data import sources
from tests.models.made import items_of, job
from workers import jobs
from workers.data.progress import Progress
from workers.models.evaluate import answers
from workers.models.evaluate.__main__ import evaluated
from workers.models.evaluate.evaluate import evaluate as run

SECRET = "the quick brown fox jumps over the lazy dog while the old cat sleeps"


@pytest.fixture(scope="session")
def theirs(tiny_model):
    """The same model as `transformers` loads it by itself."""
    model = AutoModelForCausalLM.from_pretrained(tiny_model).eval()
    return model, AutoTokenizer.from_pretrained(tiny_model)


def evaluate(tmp_path, *args, **more):
    return run(job(tmp_path, *args, **more), Progress(tmp_path / "progress.json"))


def nats(model, ids: list[int], begin: int = 1) -> float:
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
    return -sum(float(logits[at - 1, ids[at]]) for at in range(begin, len(ids)))


def test_held_out_loss_is_the_mean_over_the_rows_kept_out_of_training(tmp_path, tiny_model, theirs):
    model, tokenizer = theirs
    rows = [{"prompt": f"What is {i} + {i}?", "completion": f"It is {2 * i}."} for i in range(40)]
    source = sources.rows(tmp_path, Kind.PROMPT_COMPLETION, rows)
    found = evaluate(tmp_path, tiny_model, "loss", source=source, share=0.3)

    held_out = [row for row in rows if split.is_validation(row["prompt"], 0.3)]
    total, tokens, characters = 0.0, 0, 0
    for row in held_out:
        before = tokenizer.encode(row["prompt"] + "\n\n")
        ids = [*before, *tokenizer.encode(row["completion"]), tokenizer.eos_token_id]
        total += nats(model, ids, len(before))
        tokens += len(ids) - len(before)
        characters += len(row["completion"])
    assert 0 < len(held_out) == found["items"] < 40
    assert found["score"]["value"] == pytest.approx(total / tokens, rel=1e-5)
    perplexity, per_character = found["more"]
    assert perplexity["value"] == pytest.approx(math.exp(total / tokens), rel=1e-5)
    assert per_character["value"] == pytest.approx(total / characters, rel=1e-5)
    assert found["score"]["low"] < found["score"]["value"] < found["score"]["high"]


def test_a_text_longer_than_the_context_is_predicted_token_by_token_once(
    tmp_path, tiny_model, theirs
):
    text = "".join(f"Passage {i} says that it is number {i}. " for i in range(60))
    found = evaluate(tmp_path, tiny_model, "loss", source=sources.texts(tmp_path, text))
    counted = sum(item["counts"][1] for item in items_of(tmp_path))
    assert (found["items"], counted) == (math.ceil((len(text) - 1) / 511), len(text) - 1)


def test_a_choice_is_the_likeliest_answer(tmp_path, tiny_model, theirs):
    model, tokenizer = theirs
    choices = ["yes", "no, it is odd"]
    rows = [{"question": f"Is {i} even?", "choices": choices, "answer": i % 2} for i in range(10)]
    found = evaluate(tmp_path, tiny_model, "choice", rows)

    right = right_by_length = 0
    for row in rows:
        before = tokenizer.encode(row["question"])
        sums = [
            -nats(model, [*before, *tokenizer.encode(" " + choice)], len(before))
            for choice in choices
        ]
        by_length = [s / len(c) for s, c in zip(sums, choices, strict=True)]
        right += sums.index(max(sums)) == row["answer"]
        right_by_length += by_length.index(max(by_length)) == row["answer"]
    assert found["score"]["value"] == right / 10
    assert found["more"][0]["value"] == right_by_length / 10
    assert items_of(tmp_path)[0]["expected"] == "yes"


def test_an_answer_is_what_transformers_writes_greedily(tmp_path, tiny_model, theirs):
    model, tokenizer = theirs
    prompts = ["What is 2 + 2?", "A longer question than the other one", "x"]
    found = evaluate(tmp_path, tiny_model, "exact", [{"prompt": p, "answer": "4"} for p in prompts])
    for prompt, item in zip(prompts, items_of(tmp_path), strict=True):
        ids = tokenizer(prompt, return_tensors="pt")
        written = model.generate(**ids, max_new_tokens=8, do_sample=False)
        expected = tokenizer.decode(
            written[0, ids["input_ids"].shape[1] :], skip_special_tokens=True
        )
        assert item["answer"] == expected
    assert found["score"]["value"] == 0


RULE = {"pattern": r"####\s*(-?[\d,.]+)"}


@pytest.mark.parametrize(
    ("answer", "rule", "found"),
    [
        ("so 48/2 = 24.\n#### 72", RULE, "72"),
        ("#### 71\nNo, wait.\n#### 1,072.", RULE, "1072"),
        ("nothing", RULE, ""),
        ("  The   answer\n", {}, "The answer"),
        ("PARIS", {"ignore_case": True}, "paris"),
        ("it is (B)", {"pattern": r"\([A-D]\)"}, "(B)"),
    ],
)
def test_what_is_found_in_an_answer(answer, rule, found):
    assert answers.extracted(answer, rule) == found


def test_a_pattern_without_end_is_stopped(monkeypatch):
    monkeypatch.setattr(answers, "PATTERN_SECONDS", 0.05)
    with pytest.raises(Problem, match="takes too long"):
        answers.extracted("a" * 60 + "b", {"pattern": r"(a|aa|a?)+$"})


def test_bleu_is_that_of_sacrebleu(tmp_path, tiny_model):
    rows = [
        {"prompt": "Say it in French: the cat", "answers": ["le chat", "un chat"]},
        {"prompt": "Say it in French: the dog", "answers": ["le chien est ici", "un chien"]},
    ]
    found = evaluate(tmp_path, tiny_model, "bleu", rows)
    written = [item["answer"] for item in items_of(tmp_path)]
    references = [[row["answers"][i] for row in rows] for i in range(2)]
    assert found["score"]["value"] == pytest.approx(BLEU().corpus_score(written, references).score)
    assert "tok:13a" in found["signature"]


def test_a_prompt_beyond_the_context_is_told_and_not_cut(tmp_path, tiny_model):
    rows = [
        {"prompt": "", "topic": "empty"},
        {"prompt": "again ", "repeat": 200, "topic": "long"},
        {"prompt": "Wie heißt du?", "topic": "language"},
    ]
    found = evaluate(tmp_path, tiny_model, "suite", rows)
    items = items_of(tmp_path)
    assert [item["is_beyond"] for item in items] == [False, True, False]
    assert (found["beyond"], found["score"], items[1]["answer"]) == (1, None, "")


def test_items_that_stood_in_the_training_data_are_found_and_left_out_of_the_clean_score(
    tmp_path, tiny_model
):
    (tmp_path / "data").mkdir()
    learned = sources.rows(
        tmp_path / "data",
        Kind.TEXT,
        [{"text": f"Once upon a time {SECRET}."}, {"text": "something else altogether, really"}],
    )
    rows = [
        {"question": f"{SECRET}, but why?", "choices": ["a", "b"], "answer": "B"},
        {"question": "What has nobody ever said before this very day and hour, in a book or in a "
         "letter to a friend?", "choices": ["a", "b"], "answer": 0},
    ]  # fmt: skip
    found = evaluate(
        tmp_path, tiny_model, "choice", rows, learned_from=[("Tales v1", learned, 0.0)]
    )
    known = found["contamination"]
    assert (known["rows"], known["compared"], known["items"]) == (1, 2, [0])
    assert known["data"] == ["Tales v1"]
    assert known["examples"][0]["shared"].startswith("the quick brown fox")
    assert found["clean"]["value"] == items_of(tmp_path)[1]["counts"][0]
    assert [item["is_known"] for item in items_of(tmp_path)] == [True, False]


def test_what_was_kept_for_validation_is_no_contamination(tmp_path, tiny_model):
    # Every row says something of its own, and none says it twice.
    own = [
        {"prompt": " ".join(f"{word}{i}" for word in SECRET.split()), "completion": "x"}
        for i in range(40)
    ]
    source = sources.rows(tmp_path, Kind.PROMPT_COMPLETION, own)
    data = [("Own v1", source, 0.3)]
    found = evaluate(tmp_path, tiny_model, "loss", source=source, share=0.3, learned_from=data)
    assert found["contamination"]["rows"] == 0


def test_a_changed_byte_of_a_version_is_refused(tmp_path, tiny_model):
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    wanted = job(tmp_path, folder, "suite", [{"prompt": "x"}])
    sources.flip_a_byte(folder / "model.safetensors")
    with pytest.raises(Problem, match="bytes have changed"):
        evaluated(wanted, Progress(tmp_path / "progress.json"))


def test_a_template_that_the_tokenizer_lacks_is_refused(tmp_path, tiny_model):
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    path = folder / "tokenizer.json"
    path.write_text(path.read_text().replace("<|im_start|>", "<|other|>"))
    with pytest.raises(Problem, match="which the tokenizer lacks"):
        evaluate(tmp_path, folder, "suite", [{"prompt": "x"}], style="chatml")


@pytest.mark.skipif(util.find_spec("lm_eval") is not None, reason="lm-eval is installed")
def test_without_lm_eval_its_tasks_say_so(tmp_path, tiny_model):
    with pytest.raises(Problem, match="lm-eval is not installed"):
        evaluate(tmp_path, tiny_model, "lm_eval", rule={"name": "hellaswag"})


def in_a_process(folder, values) -> dict:
    """As the hub starts it: its standard input stays open as long as somebody waits."""
    (folder / "job.json").write_text(json.dumps(values))
    process = jobs.start("workers.models.evaluate", folder)
    try:
        assert process.wait(120) == 0
    finally:
        jobs.end(process)
    return json.loads((folder / "result.json").read_text())


def test_the_process_leaves_its_figures(tmp_path, tiny_model):
    result = in_a_process(tmp_path, job(tmp_path, tiny_model, "suite", [{"prompt": "Hello"}]))
    assert result["result"]["items"] == 1
    assert result["result"]["peak_bytes"] > 0


def test_the_process_names_what_a_person_can_mend(tmp_path, tiny_model):
    result = in_a_process(tmp_path, job(tmp_path, tiny_model, "suite", []))
    assert result["problem"]["code"] == "task_empty"
