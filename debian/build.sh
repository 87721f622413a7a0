#!/bin/sh
# build.sh [FOLDER]: the Debian packages of this tree into FOLDER (default dist/), checked by lintian.
# The tree itself stays clean: the build happens in a copy of the files that git knows or would add.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "${1:-$here/dist}"
target=$(cd "${1:-$here/dist}" && pwd)

missing=
for package in build-essential debhelper dh-python pybuild-plugin-pyproject python3-all python3-setuptools lintian; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
if [ -n "$missing" ]; then
    [ "$(id -u)" = 0 ] || { echo "build.sh: please install:$missing" >&2; exit 1; }
    echo "build.sh: installing$missing" >&2
    apt-get -qq update >&2
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends -y $missing >&2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/ovfinit"
cd "$here"
git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --ignore-failed-read -cf - |
    tar -xf - -C "$work/ovfinit"
cd "$work/ovfinit"
dpkg-buildpackage -us -uc -b > "$work/log" 2>&1 || { tail -n 60 "$work/log" >&2; exit 1; }
rm -f "$target"/ovfinit*_all.deb
cp ../*.deb ../*.changes ../*.buildinfo "$target"
cd "$target"
lintian --fail-on error,warning ./*.changes
ls -- *.deb
