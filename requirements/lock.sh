#!/bin/sh
# Pin every package with its hashes, for Python 3.11 to 3.13 on every system. The files name no download address.
set -eu
pin() {
    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-annotate --no-header --no-emit-index-url ${UPGRADE:+--upgrade} "$@"
}
pin pyproject.toml -o requirements/runtime.txt
pin pyproject.toml --extra dev -c requirements/runtime.txt -o requirements/dev.txt
pin requirements/demo.in --no-deps -o requirements/demo.txt
