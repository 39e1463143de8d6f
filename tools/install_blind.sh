#!/bin/sh
# Install index files of the whole sky (Tycho-2, 150 MB, from Debian's archive), with which
# pp_register finds fields above 1 degree that lie anywhere. No rights of root are needed.
#   tools/install_blind.sh [FOLDER]
# Runs again harmlessly; says what to do by hand where there is no apt-get.
set -eu

folder=${1:-${PHOTPIPE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/photpipe}/index}
packages="astrometry-data-tycho2-08-littleendian astrometry-data-tycho2-09-littleendian
    astrometry-data-tycho2-10-19-littleendian"

for place in "$folder" /usr/share/astrometry; do
    if [ -e "$place/index-tycho2-08.littleendian.fits" ] &&
        [ -e "$place/index-tycho2-09.littleendian.fits" ] &&
        [ -e "$place/index-tycho2-10.littleendian.fits" ]; then
        echo "The index files are in $place."
        exit 0
    fi
done

if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-deb >/dev/null 2>&1; then
    echo "No apt-get here. Take index files of Tycho-2 (4108 to 4119) from" >&2
    echo "   https://data.astrometry.net/4100/   or Debian's astrometry-data-tycho2 packages" >&2
    echo "and put them into $folder" >&2
    exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$folder"
cd "$work"
# shellcheck disable=SC2086
apt-get download $packages >/dev/null 2>&1 || {
    echo "apt-get cannot download them; try 'sudo apt-get update'" >&2
    exit 1
}
for package in *.deb; do dpkg-deb -x "$package" unpacked; done
mv unpacked/usr/share/astrometry/*.fits "$folder"
echo "Index files of the whole sky are in $folder."
