# How an image comes out of a recipe. A recipe is a bash file that sets
#   image=NAME            the image's own name
#   packages=(...)        Debian packages, taken with all they depend on (may be empty)
#   options=(...)         options of `image make`: --entrypoint, --cmd, --env, --user ...
# and may have a function fill(), run in the image's root folder when the packages are there.
# Programs that recipes need themselves: needs=(PROGRAM:PACKAGE...)
# shellcheck shell=bash

# build_recipe NAME FILE : prints the archive's path
build_recipe() {
  local name=$1 file=$2 hash
  hash=$(cat "$file" "$IMAGES/lib.sh" "$IMAGES"/*.c "$IMAGES"/*.sh "$HERE"/go/node/image/*.go | sha256sum)
  ARCHIVE=$CACHE/images/$name-${hash:0:12}.tar
  mkdir -p "$CACHE/images"
  [[ -f $ARCHIVE ]] || with_lock "$CACHE/images/.lock-$name" make_recipe "$name" "$file"
  echo "$ARCHIVE"
}

make_recipe() (
  [[ ! -f $ARCHIVE ]] || exit 0 # somebody else made it while we waited
  image=$1 packages=() options=() needs=()
  fill() { :; }
  # shellcheck disable=SC1090
  . "$2"
  need_programs ${needs[@]+"${needs[@]}"} >&2
  need_built image
  progress "image $1" "building (once)"
  work=$(mktemp -d "$CACHE/images/.work-XXXXXX")
  trap 'rm -rf "$work"' EXIT
  mkdir "$work/root"
  chmod 755 "$work/root"
  if ((${#packages[@]})); then unpack_packages "$work" "${packages[@]}"; fi
  cd "$work/root"
  fill
  cd /
  rm -f "$CACHE/images/$1-"????????????.tar
  "$(bin image)" make --name "$image" --rootfs "$work/root" --out "$ARCHIVE" ${options[@]+"${options[@]}"}
  progress "image $1" "ready ($(du -m "$ARCHIVE" | cut -f1) MB)"
)

# unpack_packages WORK PACKAGE... : the packages and all they depend on, into WORK/root. No
# maintainer script runs: recipes do in fill() what those would have done.
unpack_packages() {
  local work=$1 debs=$CACHE/images/debs deb dir log
  shift
  command -v apt-get >/dev/null || die "images of Debian packages need apt-get"
  mkdir -p "$debs/partial" "$work/apt/none/partial"
  : >"$work/apt/status" # as if nothing were installed: every dependency is taken
  log=$work/apt/log
  local apt=(apt-get -y -q --no-install-recommends -o "Dir::State::status=$work/apt/status" -o APT::Sandbox::User=root -o Debug::NoLocking=true)
  # apt lists only what it would have to download: an empty folder makes that everything
  local resolve=("${apt[@]}" -o "Dir::Cache::archives=$work/apt/none" install --print-uris "$@")
  "${resolve[@]}" >"$log" 2>&1 || { apt-get update >/dev/null 2>&1 && "${resolve[@]}" >"$log" 2>&1; } ||
    { tail -n 10 "$log" >&2 && die "apt cannot resolve: $*"; }
  sed -n "s/^'[^']*' \([^ ]*\.deb\) .*/\1/p" "$log" >"$work/apt/files"
  "${apt[@]}" -o "Dir::Cache::archives=$debs" install --download-only "$@" >>"$log" 2>&1 || { tail -n 10 "$log" >&2 && die "apt cannot download: $*"; }
  for dir in bin sbin lib lib64; do
    mkdir -p "$work/root/usr/$dir"
    ln -s "usr/$dir" "$work/root/$dir"
  done
  while read -r deb; do
    dpkg-deb --fsys-tarfile "$debs/$deb" | tar -x --keep-directory-symlink -C "$work/root" \
      --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' --exclude='./usr/share/info/*' ||
      die "cannot unpack $deb"
  done <"$work/apt/files"
  (
    cd "$work/root"
    mkdir -p etc tmp root proc sys dev run var/tmp var/log
    chmod 1777 tmp var/tmp
    [[ -e etc/passwd ]] || printf '%s\n' root:x:0:0:root:/root:/bin/sh nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin >etc/passwd
    [[ -e etc/group ]] || printf '%s\n' root:x:0: nogroup:x:65534: >etc/group
    [[ -e etc/nsswitch.conf ]] || echo 'hosts: files dns' >etc/nsswitch.conf
    [[ ! -e usr/bin/dash || -e usr/bin/sh ]] || ln -s dash usr/bin/sh
    # shellcheck disable=SC2015
    [[ ! -d etc/ld.so.conf.d ]] || { [[ -e etc/ld.so.conf ]] || echo 'include /etc/ld.so.conf.d/*.conf' >etc/ld.so.conf; }
    /sbin/ldconfig -r . 2>/dev/null || true
  )
}
