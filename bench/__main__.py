"""python -m bench [calls|click2call|cdrs|webhooks ...]: those named, or all, one after the other."""

import sys

from bench import calls, cdrs, click2call, webhooks

ALL = {"calls": calls.main, "click2call": click2call.main, "cdrs": cdrs.main, "webhooks": webhooks.main}

if __name__ == "__main__":
    names = sys.argv[1:] or list(ALL)
    if unknown := set(names) - set(ALL):
        sys.exit(f"no benchmark named {', '.join(sorted(unknown))}; there are {', '.join(ALL)}")
    for name in names:
        print(f"\n== {name}: {(ALL[name].__module__)}", flush=True)
        ALL[name]()
