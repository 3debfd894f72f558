#!/usr/bin/env bash
# Create the virtual environment given as the first argument, or say what is missing.
set -eu
venv=$1
python=${PYTHON:-python3}

if [ -z "$python" ] || ! command -v "$python" >/dev/null; then
    echo "Python 3.11 or later was not found. Install it (Debian: apt install python3 python3-venv) or name one: make run PYTHON=/path/to/python" >&2
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "$python is $("$python" --version 2>&1), but Python 3.11 or later is needed. Name another: make run PYTHON=/path/to/python" >&2
    exit 1
fi
echo "Creating $venv with $("$python" --version)"
if ! "$python" -m venv "$venv"; then
    # Half an environment would be taken for a whole one by the next run.
    rm -rf "$venv"
    echo "The virtual environment could not be created. On Debian and Ubuntu: apt install python3-venv" >&2
    exit 1
fi
