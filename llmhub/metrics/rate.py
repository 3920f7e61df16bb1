"""How many points a second a machine's token may send: more waits, nothing is lost.

A bucket in Redis: it holds `POINTS_BURST` points and fills with `POINTS_PER_SECOND`. A batch
is taken as long as the bucket is not empty, whatever its size: a large one only makes the next
wait. Without Redis everything is let in.
"""

from __future__ import annotations

import functools
import logging
import math

import redis
from django.conf import settings

logger = logging.getLogger(__name__)

TAKE = """
local full, speed, points = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call("TIME")
local now = time[1] + time[2] / 1e6
local kept = redis.call("HMGET", KEYS[1], "points", "at")
local since = now - (tonumber(kept[2]) or now)
local held = math.min(full, (tonumber(kept[1]) or full) + since * speed)
local wait = 0
if held <= 0 then wait = (1 - held) / speed else held = held - points end
redis.call("HSET", KEYS[1], "points", tostring(held), "at", tostring(now))
redis.call("EXPIRE", KEYS[1], math.ceil((full - held) / speed) + 1)
return tostring(wait)
"""


def wait_seconds(attempt_id: int, points: int) -> int:
    """0: the points may come in now, and are counted. Otherwise when to try again."""
    limits = (settings.POINTS_BURST, settings.POINTS_PER_SECOND)
    try:
        wait = _take()(keys=[f"llmhub.points.{attempt_id}"], args=[*limits, points])
    except redis.RedisError:
        logger.warning("Redis does not count points", exc_info=True)
        return 0
    return math.ceil(float(wait))


@functools.cache
def _take() -> redis.commands.core.Script:
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
    return client.register_script(TAKE)
