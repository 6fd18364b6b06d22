#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash sets
# Our edge and habits that only cloudflared has. Run by run.sh, with CONNECTOR naming which.

load ../lib

teardown() {
  stop_all
}

# bats test_tags=interop
@test "cloudflared: four connections, spread over the edge's addresses" {
  connections=4 start_tunnel
  [ "$(metric "$edge_metrics" outbore_edge_tunnel_connections)" = 4 ]
  [ "$(curl -s "http://$connector_metrics/ready" | jq .readyConnections)" = 4 ]
}

# bats test_tags=interop
@test "cloudflared: its configuration is taken" {
  start_tunnel
  within "$wait_s" metric_is "$connector_metrics" cloudflared_config_local_config_pushes 1
  [ "$(metric "$connector_metrics" cloudflared_config_local_config_pushes_errors)" = 0 ]
}

# bats test_tags=interop
@test "cloudflared: with a token" {
  credentials web
  start_origin
  start_edge
  # Taken from the edge's file; the one beside it gets another secret, which would be refused.
  token=$(jq -c '{a: .AccountTag, t: .TunnelID, s: .TunnelSecret}' "$BATS_TEST_TMPDIR/web.json" | base64 -w 0)
  credentials web
  TUNNEL_TOKEN=$token start_connector connector --url "http://127.0.0.1:$origin_port"
  [ "$(fetch '/bytes?n=65536' | sha256sum)" = "$(sum_of 65536)  -" ]
}

# bats test_tags=interop
@test "cloudflared: what it tries out before it connects does no harm" {
  credentials web
  start_origin
  start_edge
  prechecks='' start_connector connector --url "http://127.0.0.1:$origin_port"
  [ "$(fetch '/bytes?n=65536' | sha256sum)" = "$(sum_of 65536)  -" ]
  run grep -E 'WARN|ERROR|warn:|error:' "$BATS_TEST_TMPDIR/edge.err"
  [ "$status" = 1 ]
}

# bats test_tags=interop
@test "cloudflared: one that starts while the edge is draining does not give up, and finds the next edge" {
  start_tunnel
  start visitor "$peers/visitor.py" steps "$edge_http" '/step?n=1&id=slow'
  within "$wait_s" metric_is "$edge_metrics" outbore_edge_requests_active 1
  signal edge TERM
  wait_for edge.err draining
  launch_connector second --url "http://127.0.0.1:$origin_port"
  wait_for second.err 'refused' 2
  is_running second
  curl -sf "http://127.0.0.1:$origin_port/ack?id=slow" -o /dev/null
  ended edge
  stop connector KILL
  start_edge
  wait_s=90 wait_registered second 1
  [ "$(fetch '/bytes?n=65536' | sha256sum)" = "$(sum_of 65536)  -" ]
}

# bats test_tags=interop
@test "cloudflared: a tunnel that the edge does not know is retried, not given up" {
  credentials web
  credentials other 22222222-3333-4444-5555-666666666666
  start_edge
  web=other.json tunnel_id=22222222-3333-4444-5555-666666666666 launch_connector connector --url http://127.0.0.1:1
  wait_for edge.err 'refused' 2
  is_running connector
  stop connector
  [ "$exit_status" = 0 ]
}

# bats test_tags=interop
@test "cloudflared: 5,000 requests given up do not cut its connection" {
  start_tunnel
  run -0 "$peers/visitor.py" abandon "$edge_http" '/meet?n=99999&id=never' --count 5000
  [ "$(jq .begun <<<"$output")" = 5000 ]
  within "$wait_s" metric_is "$edge_metrics" outbore_edge_requests_active 0
  [ "$(fetch '/bytes?n=65536' | sha256sum)" = "$(sum_of 65536)  -" ]
  [ "$(metric "$edge_metrics" outbore_edge_tunnel_connections_lost_total)" = 0 ]
}

# bats test_tags=interop
@test "cloudflared: response headers of 100 KiB cost their own request only" {
  start_tunnel
  start visitor "$peers/visitor.py" steps "$edge_http" '/step?n=1&id=slow'
  within "$wait_s" metric_is "$edge_metrics" outbore_edge_requests_active 1
  run -0 fetch '/bighdr?n=102400' -o /dev/null -w '%{http_code}'
  [ "$output" = 502 ]
  run -0 fetch '/bighdr?n=1000000' -o /dev/null -w '%{http_code}'
  [ "$output" = 502 ]
  [ "$(metric "$edge_metrics" outbore_edge_oversized_response_heads_total)" = 2 ]
  curl -sf "http://127.0.0.1:$origin_port/ack?id=slow" -o /dev/null
  ended visitor
  [ "$(value '.events | length' visitor)" = 1 ]
  [ "$(metric "$edge_metrics" outbore_edge_tunnel_connections_lost_total)" = 0 ]
}
