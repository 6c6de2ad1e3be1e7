"""Reads commands as JSON lines from stdin and writes one reply per line to stdout; output of libraries goes to stderr."""

import json
import os
import resource
import sys
import traceback


def peak_bytes():
    """Highest resident memory of this process so far."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    except OSError:
        scale = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def serve(handlers):
    """Answers commands `{"do": name, ...arguments}` until stdin ends."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        command = json.loads(line)
        try:
            reply = handlers[command.pop("do")](**command)
        except Exception as error:
            traceback.print_exc()
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply if reply is not None else {}), file=replies, flush=True)
