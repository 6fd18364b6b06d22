#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash sets
# A long run. `make soak` runs it with the sanitizers; SOAK_REQUESTS is how many requests, default 100,000.

load lib

teardown() {
  stop_all
}

# bats test_tags=slow
@test "soak: mixed requests are all answered rightly, and memory stays flat" {
  # A freed block stays in ASan's quarantine for a while: a small one, so that it is full soon.
  export ASAN_OPTIONS=quarantine_size_mb=8:malloc_context_size=8
  connections=4 start_tunnel
  start soak "$peers/soak.py" "$edge_http" --requests "${SOAK_REQUESTS:-100000}" --pid "$(pid_of edge)" --pid "$(pid_of connector)"
  ended soak 900
  {
    value 'select(.requests) | "\(.requests) requests, \(.seconds) s, KiB of edge and connector: \([.resident[]] | join(" "))"' soak
    value 'select(.done)' soak
  } >&3
  [ "$(value 'select(.done) | .failures' soak)" = '{}' ]
  # Warm after three tenths; a leak of 100 bytes a request would add 7 MiB after that.
  for pid in $(pid_of edge) $(pid_of connector); do
    warm=$(value "select(.requests).resident[\"$pid\"]" soak | sed -n 3p)
    last=$(value "select(.requests).resident[\"$pid\"]" soak | tail -n 1)
    ((last - warm < 6 << 10)) || fail_with "grew from $warm to $last KiB"
  done
  within "$wait_s" metric_is "$edge_metrics" outbore_edge_requests_active 0
  within "$wait_s" metric_is "$edge_metrics" outbore_edge_visitors 0
  within "$wait_s" metric_is "$connector_metrics" cloudflared_tunnel_active_streams 0
  [ "$(metric "$edge_metrics" outbore_edge_tunnel_connections_lost_total)" = 0 ]
  stop connector
  [ "$exit_status" = 0 ]
  stop edge
  [ "$exit_status" = 0 ]
}
