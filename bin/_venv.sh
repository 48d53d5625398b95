# Sourced by the other scripts: enters the repository and makes .venv if it is missing or stale.
# Stale: requirements-dev.txt changed, Python is another one, or the folder was moved.

case "${STATE_DIR:-}" in
  "" | /*) ;;
  *) export STATE_DIR="$PWD/$STATE_DIR" ;;
esac
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." || exit 1

say() { printf '%s\n' "$*" >&2; }

find_python() {
  local candidate
  for candidate in python3.11 python3.12 python3 python; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  say "Carillon needs Python 3.11 or 3.12, and there is neither on PATH."
  exit 1
}

# What the environment was made for; empty if it does not work at all.
wanted_stamp() {
  local version
  version=$(.venv/bin/python -c 'import sys; print(*sys.version_info[:2])' 2>/dev/null) || return 0
  echo "$(cksum <requirements-dev.txt) python $version in $PWD"
}

is_fresh() {
  local stamp
  stamp=$(wanted_stamp)
  [ -n "$stamp" ] && [ "$stamp" = "$(cat .venv/stamp 2>/dev/null)" ]
}

make_venv() {
  local python
  case "$(cat .venv/stamp 2>/dev/null)" in
    *" in $PWD" | "") ;;
    *) rm -rf .venv ;; # moved: every script in it names the old folder
  esac
  if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    python=$(find_python) || exit 1
    say "Making the virtual environment with $($python --version)…"
    if ! "$python" -m venv --clear .venv; then
      say "That failed. On Debian and Ubuntu, \`apt install python3-venv\` brings what is missing."
      exit 1
    fi
  fi
  say "Installing the requirements, once (a minute or two)…"
  if ! .venv/bin/python -m pip install -qq --disable-pip-version-check --no-input \
    --root-user-action ignore -r requirements-dev.txt; then
    say "The requirements could not be installed: see above."
    exit 1
  fi
  wanted_stamp >.venv/stamp
}

if ! is_fresh; then
  if [ -e .venv ] && [ ! -w .venv ]; then
    say ".venv is out of date and belongs to another user: remove it, or run as that user."
    exit 1
  fi
  # One of two that start at once makes it, and the other waits; the folder itself is the lock.
  exec 9<.
  if command -v flock >/dev/null && ! flock -n 9; then
    say "Another command is making the virtual environment: waiting for it…"
    flock 9
  fi
  is_fresh || make_venv
  exec 9<&-
fi
PATH="$PWD/.venv/bin:$PATH"
export PATH
# Where containers set it, every process that we start would compile the whole application again.
unset PYTHONDONTWRITEBYTECODE
