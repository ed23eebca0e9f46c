# Shared by the scripts of this folder: where things are, how to speak, how to run a long command.
# Source it; it changes nothing outside the shell that does.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
venv=$root/.venv
state=$root/.cache/setup          # stamps and logs of the set-up
environment=$state/environment.sh # what the set-up found, as shell exports

# Exit codes are those of the program: docs/exit_codes.md.
exit_usage=2
exit_environment=3

say() { printf '%s\n' "${script:-ssmprof}: $*" >&2; }

fail() { # CODE MESSAGE…
  local code=$1
  shift
  say "$@"
  exit "$code"
}

# usage_from FILE: prints the comment block at the top of a script.
usage_from() { sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$1"; }

# step TEXT COMMAND…: runs a command with its output in a log; on failure the log's end is shown.
step() {
  local text=$1 log begin code=0
  shift
  mkdir -p "$state"
  log=$state/$(printf '%s' "$text" | tr -cs 'a-zA-Z0-9' '_' | cut -c1-60).log
  begin=$SECONDS
  say "$text …"
  "$@" >"$log" 2>&1 </dev/null || code=$?
  if [ "$code" -ne 0 ]; then
    tail -n 25 "$log" >&2
    say "failed after $((SECONDS - begin)) s: $text (whole log: ${log#"$root"/})"
    return "$code"
  fi
  say "$text: done in $((SECONDS - begin)) s"
}

# version_at_least HAVE WANT
version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# How many compilers at once: one per core, but 2 GiB of free memory each.
jobs() {
  local cores memory
  cores=$(nproc 2>/dev/null || echo 2)
  memory=$(awk '/MemAvailable/ {print int($2 / 2097152)}' /proc/meminfo 2>/dev/null)
  [ "${memory:-0}" -ge 1 ] || memory=1
  echo $((cores < memory ? cores : memory))
}

# Whether a usable NVIDIA GPU is here.
has_gpu() { command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L 2>/dev/null | grep -q '^GPU '; }

# Sets the environment up (arguments go to scripts/setup) and takes what it found.
use_environment() {
  "$root/scripts/setup" "$@" || exit $?
  # shellcheck disable=SC1090
  . "$environment"
}
