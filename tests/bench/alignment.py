"""A real alignment on a processor: SmolLM2-135M learns school maths, in sizes of an hour.

    make models
    python -m tests.bench.alignment FOLDER sft.jsonl preferences.jsonl [sft reward ppo dpo]
    python -m tests.bench.alignment FOLDER sft.jsonl planted reward ppo dpo

“planted”: pairs made of the examples, in which the preferred answer is the last line alone and the
rejected one the whole solution. Whether an answer is right takes more than this model and this hour
to learn; that the short one is preferred does not, and PPO can be seen to follow.

Every stage starts from the SFT checkpoint of the first; PPO uses the reward model of the second.
Curves are left in FOLDER/<stage>.json as {metric: [[step, value], …]}, for the pages of docs/.
What is printed for a share of pairs is the 95 % interval of Wilson (1927).
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Any

from llmhub.lib import manifest
from llmhub.lib import metric_names as names
from llmhub.lib.rows.kinds import Kind
from llmhub.recipes import specs
from tests.training.small import Recorder, data_file
from workers.data.reading.source import Reading, Source
from workers.training import setup
from workers.training.job import Data, Job
from workers.training.models.files import ModelFiles
from workers.training.progress import Progress

# So many pairs of the file: working out the reference's probabilities takes time, too.
PAIRS = 360
# About three characters to a token in sums.
LONGEST_CHARACTERS = 460
PLANTED = Path("planted")
LORA = {"rank": 16, "alpha": 32}
RUNTIME = {"precision": "bf16", "eval_every": 20, "checkpoint_every": 10_000}
PAIR = {"batch_size": 8, "micro_batch_size": 4, "epochs": 9, "max_seq_length": 192}
STAGES: dict[str, dict[str, Any]] = {
    "sft": {
        "training": {
            "max_seq_length": 256,
            "packing": True,
            "batch_size": 4,
            "micro_batch_size": 2,
            "max_steps": 60,
            "epochs": 9,
            "learning_rate": 5e-4,
            "warmup_steps": 5,
        },
        "data": {"validation_share": 0.05},
        "runtime": {"eval_sequences": 24},
    },
    "reward": {
        "training": PAIR | {"max_steps": 40, "learning_rate": 3e-4, "warmup_steps": 4},
        "data": {"validation_share": 0.3},
        "runtime": {"eval_sequences": 1000},
    },
    "dpo": {
        "training": PAIR
        | {"max_prompt_length": 100, "max_steps": 30, "learning_rate": 1e-4, "warmup_steps": 3},
        "data": {"validation_share": 0.3},
        "runtime": {"eval_sequences": 1000},
    },
    "ppo": {
        "training": {
            "batch_size": 16,
            "mini_batch_size": 8,
            "micro_batch_size": 8,
            "ppo_epochs": 2,
            "max_prompt_length": 96,
            "response_length": 40,
            "max_steps": 30,
            "epochs": 99,
            "learning_rate": 5e-4,
            "lr_schedule": "constant",
            "init_kl_coef": 0.05,
            "target_kl": 6.0,
            "kl_horizon": 1000,
        },
        "data": {"validation_share": 0.1},
        "runtime": {},
    },
}


class Talking(Recorder):
    def say(self, text: str) -> None:
        super().say(text)
        print(f"  {text}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("examples", type=Path)
    parser.add_argument("preferences", type=Path, help="a file, or “planted”")
    parser.add_argument("stages", nargs="*", default=["sft", "reward", "ppo", "dpo"])
    parser.add_argument("--models", type=Path, default=Path("var/models"), help="HUB_DATA/models")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(arguments.folder.resolve(), arguments.models.resolve())
    if arguments.preferences == PLANTED:
        pairs = bench.written(map(planted, read(arguments.examples)))
    else:
        pairs = bench.written(read(arguments.preferences))
    sources = {
        "sft": rows(arguments.examples, Kind.PROMPT_COMPLETION, ["prompt", "completion"]),
        "reward": rows(pairs, Kind.PREFERENCE, ["prompt", "chosen", "rejected"]),
    }
    sources |= {"dpo": sources["reward"], "ppo": sources["reward"]}
    for stage in arguments.stages:
        print(stage, flush=True)
        started = monotonic()
        recorder = bench.train(stage, sources[stage])
        print(f"{stage}: {FOUND[stage](recorder)}, {monotonic() - started:.0f} s", flush=True)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def planted(example: dict[str, str]) -> dict[str, str]:
    answer = example["completion"]
    return {
        "prompt": example["prompt"],
        "chosen": answer.rpartition("\n")[2],
        "rejected": answer,
    }


def fits(pair: dict[str, str], side: str) -> bool:
    return len(pair["prompt"]) + len(pair[side]) < LONGEST_CHARACTERS


def rows(path: Path, kind: Kind, columns: list[str]) -> Source:
    return Source([data_file(path.resolve())], Reading("jsonl", kind, {c: c for c in columns}))


class Bench:
    def __init__(self, folder: Path, models: Path) -> None:
        self.folder, self.models = folder, models

    def written(self, pairs: Iterable[dict[str, str]]) -> Path:
        """The first `PAIRS` of which nothing would have to be cut."""
        short = (pair for pair in pairs if all(fits(pair, side) for side in ("chosen", "rejected")))
        path = self.folder / "pairs.jsonl"
        path.write_text("".join(json.dumps(pair) + "\n" for pair in islice(short, PAIRS)))
        return path

    def train(self, stage: str, source: Source) -> Recorder:
        recorder = Talking()
        job = self.job(stage, source)
        setup.trainer(job, self.folder / stage / "checkpoints", Progress(), recorder).train()
        curves: dict[str, list[tuple[int, float]]] = {}
        for step, values in recorder.points:
            for name, value in values.items():
                curves.setdefault(name, []).append((step, value))
        (self.folder / f"{stage}.json").write_text(json.dumps(curves))
        return recorder

    def job(self, stage: str, source: Source) -> Job:
        values = STAGES[stage]
        base = self.demo() if stage == "sft" else self.checkpoint("sft")
        models = {"model.base_model": base}
        if stage == "ppo":
            models["model.reward_model"] = self.checkpoint("reward")
        spec = {
            **values,
            "objective": stage,
            "model": {name.partition(".")[2]: of["reference"] for name, of in models.items()},
            "lora": LORA,
            "runtime": RUNTIME | values["runtime"],
        }
        return Job(
            run_id=1,
            hub_url="",
            token="",
            spec=specs.parse(spec),
            data=[Data(stage, source, source.files[0].sha256)],
            token_cache=self.folder / "tokens",
            resume_from=None,
            models={name: ModelFiles.parse(of) for name, of in models.items()},
            models_cache=self.models,
        )

    def demo(self) -> dict[str, Any]:
        return {"reference": "demo:smollm2-135m", "path": None, "sha256": None}

    def checkpoint(self, stage: str) -> dict[str, Any]:
        step, path = max(manifest.steps(self.folder / stage / "checkpoints").items())
        return {
            "reference": f"run:1/step-{step}",
            "path": str(path),
            "sha256": manifest.digest(path),
        }


def of_losses(recorder: Recorder) -> str:
    losses = list(recorder.series(names.VAL_LOSS.name).values())
    return "held-out loss " + " → ".join(f"{loss:.3f}" for loss in losses)


def of_pairs(accuracy: str, margin: str) -> Any:
    def found(recorder: Recorder) -> str:
        pairs = held_out_pairs(recorder.lines)
        share = list(recorder.series(names.val(accuracy)).values())[-1]
        low, high = wilson(share, pairs)
        margins = list(recorder.series(names.val(margin)).values())
        return (
            f"held-out accuracy {share:.3f} [{low:.3f}, {high:.3f}] of {pairs} pairs, "
            f"margin {margins[0]:.3f} → {margins[-1]:.3f}"
        )

    return found


def of_rewards(recorder: Recorder) -> str:
    rewards = list(recorder.series(names.PPO_REWARD.name).values())
    kl = list(recorder.series(names.PPO_KL.name).values())
    third = len(rewards) // 3
    first, last = (interval(part) for part in (rewards[:third], rewards[-third:]))
    return (
        f"reward {first} → {last} (means of {third} steps, 95 % interval), "
        f"KL {kl[0]:.2f} → {kl[-1]:.2f} nats"
    )


FOUND = {
    "sft": of_losses,
    "reward": of_pairs(names.REWARD_ACCURACY.name, names.REWARD_MARGIN.name),
    "dpo": of_pairs(names.REWARDS_ACCURACY.name, names.REWARDS_MARGIN.name),
    "ppo": of_rewards,
}


def held_out_pairs(lines: Iterable[str]) -> int:
    """As the trainer's note says."""
    note = next(line for line in lines if ", validation: " in line)
    return int(note.partition(", validation: ")[2].split()[0].replace(",", ""))


def wilson(share: float, count: int, z: float = 1.96) -> tuple[float, float]:
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count**2)) / (1 + z * z / count)
    return middle - half, middle + half


def interval(values: list[float]) -> str:
    mean = statistics.mean(values)
    half = 1.96 * statistics.stdev(values) / math.sqrt(len(values))
    return f"{mean:.3f} ± {half:.3f}"


if __name__ == "__main__":
    main()
