#!/usr/bin/env bash
# Install what `make` needs: CPython 3.11, .venv with the locked packages, system libraries, a browser for the tests.
# PYTHON=/path/to/python3.11 selects the interpreter. Takes a second if everything is already installed.
set -euo pipefail
cd -P "$(dirname "$0")/.."

readonly VENV=.venv
readonly UV_VENV=.venv-uv
readonly UV_CACHE=$VENV/.uv-cache

say() { printf 'setup: %s\n' "$*" >&2; }

# True if a command runs CPython 3.11 and can create virtual environments. A pyenv shim may point to no interpreter.
is_usable() {
    "$1" -c 'import sys, ensurepip, venv
sys.exit(sys.version_info[:2] != (3, 11) or sys.implementation.name != "cpython")' > /dev/null 2>&1
}

candidates() {
    if [[ -n "${PYTHON:-}" ]]; then printf '%s\n' "$PYTHON"; fi
    type -aP python3.11 python3 python || true
    ls -d "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.11*/bin/python3.11 2> /dev/null || true
    if command -v uv > /dev/null; then uv python find 3.11 2> /dev/null || true; fi
}

find_python() {
    local python
    while IFS= read -r python; do
        if is_usable "$python"; then
            printf '%s\n' "$python"
            return
        fi
    done < <(candidates)
    return 1
}

may_install_system_packages() {
    [[ "$(id -u)" == 0 && ( "${CI:-}" == true || "${SHELFNET_INSTALL_SYSTEM:-}" == 1 ) ]] && command -v apt-get > /dev/null
}

apt_install() {
    say "installing $*"
    apt-get update -qq > /dev/null || say "apt-get update failed; trying with the package lists that are there"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" > /dev/null
}

# Install CPython 3.11 with uv; if uv is missing, install uv with any Python first.
obtain_python() {
    local uv python
    uv=$(command -v uv || true)
    if [[ -z "$uv" ]]; then
        for python in $(type -aP python3 python || true); do
            if "$python" -m venv "$UV_VENV" > /dev/null 2>&1 && "$UV_VENV/bin/pip" install -q uv >&2; then
                uv="$UV_VENV/bin/uv"
                break
            fi
        done
    fi
    if [[ -z "$uv" ]]; then return 1; fi
    say "fetching CPython 3.11 with uv"
    "$uv" python install 3.11 >&2 && "$uv" python find 3.11
}

python_or_explain() {
    find_python && return
    if may_install_system_packages; then
        { apt_install python3.11 python3.11-venv || apt_install python3 python3-venv; } >&2 || true
        find_python && return
    fi
    obtain_python && return
    cat >&2 << 'MESSAGE'
setup: CPython 3.11 is required by Blender's bpy. It was not found and could not be downloaded. Install it with one of
    apt-get install python3.11 python3.11-venv      Debian 12, Ubuntu 22.04
    dnf install python3.11                          Fedora, RHEL 9
    pyenv install 3.11
    pip install uv && uv python install 3.11
or select an interpreter with PYTHON=/path/to/python3.11.
MESSAGE
    return 1
}

# Snakemake runs the interpreter of .venv by its unquoted path, so that a path with a blank would stop the first job.
check_path() {
    if [[ ! "$1" =~ [[:space:]\"\'\`\$\&\;\(\)\<\>\|\*\?\[\{\}\!\#\\] ]]; then return; fi
    cat >&2 << MESSAGE
setup: the path of the project contains a blank or another character that is special to the shell:
    $1
    Snakemake cannot run jobs there. Move the project, for example with
    mv $(printf '%q' "$1") ~/shelfnet
    and run the command again in the new folder. Data and results (--directory) may be in any path.
MESSAGE
    return 1
}

# The scripts of an environment contain the path of its folder, so an environment that was moved is created again.
make_venv() {
    if is_usable "$VENV/bin/python" && grep -qF "$PWD/$VENV/bin/" "$VENV/bin/pip" 2> /dev/null; then return; fi
    local python
    python=$(python_or_explain)
    say "creating $VENV with $python"
    rm -rf "$VENV"
    "$python" -m venv "$VENV"
}

# Measured size of the locked packages. Without this check, a full disk shows only after minutes, within pip's output.
readonly NEEDED_MB=7800

check_space() {
    local has needed
    has=$(df -Pm . | awk 'NR == 2 { print $4 }')
    needed=$((NEEDED_MB - $(if [[ -d "$VENV" ]]; then du -sm "$VENV" | cut -f 1; else echo 0; fi)))
    if ((has >= needed)); then return; fi
    cat >&2 << MESSAGE
setup: the packages need $needed MB more on the disk of $PWD, but only $has MB are free (df -h .).
    Free some space or move the project to another disk, then run the command again: it continues where it stopped.
MESSAGE
    return 1
}

# The lines of one package in requirements.lock.
pin_of() {
    awk -v start="$1==" 'index($0, start) == 1 { found = 1; print; next } /^[^ ]/ { found = 0 } found' requirements.lock
}

pip_install() { "$VENV/bin/python" -m pip install --disable-pip-version-check --progress-bar off -q --no-compile "$@"; }

# uv unpacks on all cores: one minute where pip takes three. Its cache is in .venv, where files are linked, not copied.
# Its settings are its own: of pip's, only the index is passed on.
install_with_uv() {
    local index
    index="${UV_DEFAULT_INDEX:-${PIP_INDEX_URL:-$("$VENV/bin/python" -m pip config get global.index-url 2> /dev/null || true)}}"
    pip_install --require-hashes --requirement <(pin_of uv) || return 1
    "$VENV/bin/uv" pip install --quiet --python "$VENV/bin/python" --cache-dir "$UV_CACHE" ${index:+--default-index "$index"} \
        --require-hashes --requirements requirements.lock
}

# The stamp is written last, so that an interrupted installation is resumed. Python compiles what it imports.
install_packages() {
    local wanted
    wanted=$(cat requirements.lock pyproject.toml tools/setup.sh | sha256sum)
    if [[ "$(cat "$VENV/.installed" 2> /dev/null)" == "$wanted" ]]; then return; fi
    check_space
    say "installing the locked packages: about 7 GB, a few minutes the first time"
    if ! install_with_uv; then
        say "uv could not install them; installing with pip, which takes longer"
        pip_install --require-hashes --requirement requirements.lock
    fi
    rm -rf "$UV_CACHE"
    # compat puts the project on sys.path: Snakemake does not find its logger through setuptools' import hook.
    pip_install --no-deps --no-build-isolation --config-settings editable_mode=compat --editable .
    printf '%s\n' "$wanted" > "$VENV/.installed"
}

check_system_libraries() {
    local packages
    if packages=$("$VENV/bin/python" tools/system_libraries.py --apt); then return; fi
    # shellcheck disable=SC2086 # one word per package
    if may_install_system_packages; then apt_install $packages; fi
    "$VENV/bin/python" tools/system_libraries.py
}

# Tests open the report in Chromium; without a browser they are skipped.
install_browser() {
    local name
    for name in chromium chromium-browser google-chrome; do
        if type -P "$name" > /dev/null; then return; fi
    done
    may_install_system_packages || return 0
    apt_install chromium || say "chromium could not be installed; the browser tests will be skipped"
}

main() {
    check_path "$PWD"
    make_venv
    check_system_libraries
    install_browser
    install_packages
}

if [[ "${BASH_SOURCE[0]}" == "$0" ]]; then main; fi
