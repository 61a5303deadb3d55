"""Work on sound in a process of its own, with little memory and time: whatever is in a file, no
call is delayed or ended by it.
"""

import asyncio
import os
import resource
import sys

MEMORY = 2 << 30  # address space in bytes, of which numpy takes most


async def ask(module: str, *arguments: str, content: bytes = b"") -> bytes:
    """What `python -m module` writes when it reads `content`; b"" if it has failed."""
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        # the threads of OpenBLAS reserve memory; secrets of the environment stay here
        env={"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
    )
    try:
        answer, _ = await worker.communicate(content)
    finally:
        if worker.returncode is None:
            worker.kill()
            await worker.wait()
    return answer if worker.returncode == 0 else b""


def limit(cpu_s: int) -> None:
    """This process has no more memory and time than that, from now on."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
