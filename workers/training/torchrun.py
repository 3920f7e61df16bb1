"""torchrun, whose exit code tells by which signal a process of the training died.

torchrun itself ends with the code 1 whatever it was. But a training that the kernel killed for its
memory is put back into the queue, and one that crashed is over.
"""

from __future__ import annotations

import signal
import sys

from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.run import main

# What shells add to the number of the signal.
BY_SIGNAL = 128
# Within so many seconds processes ended by themselves; torchrun gives the others 30 until it kills.
TOGETHER_SECONDS = 2


def run(arguments: list[str]) -> int:
    try:
        main(arguments)
    except SignalException as asked:
        return BY_SIGNAL + asked.sigval
    except ChildFailedError as error:
        print(error, file=sys.stderr, flush=True)
        return exit_code([*error.failures.values()])
    return 0


def exit_code(failures: list[ProcessFailure]) -> int:
    """Of the training, from how its processes ended, the first to be noticed first.

    One that was killed takes the others with it, which may be noticed at the same moment.
    """
    first = min(failures, key=lambda failure: failure.timestamp)
    together = [one for one in failures if one.timestamp - first.timestamp < TOGETHER_SECONDS]
    # SIGTERM is what torchrun asks the others with.
    killed = [one for one in together if one.exitcode < 0 and one.exitcode != -signal.SIGTERM]
    found = (killed or [first])[0].exitcode
    return BY_SIGNAL - found if found < 0 else found


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
