#!/bin/sh
# Install the programs that Photometry Pipeline runs, where they are missing.
#   tools/install_system.sh          what the pipeline needs
#   tools/install_system.sh tests    and what its tests need
# Runs again harmlessly; as root, or through sudo; says what is missing when it has neither.
set -eu

missing=""

# need PACKAGE COMMAND...: the package, unless one of the commands is there
need() {
    package=$1
    shift
    for command in "$@"; do
        if command -v "$command" >/dev/null 2>&1; then return 0; fi
    done
    missing="$missing $package"
}

need source-extractor source-extractor sex sextractor
need scamp scamp
need swarp SWarp swarp
if [ "${1:-}" = tests ]; then
    need chromium chromium chromium-browser google-chrome
    need firefox-esr firefox-esr firefox
    need xvfb Xvfb
    need xdotool xdotool
fi
python=${PYTHON:-python3}
"$python" -c 'import venv, ensurepip' 2>/dev/null || missing="$missing python3-venv"
needed=$missing
"$python" -c 'import tkinter' 2>/dev/null || missing="$missing python3-tk"
if [ "${1:-}" = tests ]; then needed=$missing; fi

if [ -z "$missing" ]; then exit 0; fi

advice() {
    if [ -z "$needed" ]; then
        echo "$python has no tkinter: pp_manident will not work, everything else will." >&2
        exit 0
    fi
    echo "Missing programs; please install these packages and run make again:" >&2
    echo "   Debian, Ubuntu:  sudo apt-get install$missing" >&2
    echo "   conda (also macOS):  conda env create -f environment.yml" >&2
    exit 1
}

command -v apt-get >/dev/null 2>&1 || advice
if [ "$(id -u)" -eq 0 ]; then
    sudo=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    sudo="sudo"
elif command -v sudo >/dev/null 2>&1 && [ -t 0 ]; then
    sudo="sudo"
else
    advice
fi
echo "Installing:$missing"
# python3-tk and python3-venv serve the system's Python alone; another Python brings its own
$sudo apt-get update -qq || advice
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null || advice
