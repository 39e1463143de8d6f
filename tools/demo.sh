#!/bin/sh
# Run the pipeline on the example data, without network and without touching anything but the
# folder demo/: a copy of the frames, their sky cache, and what comes out. Runs again harmlessly.
#   tools/demo.sh            or make demo
set -eu
cd "$(dirname "$0")/.."
root=$(pwd)
bin=${BIN:-.venv/bin}
case $bin in /*) ;; *) bin=$root/$bin ;; esac
example=${EXAMPLE:-example_data/vatt4k}
demo=${DEMO:-demo}
marker=$demo/.made_by_demo

if [ -e "$demo" ] && [ ! -e "$marker" ]; then
    echo "$demo exists and was not made by this demo; move it away, or use DEMO=other make demo" >&2
    exit 1
fi
rm -rf "$demo"
mkdir -p "$demo"
touch "$marker"
demo=$(cd "$demo" && pwd)
cp "$example"/mscience*.fits "$demo"/
cp -R "$example/cache" "$demo"/

# neither settings, telescopes nor cache of the user play a part
unset PHOTPIPEDIR
PHOTPIPE_CACHE=$demo/.cache
XDG_CONFIG_HOME=$demo/.config
export PHOTPIPE_CACHE XDG_CONFIG_HOME
mkdir "$XDG_CONFIG_HOME"

cd "$demo"
echo "cd $demo; pp_run -offline mscience*fits"
"$bin/python" "$root/pp_run.py" -offline mscience*fits
"$bin/python" "$root/tools/compare_demo.py" LOG "$root/$example/LOG"
echo "Open $demo/diagnostics.html in a browser"
