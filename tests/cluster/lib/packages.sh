# Programs that come from Debian packages, installed when missing.
# shellcheck shell=bash

# need_programs PROGRAM:PACKAGE...
need_programs() {
  local item missing=()
  for item in "$@"; do
    command -v "${item%%:*}" >/dev/null || missing+=("${item##*:}")
  done
  ((${#missing[@]})) || return 0
  [[ $EUID == 0 ]] || die "missing: ${missing[*]}; install them, or run this as root"
  command -v apt-get >/dev/null || die "missing: ${missing[*]}, and there is no apt-get here to install them"
  progress packages "installing ${missing[*]}"
  local log
  log=$(mktemp)
  if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    die "could not install ${missing[*]}"
  fi
  rm -f "$log"
}
