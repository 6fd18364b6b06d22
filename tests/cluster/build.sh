#!/usr/bin/env bash
# Build the programs of a Kubernetes that `make cluster` tests against, all of them tool dependencies of one module of ours.
#
#   tests/cluster/build.sh [OUTDIR]        default build/cluster
#
# Leaves OUTDIR/bin/{etcd,kube-apiserver,kube-controller-manager} and writes nowhere else but to Go's caches. Programs newer
# than go.mod are kept. It takes a quarter of an hour of two processors, and 4 GiB of Go's caches. What cannot be had here
# (no tool chain of the right age, no module proxy) is one line `SKIP: ...` and not an error; wrong checksums and failed
# compilations are errors. GO names the go command to use instead of those found.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
outdir=${1:-$here/../../build/cluster}
mkdir -p "$outdir/bin" "$outdir/tmp"
outdir=$(cd "$outdir" && pwd)

# shellcheck source=tests/go.bash
source "$here/../go.bash"
export GOTMPDIR=$outdir/tmp

declare -A packages=(
  [etcd]=go.etcd.io/etcd/server/v3
  [kube-apiserver]=k8s.io/kubernetes/cmd/kube-apiserver
  [kube-controller-manager]=k8s.io/kubernetes/cmd/kube-controller-manager
)

are_built() {
  local name
  for name in "${!packages[@]}"; do
    [[ -x $outdir/bin/$name && $outdir/bin/$name -nt $here/kubernetes/go.mod ]] || return 1
  done
}

if are_built; then
  echo "have $outdir/bin"
  exit
fi
go=$(find_go 26 99 ${GO:+"$GO"} go /usr/local/go/bin/go /usr/lib/go-1.*/bin/go "$HOME"/sdk/go1.*/bin/go)
if [[ -z $go ]]; then
  echo "SKIP: kubernetes: no Go tool chain that can build it (1.26 or later)"
  exit
fi
rm -rf "$outdir/src"
cp -r "$here/kubernetes" "$outdir/src" # a copy, since -mod=mod may add lines to go.sum
cd "$outdir/src"
if ! fetch "$go" "$outdir/build.log" "${packages[@]}"; then
  echo "SKIP: kubernetes: modules not to be had: $(reason_of "$outdir/build.log")"
  exit
fi

# Each server says its version, and decides by it what it can do.
version=$(sed -n 's|^\tk8s.io/kubernetes \(v[0-9.]*\).*|\1|p' go.mod)
IFS=. read -r major minor _ <<<"${version#v}"
component=k8s.io/component-base/version
flags="-s -w -X $component.gitVersion=$version -X $component.gitMajor=$major -X $component.gitMinor=$minor"
for name in "${!packages[@]}"; do
  echo "building $name"
  nice "$go" build -mod=mod -buildvcs=false -trimpath -ldflags "$flags" -o "$outdir/bin/$name" "${packages[$name]}"
done
rm -f "$outdir/build.log"
echo "built $outdir/bin: Kubernetes $version"
