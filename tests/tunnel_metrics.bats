#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash sets
# What operators see: metrics, readiness.

load lib

setup_file() {
  start_tunnel
  fetch /echo -o /dev/null
  fetch /status/404 -o /dev/null
  fetch /status/503 -o /dev/null
  fetch /noheader -o /dev/null
}

teardown_file() {
  stop_all
}

teardown() {
  stop_all
}

# complaints ADDRESS: what promtool says; it must be able to read all of it.
complaints() {
  curl -sf "http://$1/metrics" >"$BATS_TEST_TMPDIR/metrics"
  run --separate-stderr promtool check metrics <"$BATS_TEST_TMPDIR/metrics"
  [ "$status" = 0 ] || [ "$status" = 3 ]
  [ -z "$output" ]
}

@test "metrics: promtool has nothing to say on the edge's" {
  complaints "$edge_metrics"
  [ -z "$stderr" ]
  grep -q '^outbore_edge_requests_total 4$' "$BATS_TEST_TMPDIR/metrics"
}

@test "metrics: promtool complains of cloudflared's own names only" {
  complaints "$connector_metrics"
  unknown=$(sort <<<"$stderr" | comm -23 - <(sort "$top/tests/metrics-complaints.txt"))
  [ -z "$unknown" ] || fail_with "$unknown"
}

@test "metrics: the article's three, and cloudflared's counters, count" {
  [ "$(metric "$connector_metrics" cloudflared_tunnel_requests_total)" = 4 ]
  [ "$(metric "$connector_metrics" cloudflared_tunnel_total_requests)" = 4 ]
  [ "$(metric "$connector_metrics" cloudflared_tunnel_active_streams)" = 0 ]
  [ "$(metric "$connector_metrics" cloudflared_tunnel_response_duration_seconds_count)" = 4 ]
  [ "$(metric "$connector_metrics" 'cloudflared_tunnel_response_by_code{status_code="404"}')" = 1 ]
  [ "$(metric "$connector_metrics" 'cloudflared_tunnel_response_by_code{status_code="502"}')" = 1 ]
  [ "$(metric "$connector_metrics" cloudflared_tunnel_request_errors)" = 1 ]
  [ "$(metric "$connector_metrics" cloudflared_tunnel_ha_connections)" = 2 ]
}

@test "metrics: /ready, /healthcheck, /quicktunnel, and 404 for the rest" {
  for address in "$edge_metrics" "$connector_metrics"; do
    run -0 curl -s -o /dev/null -w '%{http_code}' "http://$address/ready"
    [ "$output" = 200 ]
    run -0 curl -s "http://$address/healthcheck"
    [ "$output" = OK ]
    run -0 curl -s -o /dev/null -w '%{http_code}' "http://$address/nothing"
    [ "$output" = 404 ]
  done
  run -0 curl -s "http://$connector_metrics/quicktunnel"
  [ "$output" = '{"hostname":""}' ]
  [ "$(curl -s "http://$connector_metrics/ready" | jq -c '[.status, .readyConnections]')" = '[200,2]' ]
}
