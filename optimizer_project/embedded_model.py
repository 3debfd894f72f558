"""Serves one GGUF model over OpenAI's wire protocol on loopback.

``python -m optimizer_project.embedded_model --port 8191 --model model.gguf``. A process of its own: inference would
otherwise hold the web process's interpreter and memory.
"""

import argparse
import os
import signal
import sys
from pathlib import Path

ALIAS = "smollm2-135m"
_CONTEXT_TOKENS_PER_SLOT = 4096
_SLOTS = 2


def serve(port: int, model: Path, alias: str, threads: int) -> None:
    """Answer on 127.0.0.1 until the process is told to stop.

    Raises:
        ImportError: xllamacpp is not installed.
        RuntimeError: the file is no model, or the port is taken.
    """
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.model_alias = {alias}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_parallel = _SLOTS
    params.n_ctx = _SLOTS * _CONTEXT_TOKENS_PER_SLOT
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    # Prompts of one caller are not kept in memory for the next one.
    params.cache_ram_mib = 0
    params.offline = True
    # Only the completion routes are wanted; the slots page would show prompts.
    params.ui = False
    params.endpoint_slots = False
    params.endpoint_props = False
    params.verbosity = 1
    server = xllamacpp.Server(params)
    sys.stdout.write(f"{alias} answers on {server.listening_address}/v1\n")
    sys.stdout.flush()
    while True:
        signal.pause()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m optimizer_project.embedded_model", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1 to answer on")
    parser.add_argument("--model", type=Path, required=True, help="the model's GGUF file")
    parser.add_argument("--alias", default=ALIAS, help="name the model answers under (default: %(default)s)")
    parser.add_argument(
        "--threads",
        type=int,
        # The gateway beside it must stay responsive: half the cores, and never more than a model this small can use.
        default=max(1, min(4, (os.cpu_count() or 2) // 2)),
        help="threads that compute (default: half the cores, at most 4)",
    )
    options = parser.parse_args(arguments)
    if not options.model.is_file():
        sys.stderr.write(f"There is no model at {options.model}. Fetch it with: make setup\n")
        return 1
    try:
        serve(options.port, options.model, options.alias, options.threads)
    except ImportError:
        sys.stderr.write("xllamacpp is missing. Install it with: pip install -r requirements-embedded.txt\n")
    except RuntimeError as error:
        sys.stderr.write(f"The model server could not start: {error}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
