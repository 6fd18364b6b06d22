#!/usr/bin/env bash
# credrotate, and what the tests take for Kubernetes, against a real API server with its controllers.
#
#   tests/cluster/run.sh [FILE...]        default all of the files below
#
# build.sh makes the programs, up runs them, tests/peers/kubenode.py stands for the node: what is real and what is not is in
# README.md beside this file. Then cluster.bats, kube_cluster.bats, and the files that else run before tests/peers/kubeapi.py: those of
# credrotate, and kubeapi.bats, whose clients of others have to find the same in both. CLOUDFLARED=FILE, a recent one: that too in
# pods. OUTBORE_BIN and OUTBORE_BUILD: as for the bats files. Results stay in build/cluster/tap.
# Exit status: 0 nothing failed, or the programs cannot be had here; 1 something did.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
mkdir -p "$top/build/cluster"
results=$top/build/cluster
files=("$@")
((${#files[@]})) || files=("$here/cluster.bats" "$top"/tests/{kube_cluster,credrotate_kube,credrotate_kube_ends,kubeapi}.bats)
export OUTBORE_BIN=${OUTBORE_BIN:-$top/bin}

"$here/build.sh" "$results"
for program in etcd kube-apiserver kube-controller-manager; do
  if [[ ! -x $results/bin/$program ]]; then
    echo "SKIP: no $program, so nothing was asked of a real Kubernetes"
    exit
  fi
done

# --- The cluster, and a node for the namespace of kube_cluster.bats ---

export OUTBORE_TEST_CLUSTER=$results/run OUTBORE_TEST_NAMESPACE=outbore OUTBORE_TEST_EDGE_HOST=127.0.0.1
export OUTBORE_TEST_KUBECONFIG=$OUTBORE_TEST_CLUSTER/admin.kubeconfig
export OUTBORE_TEST_KUBE_IMAGE=outbore # a name: a container's command is run as it stands
pids=()
finish() {
  local pid
  for pid in "${pids[@]}"; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
}
trap finish EXIT

# launch NAME WORD...: in the background, until it says that it is ready. The last that began is the first to end.
launch() {
  local name=$1
  shift
  : >"$results/$name.out"
  "$@" >"$results/$name.out" 2>"$results/$name.err" &
  pids=($! "${pids[@]}")
  until grep -q '^ready' "$results/$name.out"; do
    kill -0 "${pids[0]}" 2>/dev/null || {
      cat "$results/$name.err" >&2
      exit 1
    }
    sleep 0.1
  done
}

kubectl=${KUBECTL:-kubectl}
launch up "$here/up" "$results/bin" "$OUTBORE_TEST_CLUSTER"
"$kubectl" --kubeconfig "$OUTBORE_TEST_KUBECONFIG" create namespace "$OUTBORE_TEST_NAMESPACE"
rm -rf "$results/node"
mkdir "$results/node"
launch node env -C "$results/node" PATH="$OUTBORE_BIN:$PATH" "$top/tests/peers/kubenode.py" --cluster "$OUTBORE_TEST_CLUSTER" \
  --namespace "$OUTBORE_TEST_NAMESPACE" --pods "$results/node/pods" --keep

# --- The tests ---

"$top/scripts/bats-run" "$results/tap" '!nothing' "${files[@]}" && status=0 || status=1
if [[ -n ${CLOUDFLARED:-} ]] && (($# == 0)); then
  CONNECTOR=cloudflared-new "$top/scripts/bats-run" "$results/tap/cloudflared" interop "$top/tests/interop/kube.bats" || status=1
fi
tap=$(find "$results/tap" -name '*.tap' -exec cat {} +)
skipped=$(grep -c '^ok .* # skip' <<<"$tap") || true
passed=$(($(grep -c '^ok ' <<<"$tap") - skipped)) || true
failed=$(grep -c '^not ok ' <<<"$tap") || true
"$kubectl" --kubeconfig "$OUTBORE_TEST_KUBECONFIG" version
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
((status == 0))
