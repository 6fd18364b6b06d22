#!/usr/bin/env bats
# RFC 6455 and RFC 7692, case by case (tests/wscat/conformance.py), against both ends of wscat.

load lib

wscat=${OUTBORE_BIN:-$top/bin}/wscat

# passes ROLE LEAST: every case, and no fewer than that many.
passes() {
  run -0 "$top/tests/wscat/conformance.py" "$wscat" "$1"
  (($(grep -c '^ok' <<<"$output") >= $2)) || fail_with "too few cases: $(tail -n 3 <<<"$output")"
}

@test "conformance: the server passes 585 cases" {
  passes server 585
}

@test "conformance: the client passes 594 cases" {
  passes client 594
}
