"""Takes requests, and has them answered side by side."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

from llmhub.lib.problems import Problem
from workers.models.playground.link import Link
from workers.models.playground.loaded import Loaded
from workers.models.playground.prompt import tokens_of
from workers.models.playground.writing import Writing

logger = logging.getLogger(__name__)

# Answers at once, each with its keys and values in memory; the others wait in line.
AT_ONCE = 4
# The hub keeps to less; this process does not rely on it.
MOST_WAITING = 64


class Desk:
    def __init__(self, loaded: Loaded, link: Link) -> None:
        self._loaded, self._link = loaded, link
        self._wanted: dict[int, threading.Event] = {}
        self._pool = ThreadPoolExecutor(AT_ONCE)

    @property
    def is_empty(self) -> bool:
        return not self._wanted

    def take(self, request: dict[str, Any]) -> None:
        answer = request["answer"]
        if len(self._wanted) >= AT_ONCE + MOST_WAITING:
            self._refuse(answer, Problem("playground_busy"))
            return
        self._wanted[answer] = threading.Event()
        self._pool.submit(self._answer, request)

    def drop(self, answer: int) -> None:
        """Nobody waits for it any more."""
        if unwanted := self._wanted.get(answer):
            unwanted.set()

    def drop_all(self) -> None:
        for unwanted in list(self._wanted.values()):
            unwanted.set()

    def _answer(self, request: dict[str, Any]) -> None:
        answer = request["answer"]
        try:
            self._link.put({"type": "end", "answer": answer, **self._written(request)})
        except Problem as problem:
            self._refuse(answer, problem)
        except (MemoryError, torch.OutOfMemoryError):
            self._refuse(answer, Problem("playground_memory"))
        except Exception as error:
            # One request that goes wrong must not take the others along.
            logger.exception("Answer %s broke off", answer)
            self._refuse(answer, Problem("playground_broke", detail=str(error) or repr(error)))
        finally:
            del self._wanted[answer]

    def _written(self, request: dict[str, Any]) -> dict[str, Any]:
        answer, unwanted = request["answer"], self._wanted[request["answer"]]
        if unwanted.is_set():
            return {"text": "", "tokens": [], "ended_by": "cancelled", "figures": {}}
        writing = Writing(
            self._loaded,
            tokens_of(self._loaded, request),
            request["decoding"],
            is_chat="messages" in request,
            emit=lambda message: self._link.put({**message, "answer": answer}),
            is_unwanted=unwanted.is_set,
        )
        return writing.write()

    def _refuse(self, answer: int, problem: Problem) -> None:
        self._link.put({"type": "refused", "answer": answer, "problem": problem.as_json()})
