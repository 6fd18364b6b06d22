#!/usr/bin/env bash
# Our edge against connectors that nobody here wrote: the tests tagged "interop" of tests/*.bats, once for each
# connector, then cloudflared.bats, kube.bats and manage.bats. Prints a table of tests by connectors, and counts.
#
#   CLOUDFLARED=FILE        a recent cloudflared        CLOUDFLARED_OLD=FILE    2023.7.0
#
# Those that are not given are built by build.sh where that is possible. A connector without a binary is SKIP in all
# rows. CONNECTORS: which of ours, cloudflared-new and cloudflared-old take part (default all). OUTBORE_BIN: directory of
# our programs (default bin/). Results stay in build/interop/tap/CONNECTOR.
# Exit status: 0 nothing failed, 1 something did.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$here/../..
results=$top/build/interop
mkdir -p "$results"
results=$(cd "$results" && pwd)

missing=()
[[ -n ${CLOUDFLARED:-} ]] || missing+=(cloudflared-new)
[[ -n ${CLOUDFLARED_OLD:-} ]] || missing+=(cloudflared-2023.7.0)
((${#missing[@]} == 0)) || "$here/build.sh" "$results" "${missing[@]}"
built() {
  if [[ -x $results/$1 ]]; then echo "$results/$1"; fi
}
export CLOUDFLARED=${CLOUDFLARED:-$(built cloudflared-new)}
export CLOUDFLARED_OLD=${CLOUDFLARED_OLD:-$(built cloudflared-2023.7.0)}

declare -A result # of "CONNECTOR/TEST": ok, FAIL, SKIP or -
declare -A binary=([ours]=- [cloudflared-new]=$CLOUDFLARED [cloudflared-old]=$CLOUDFLARED_OLD)
read -r -a connectors <<<"${CONNECTORS:-ours cloudflared-new cloudflared-old}"
shared=("$top"/tests/tunnel_*.bats)
tests=()

# names FILE...: of the tests that take part, as bats prints them; with all=1, of all.
names() {
  awk '/^# bats test_tags=.*interop/ { take = 1; next }
    /^@test "/ { if (take || all) { sub(/^@test "/, ""); sub(/" \{$/, ""); gsub(/\\"/, "\""); print } take = 0 }' all="${all:-}" "$@"
}

# read_results CONNECTOR: what its TAP files say.
read_results() {
  local line
  while read -r line; do
    case $line in
      'ok '*) result[$1/$(sed -E 's/^ok [0-9]+ //; s/ # skip.*//; s/ in [0-9]+ms$//' <<<"$line")]=ok ;;
      'not ok '*) result[$1/$(sed -E 's/^not ok [0-9]+ //; s/ in [0-9]+ms$//' <<<"$line")]=FAIL ;;
    esac
  done < <(find "$results/tap/$1" -name '*.tap' -exec cat {} +)
}

# skip_all: the TAP of a connector that is not there.
skip_all() {
  local number=0 name
  echo "1..$((${#tests[@]} + ${#special[@]}))"
  for name in "${tests[@]}" "${special[@]}"; do
    echo "ok $((++number)) $name # skip no binary"
  done
}

mapfile -t tests < <(names "${shared[@]}")
mapfile -t special < <(all=1 names "$here/cloudflared.bats" "$here/kube.bats" "$here/manage.bats")

for connector in "${connectors[@]}"; do
  if [[ -z ${binary[$connector]} ]]; then
    rm -rf "$results/tap/$connector"
    mkdir -p "$results/tap/$connector"
    skip_all >"$results/tap/$connector/report.tap"
    continue
  fi
  echo "--- $connector" >&2
  files=("${shared[@]}")
  [[ $connector = ours ]] || files+=("$here/cloudflared.bats" "$here/kube.bats" "$here/manage.bats")
  CONNECTOR=$connector "$top/scripts/bats-run" "$results/tap/$connector" interop "${files[@]}" >&2 || true
  read_results "$connector"
done

declare -A count=([ok]=0 [FAIL]=0 [SKIP]=0 [-]=0)
printf '\n%-112s' 'our edge and'
printf ' %15s' "${connectors[@]}"
echo
for name in "${tests[@]}" "${special[@]}"; do
  printf '%-112.112s' "$name"
  for connector in "${connectors[@]}"; do
    outcome=${result[$connector/$name]:-FAIL} # a test without a result did not even run
    [[ $connector != ours || $name != cloudflared:* ]] || outcome=-
    [[ -n ${binary[$connector]} ]] || outcome=SKIP
    printf ' %15s' "$outcome"
    count[$outcome]=$((count[$outcome] + 1))
  done
  echo
done
printf '\n%d passed, %d failed, %d skipped\n' "${count[ok]}" "${count[FAIL]}" "${count[SKIP]}"
for connector in cloudflared-new cloudflared-old; do
  [[ -z ${binary[$connector]} ]] || echo "$connector: $("${binary[$connector]}" --version)"
  [[ -n ${binary[$connector]} ]] || echo "SKIP: $connector: no binary"
done
((count[FAIL] == 0))
