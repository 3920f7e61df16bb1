"""How long the playground takes for an answer, beside plain `generate` on the same machine.

    python -m tests.bench.playground_speed <folder of a model> [tokens [device]]

Our side is the whole process, asked over its websocket by a hub that only takes what it hears. The
two take turns, so that a busy machine slows both, and the median of the ratios counts.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.generation.streamers import BaseStreamer
from websockets.sync.server import ServerConnection, serve

from workers import devices, environment
from workers.process import ROOT

ROUNDS = 5
# Of two tokens each: a first token takes so little time that single ones are chance.
FIRST_ROUNDS = 20
PROMPT = "Once upon a time there was a model that"
DECODING = {"way": "greedy", "seed": 0}


class FirstToken(BaseStreamer):
    """When `generate` has its first token."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def put(self, value: Any) -> None:
        self.times.append(time.monotonic())

    def end(self) -> None:
        pass


class Hub:
    """Takes the one process that connects."""

    def __init__(self) -> None:
        self._socket: ServerConnection | None = None
        self._ready = threading.Event()
        self._over = threading.Event()
        self.server = serve(self._accept, "127.0.0.1", 0, compression=None)
        self.port = self.server.socket.getsockname()[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _accept(self, socket: ServerConnection) -> None:
        self._socket = socket
        self._ready.set()
        self._over.wait()

    def hear(self, *kinds: str) -> dict[str, Any]:
        self._ready.wait()
        assert self._socket is not None
        while True:
            message: dict[str, Any] = json.loads(self._socket.recv())
            if message["type"] in kinds:
                return message

    def ask(self, count: int) -> tuple[float, float, str]:
        """(seconds to the first token, tokens per second after it, the text)"""
        assert self._socket is not None
        question = {"type": "write", "answer": 1, "prompt": PROMPT}
        decoding = DECODING | {"max_new_tokens": count}
        began = time.monotonic()
        self._socket.send(json.dumps(question | {"decoding": decoding}))
        self.hear("tokens")
        first = time.monotonic()
        ended = self.hear("end")
        written = ended["figures"]["tokens"]
        return first - began, (written - 1) / (time.monotonic() - first), ended["text"]


def plain(model: Any, tokenizer: Any, count: int) -> tuple[float, float, str]:
    inputs = tokenizer(PROMPT, return_tensors="pt").to(model.device)
    times = FirstToken()
    began = time.monotonic()
    written = model.generate(**inputs, max_new_tokens=count, do_sample=False, streamer=times)[0]
    seconds = time.monotonic()
    answer = written[inputs["input_ids"].shape[1] :]
    # The streamer is given the prompt first.
    first = times.times[1]
    text = tokenizer.decode(answer, skip_special_tokens=True)
    return first - began, (len(answer) - 1) / (seconds - first), text


def main(folder: Path, count: int, device: str) -> None:
    torch.set_num_threads(devices.cpu_count())
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval().to(device)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    hub = Hub()
    with tempfile.TemporaryDirectory() as place:
        job = {
            "serving": 1,
            "secret": "bench",
            "hub_url": f"http://127.0.0.1:{hub.port}",
            "files": [],
            "model": str(folder),
            "device": device,
            "memory_bytes": 64 * 2**30,
            "idle_seconds": 600,
            "threads": devices.cpu_count(),
        }
        (Path(place) / "job.json").write_text(json.dumps(job))
        process = subprocess.Popen(
            [sys.executable, "-m", "workers.models.playground", place],
            cwd=ROOT,
            env=environment.clean() | {"OMP_WAIT_POLICY": "PASSIVE"},
            stdin=subprocess.PIPE,
        )
        try:
            hub.hear("ready")
            compare(hub, model, tokenizer, count)
        finally:
            process.kill()
            process.wait()


def compare(hub: Hub, model: Any, tokenizer: Any, count: int) -> None:
    for _ in range(2):
        plain(model, tokenizer, 2)
        hub.ask(2)
    firsts = []
    for _ in range(FIRST_ROUNDS):
        theirs, ours = plain(model, tokenizer, 2)[0], hub.ask(2)[0]
        firsts.append((theirs, ours))
    their_median, our_median = (statistics.median(side) for side in zip(*firsts, strict=True))
    ratio = statistics.median(theirs / ours for theirs, ours in firsts)
    print(f"first token: {1000 * our_median:.0f} ms, generate {1000 * their_median:.0f} ms")
    speeds = []
    for _ in range(ROUNDS):
        _, their_speed, their_text = plain(model, tokenizer, count)
        _, our_speed, our_text = hub.ask(count)
        assert our_text == their_text, "the greedy answers differ"
        speeds.append(our_speed / their_speed)
        print(f"{our_speed:.1f} tokens/s, generate {their_speed:.1f}")
    print(f"first token: {ratio:.2f} of generate's speed")
    print(f"tokens/s: {statistics.median(speeds):.2f} of generate's")


if __name__ == "__main__":
    model_folder, *rest = sys.argv[1:]
    tokens, device = [*rest, *("128", "cpu")[len(rest) :]]
    main(Path(model_folder), int(tokens), device)
