#!/usr/bin/env bash
# Build the cloudflared binaries that `make interop` tests against, each a tool dependency of a module of ours.
#
#   tests/interop/build.sh [OUTDIR [NAME...]]        default build/interop, and both
#
# Leaves OUTDIR/cloudflared-new and OUTDIR/cloudflared-2023.7.0 and writes nowhere else but to Go's caches. A
# binary newer than its go.mod is kept. What cannot be had here (no tool chain of the right age, no module proxy)
# is one line `SKIP: ...` and not an error; wrong checksums and failed compilations are errors.
# GO and GO_OLD name the go commands to use instead of those found.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
outdir=${1:-$here/../../build/interop}
names=" ${*:2} "
[[ $names != '  ' ]] || names=' cloudflared-new cloudflared-2023.7.0 '
mkdir -p "$outdir/src" "$outdir/tmp"
outdir=$(cd "$outdir" && pwd)

# shellcheck source=tests/go.bash
source "$here/../go.bash"
package=github.com/cloudflare/cloudflared/cmd/cloudflared
export GOTMPDIR=$outdir/tmp

# build NAME VERSION GO: compile one binary in a copy of its module, since -mod=mod may add lines to go.sum.
build() {
  local name=$1 version=$2 go=$3 binary=$outdir/$1 work=$outdir/src/$1 log=$outdir/$1.log
  [[ $names == *" $name "* ]] || return 0
  if [[ -x $binary && $binary -nt $here/$name/go.mod ]]; then
    echo "have $binary"
    return
  fi
  if [[ -z $go ]]; then
    echo "SKIP: $name: no Go tool chain that can build it (tests/interop/README.md says which)"
    return
  fi
  rm -rf "$work"
  cp -r "$here/$name" "$work"
  cd "$work"
  if ! fetch "$go" "$log" "$package"; then
    echo "SKIP: $name: modules not to be had: $(reason_of "$log")"
    return
  fi
  nice "$go" build -mod=mod -buildvcs=false -trimpath -p 1 -ldflags "-X main.Version=$version" -o "$binary" "$package"
  rm -f "$log"
  echo "built $binary"
}

build cloudflared-new 2026.7.1-2-g2601f87b5728 \
  "$(find_go 26 99 ${GO:+"$GO"} go /usr/local/go/bin/go /usr/lib/go-1.*/bin/go "$HOME"/sdk/go1.*/bin/go)"
build cloudflared-2023.7.0 2023.7.0 \
  "$(find_go 19 20 ${GO_OLD:+"$GO_OLD"} /usr/lib/go-1.{20,19}/bin/go "$HOME"/sdk/go1.{20,19}*/bin/go go)"
