"""Run Python in several processes that know of each other as torchrun's do."""

import os
import socket
import subprocess
import sys
from subprocess import CompletedProcess

from tests.support.repository import ROOT
from tests.support.until import PATIENCE_S


def rank_processes(world_size: int, *arguments: object) -> list[CompletedProcess[str]]:
    """``python arguments`` as each rank, on the CPU."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = os.environ | {
        "WORLD_SIZE": str(world_size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
        "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    command = [sys.executable, *map(str, arguments)]
    ranks = [
        subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(world_size)
    ]  # fmt: skip
    try:
        said = [rank.communicate(timeout=PATIENCE_S) for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()  # of one that has ended nothing is left to end
            rank.communicate()
    return [
        CompletedProcess(command, rank.returncode, out, err)
        for rank, (out, err) in zip(ranks, said, strict=True)
    ]
