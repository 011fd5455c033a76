# Finds the tools that tests need, and brings those that are missing. Source it: `source tests/tools.sh`.
# What it brings goes to a cache folder outside the work tree, so that a second run finds it.

TOOLS_CACHE=${CRASH_DIAGNOSIS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/crash-diagnosis}/bin

# need_packages PACKAGE... : Debian packages, installed when missing. Elsewhere it says what to install.
need_packages() {
  local missing=()
  for p in "$@"; do dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p"); done
  [ ${#missing[@]} -eq 0 ] && return 0
  command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || { echo "please install: ${missing[*]}" >&2; return 1; }
  apt_update_once
  echo "installing ${missing[*]}" >&2
  DEBIAN_FRONTEND=noninteractive timeout 600 apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

apt_update_once() {
  [ -n "${APT_UPDATED:-}" ] || timeout 300 apt-get update -qq >/dev/null
  export APT_UPDATED=1
}

# Sets HELM: from PATH, else built once from its Go module (tests/cluster/go/tools).
need_helm() {
  HELM=${HELM:-$(command -v helm || true)}
  [ -n "$HELM" ] || HELM=$("$(dirname "${BASH_SOURCE[0]}")"/cluster/cluster bin helm)
  export HELM
}

# Sets PROMTOOL: taken out of Debian's package, without installing (and starting) the server.
need_promtool() {
  PROMTOOL=${PROMTOOL:-$(command -v promtool || true)}
  [ -n "$PROMTOOL" ] || PROMTOOL=$TOOLS_CACHE/promtool
  if ! [ -x "$PROMTOOL" ]; then
    local work; work=$(mktemp -d); chmod 755 "$work"
    command -v apt-get >/dev/null || { echo "please install promtool" >&2; return 1; }
    apt_update_once
    (cd "$work" && timeout 300 apt-get download -qq -o APT::Sandbox::User=root prometheus && dpkg-deb -x prometheus_*.deb .)
    mkdir -p "$TOOLS_CACHE" && mv "$work/usr/bin/promtool" "$PROMTOOL" && rm -rf "$work"
  fi
  export PROMTOOL
}
