#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash sets
# The Debian packages: what they say of themselves, without building them.
# bats file_tags=once

load lib

# field PACKAGE NAME: of its paragraph in debian/control, Source counting as a package; lines joined.
field() {
  awk -v package="$1" -v name="$2" '
    /^(Source|Package): / { here = $2 == package && ($1 == "Package:" || !seen++) }
    !here { next }
    /^[^ ]/ { taken = index($0, name ":") == 1 }
    taken { sub("^" name ": *", ""); print }' "$top/debian/control" | tr -d '\n'
}

@test "debian: every installed file belongs to one package, and no package waits for another" {
  make -s -C "$top" install-man install-share install-units PREFIX=/usr DESTDIR="$BATS_TEST_TMPDIR" >/dev/null
  mkdir -p "$BATS_TEST_TMPDIR/usr/bin"
  local program file taken
  for program in $(make -s -C "$top" print-programs); do
    touch "$BATS_TEST_TMPDIR/usr/bin/$program"
  done
  cd "$BATS_TEST_TMPDIR"
  while read -r file; do
    taken=$(while read -r path; do [[ $file == "$path" || $file == "$path"/* ]] && echo "$path"; done \
      < <(cat "$top"/debian/*.install) | wc -l)
    [ "$taken" -eq 1 ] || fail_with "$file is in $taken packages"
  done < <(find usr -type f)
  while read -r path; do
    [ -e "$path" ] || fail_with "$path is not installed"
  done < <(cat "$top"/debian/*.install)
}

@test "debian: the units name the programs where they are installed, and uninstall takes away what install brought" {
  make -s -C "$top" install-man install-share install-units PREFIX=/usr PROGRAM_PREFIX=ob- DESTDIR="$BATS_TEST_TMPDIR" >/dev/null
  cd "$BATS_TEST_TMPDIR/usr"
  [ "$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' lib/systemd/system/ob-*.service | xargs)" = "/usr/bin/ob-credrotate /usr/bin/ob-tunnel" ]
  [ -s share/outbore/policies/owasp.yaml ] && [ -s share/outbore/schema/rotation.json ]
  make -s -C "$top" uninstall PREFIX=/usr PROGRAM_PREFIX=ob- DESTDIR="$BATS_TEST_TMPDIR" >/dev/null
  [ -z "$(find . -type f)" ]
}

@test "debian: wscat and node-ws exclude one another, the rest does not" {
  [ "$(field outbore-wscat Conflicts)" = node-ws ]
  [ -z "$(field outbore Conflicts)" ]
  grep -qx usr/bin/wscat "$top/debian/outbore-wscat.install"
  # The path that clashes, where node-ws is at hand.
  ! dpkg -s node-ws >/dev/null 2>&1 || dpkg -L node-ws | grep -qx /usr/bin/wscat
}

@test "debian: builds with what scripts/deps installs, and is of the version that the programs print" {
  local built listed
  built=$(field outbore Build-Depends | tr ',' '\n' | sed -n 's/^ *\(lib[^ ]*\|zlib[^ ]*\).*/\1/p' | sort)
  listed=$(sed -n "/\[build\]=/,/make zlib/p" "$top/scripts/deps" | tr -s " '=" '\n' | grep -E -- '-dev$' | grep -v '^libc6' | sort)
  [ -n "$built" ]
  [ "$built" = "$listed" ] || fail_with "$(diff <(echo "$built") <(echo "$listed"))"
  [ "$(sed -n '1s/.*(\(.*\)-.*/\1/p' "$top/debian/changelog")" = "$("$tunnel" --version | cut -d' ' -f2)" ]
}
