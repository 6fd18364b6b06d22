# Programs of others that are built of Go modules, for the build.sh of tests/interop and of tests/cluster.

export GOTOOLCHAIN=local GOWORK=off CGO_ENABLED=0

# find_go LOWEST HIGHEST CANDIDATE...: the first candidate that is Go 1.LOWEST to 1.HIGHEST.
find_go() {
  local lowest=$1 highest=$2 candidate minor
  shift 2
  for candidate in "$@"; do
    minor=$("$candidate" version 2>/dev/null | sed -n 's/^go version go1\.\([0-9]*\).*/\1/p') || continue
    if [[ -n $minor ]] && ((minor >= lowest && minor <= highest)); then
      echo "$candidate"
      return
    fi
  done
}

# fetch GO LOG PACKAGE...: download every package that these need, judging what stands in the way.
fetch() {
  local go=$1 log=$2
  if nice "$go" list -mod=mod -deps "${@:3}" >/dev/null 2>"$log"; then
    return 0
  fi
  if grep -Eq 'checksum mismatch|SECURITY ERROR' "$log"; then
    cat "$log" >&2
    exit 1
  fi
  return 1
}

# reason_of LOG: what stood in the way, on one line.
reason_of() {
  grep -v '^go: downloading' "$1" | paste -sd ' ' | tr -s '\t ' ' '
}
