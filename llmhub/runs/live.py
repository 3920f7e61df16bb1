"""What pages watch of runs; `jobs.live` tells them."""


def run_topic(run_id: int) -> str:
    return f"run.{run_id}"


def probe_topic(spec_hash: str) -> str:
    return f"probe.{spec_hash}"
