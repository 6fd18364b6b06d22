#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash sets
# tunnel as it is typed: commands, usage errors, exit statuses, records.

load lib

setup() {
  cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
  stop_all
}

# refuses STATUS EXPECTED COMMAND...: one line on stderr that begins so, nothing on stdout.
refuses() {
  run "-$1" --separate-stderr timeout 60 "${@:3}"
  [ -z "$output" ] || fail_with "on stdout: $output"
  [ "${#stderr_lines[@]}" = 1 ] || fail_with "not one line: $stderr"
  [[ $stderr == "$2"* ]] || fail_with "not '$2': $stderr"
}

# certificate NAME: NAME.pem and NAME.key for NAME.example.
certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout "$1.key" -out "$1.pem" \
    -subj "/CN=$1" -addext "subjectAltName=DNS:$1.example,DNS:h2.cftunnel.com" 2>openssl.log
}

# --- Commands ---

@test "cli: --help lists the commands, and each has its own" {
  run -0 --separate-stderr "$tunnel" --help
  [ -z "$stderr" ]
  help=$output
  for command in run edge quick ready; do
    grep -q "^  $command " <<<"$help"
    run -0 "$tunnel" "$command" --help
    [[ $output == "usage: tunnel $command "* ]]
    own=$output
    run -0 "$tunnel" help "$command"
    [ "$output" = "$own" ]
    [[ $output == *'exit status: 0 '* ]]
  done
  run -0 "$tunnel" help
  [ "$output" = "$help" ]
}

@test "cli: the version, three ways" {
  run -0 "$tunnel" --version
  [[ $output =~ ^tunnel\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
  version=$output
  run -0 "$tunnel" version
  [ "$output" = "$version" ]
  run -0 "$tunnel" edge --version
  [ "$output" = "tunnel edge ${version#* }" ]
}

@test "cli: an unknown command is no tunnel's name, and the nearest is suggested" {
  refuses 2 'tunnel: no command "rum"; did you mean "tunnel run"?' "$tunnel" rum
  refuses 2 'tunnel: no command "redy"; did you mean "tunnel ready"?' "$tunnel" --metrics 127.0.0.1:1 redy
  refuses 2 'tunnel: no command "quik"; did you mean "tunnel quick"?' "$tunnel" help quik
  refuses 2 'tunnel: no command "login"; see tunnel --help' "$tunnel" login web
  refuses 2 'tunnel: no command "a-very-long-name-of-something"; see' "$tunnel" a-very-long-name-of-something
  refuses 2 'tunnel: unknown option --bogus; see tunnel --help' "$tunnel" --bogus run
  refuses 2 'tunnel edge: unknown option --lisen-http; did you mean --listen-http?' "$tunnel" edge --lisen-http=x
}

@test "cli: options stand on both sides of the command" {
  refuses 2 'tunnel run: --loglevel loud: not one of' "$tunnel" --loglevel loud run
  refuses 2 'tunnel run: --loglevel loud: not one of' "$tunnel" run --loglevel loud
  refuses 3 'tunnel ready: 127.0.0.1:1: ' "$tunnel" --metrics 127.0.0.1:1 ready
  refuses 2 'tunnel edge: unknown option --token; see tunnel edge --help' "$tunnel" --token x edge
}

# --- tunnel run ---

@test "cli: run says what is missing or wrong" {
  credentials web
  echo '{"AccountTag":"a","TunnelID":"x","TunnelSecret":"not base64"}' >bad.json
  refuses 2 'tunnel run: --edge HOST:PORT is needed' "$tunnel"
  refuses 2 'tunnel run: --edge HOST:PORT is needed' "$tunnel" run web
  refuses 2 'tunnel run: --edge 127.0.0.1: "127.0.0.1" has no port' "$tunnel" run --edge 127.0.0.1 web
  refuses 2 'tunnel run: tunnel "web" is no UUID' "$tunnel" run --edge 127.0.0.1:1 web
  refuses 3 'tunnel run: nope.json: No such file' "$tunnel" run --edge 127.0.0.1:1 --cred-file nope.json
  refuses 3 'tunnel run: bad.json: "TunnelID" is not a UUID' "$tunnel" run --edge 127.0.0.1:1 --cred-file bad.json
  refuses 3 'tunnel run: --token: not a tunnel token' "$tunnel" run --edge 127.0.0.1:1 --token x
  refuses 3 'tunnel run: --cacert: nope.pem: No such file' \
    "$tunnel" run --edge 127.0.0.1:1 --cred-file web.json --url http://127.0.0.1:1 --cacert nope.pem
  refuses 2 'tunnel run: --ha-connections: "0" is not a number' "$tunnel" run --ha-connections 0
  refuses 2 'tunnel run: --protocol quic: only http2' "$tunnel" run --edge 127.0.0.1:1 --protocol quic
  refuses 2 'tunnel run: --url: service "http://x/path"' "$tunnel" run --edge 127.0.0.1:1 --cred-file web.json --url http://x/path
  refuses 2 'tunnel run: --url: ssh://x:22: only http' "$tunnel" run --edge 127.0.0.1:1 --cred-file web.json --url ssh://x:22
  refuses 2 'tunnel run: one tunnel can be run, 2 are named' "$tunnel" run a b
  TUNNEL_HELLO_WORLD=maybe refuses 2 'tunnel: TUNNEL_HELLO_WORLD: "maybe" is neither' "$tunnel"
}

@test "cli: flags that are not carried out are refused by name" {
  for flag in --region --edge-ip-version --post-quantum --tag --logfile --socks5 --bastion --features; do
    refuses 2 "tunnel run: $flag: not supported" "$tunnel" run $flag
  done
  TUNNEL_REGION=us refuses 2 'tunnel run: TUNNEL_REGION: not supported' "$tunnel" run
}

@test "cli: a secret that everybody can read is warned of" {
  credentials web
  chmod 644 web.json
  start_edge
  start_connector connector --url http_status:204
  for name in edge connector; do
    grep -q 'warn: everybody can read this secret; chmod o-r file=".*web.json"' "$name.err"
    stop $name
  done
  chmod 600 web.json
  start_edge
  run ! grep -q 'everybody can read' edge.err
}

# --- Records ---

@test "cli: run --json has a record for each registration and its end" {
  credentials web
  start_edge --credentials web.json --route '*=web' --location AMS
  start_connector connector --url http_status:204
  stop connector
  [ "$exit_status" = 0 ]
  jq -s -e --arg tunnel "$tunnel_id" --arg edge "$edge_tunnel" '
    length == 4 and
    all(.schema == "outbore/1" and .kind == "connection" and .tool == "tunnel" and .target == {tunnel: $tunnel} and
      .edge == $edge and .location == "AMS" and .status == "ok") and
    ([.[] | select(.event == "registered").index] | sort) == [0, 1] and
    ([.[] | select(.event == "unregistered").index] | sort) == [0, 1]' connector.out
}

@test "cli: run --json says that a connection was lost" {
  credentials web
  start_edge
  start_connector connector --url http_status:204
  stop edge KILL
  wait_for connector.out '"event":"lost"' 2
  value 'select(.event == "lost")' connector | jq -s -e --arg edge "$edge_tunnel" '
    ([.[].index] | sort) == [0, 1] and
    all(.status == "warn" and .edge == $edge and .location == "LOC" and (.reason | length > 0))'
}

@test "cli: run --json ends quietly when its reader has gone" {
  credentials web
  start_edge
  # shellcheck disable=SC2016
  run -0 --separate-stderr timeout 60 bash -c '
    { "$1" run --edge "$2" --edge "$2" --cacert "$3" --cred-file web.json --metrics 127.0.0.1:0 --loglevel warn --url http_status:204 --json
      echo $? >status; } | head -n 1
    cat status' bash "$tunnel" "$edge_tunnel" "$cacert"
  [ "$(jq -r .event <<<"${lines[0]}")" = registered ]
  [ "${lines[1]}" = 0 ]
  [ -z "$stderr" ]
}

@test "cli: run writes its process id after the first registration" {
  credentials web
  start_edge
  start_connector connector --url http_status:204 --pidfile pid
  [ "$(cat pid)" = "$(pid_of connector)" ]
}

# --- tunnel edge ---

@test "cli: edge: usage errors, before anything is made" {
  credentials web
  local well=(--tunnel-listen 127.0.0.1:0 --listen-http 127.0.0.1:0 --dev dev --credentials web.json)
  refuses 2 'tunnel edge: --tunnel-listen ADDR:PORT is needed' "$tunnel" edge
  refuses 2 'tunnel edge: --listen or --listen-http ADDR:PORT is needed' "$tunnel" edge --tunnel-listen 127.0.0.1:0
  refuses 2 'tunnel edge: --tunnel-cert and --tunnel-key are needed, or --dev' \
    "$tunnel" edge --tunnel-listen 127.0.0.1:0 --listen-http 127.0.0.1:0
  refuses 2 'tunnel edge: --listen needs --cert and --key, or --dev' \
    "$tunnel" edge --tunnel-listen 127.0.0.1:0 --listen 127.0.0.1:0 --tunnel-cert a --tunnel-key b
  refuses 2 'tunnel edge: --cert and --key come in pairs: 1 and 0 given' "$tunnel" edge "${well[@]}" --cert a
  refuses 2 'tunnel edge: --tunnel-cert and --tunnel-key come as a pair' "$tunnel" edge "${well[@]}" --tunnel-cert a
  refuses 2 'tunnel edge: --route x: not HOST=TUNNEL' "$tunnel" edge "${well[@]}" --route x
  refuses 2 'tunnel edge: --route =web: "" is no host name' "$tunnel" edge "${well[@]}" --route =web
  refuses 2 'tunnel edge: --route *.*.x=web: "*.*.x" is no host' "$tunnel" edge "${well[@]}" --route '*.*.x=web'
  refuses 2 'tunnel edge: --route X.y=web: "x.y" is routed twice' \
    "$tunnel" edge "${well[@]}" --route x.y=web --route X.y=web
  refuses 2 'tunnel edge: --listen-http 127.0.0.1: "127.0.0.1" has no port' "$tunnel" edge "${well[@]}" --listen-http 127.0.0.1
  refuses 2 'tunnel edge: --metrics x: ' "$tunnel" edge "${well[@]}" --metrics x
  refuses 2 'tunnel edge: --location a-b: only letters and digits' "$tunnel" edge "${well[@]}" --location a-b
  refuses 2 'tunnel edge: --access-log - and --json' "$tunnel" edge "${well[@]}" --access-log - --json
  refuses 2 'tunnel edge: --grace-period: "5" is not a duration' "$tunnel" edge "${well[@]}" --grace-period 5
  refuses 2 'tunnel edge: --loglevel loud' "$tunnel" edge "${well[@]}" --loglevel loud
  refuses 2 'tunnel edge: unexpected argument "web"' "$tunnel" edge "${well[@]}" web
  [ ! -e dev ]
}

@test "cli: edge: what it cannot use is named, with file and option" {
  credentials web
  (umask 077 && mkdir other && jq '.TunnelID = "22222222-2222-3333-4444-555555555555"' web.json >other/web.json)
  certificate a
  certificate b
  openssl ec -in a.key -aes128 -passout pass:x -out locked.key 2>openssl.log
  echo nonsense >bad.pem
  local ports=(--tunnel-listen 127.0.0.1:0 --listen-http 127.0.0.1:0) dev=(--dev dev)
  refuses 3 'tunnel edge: --cert, --key: b.key: not the key of a.pem' \
    "$tunnel" edge "${ports[@]}" "${dev[@]}" --cert a.pem --key b.key
  refuses 3 'tunnel edge: --cert, --key: nope.pem: No such file' \
    "$tunnel" edge "${ports[@]}" "${dev[@]}" --cert nope.pem --key a.key
  refuses 3 'tunnel edge: --cert, --key: bad.pem: no certificate in it' \
    "$tunnel" edge "${ports[@]}" "${dev[@]}" --cert bad.pem --key a.key
  refuses 3 'tunnel edge: --cert, --key: locked.key: no key in it; PEM without passphrase' \
    "$tunnel" edge "${ports[@]}" "${dev[@]}" --cert a.pem --key locked.key
  refuses 3 'tunnel edge: --tunnel-cert, --tunnel-key: bad.pem: no key in it' \
    "$tunnel" edge "${ports[@]}" --tunnel-cert a.pem --tunnel-key bad.pem
  refuses 3 'tunnel edge: --credentials: nope.json: No such file' "$tunnel" edge "${ports[@]}" "${dev[@]}" --credentials nope.json
  refuses 3 'tunnel edge: --credentials: bad.pem: line 1: not valid JSON' \
    "$tunnel" edge "${ports[@]}" "${dev[@]}" --credentials bad.pem
  refuses 3 'tunnel edge: --credentials: other/web.json: another tunnel is named "web" already' \
    "$tunnel" edge "${ports[@]}" "${dev[@]}" --credentials web.json --credentials other/web.json
  refuses 3 'tunnel edge: --route x=shop: no tunnel "shop"' \
    "$tunnel" edge "${ports[@]}" "${dev[@]}" --credentials web.json --route x=shop
  [ ! -e dev ]
  refuses 3 'tunnel edge: --dev: ' "$tunnel" edge "${ports[@]}" --dev bad.pem/dev
  refuses 3 'tunnel edge: access log nope/log: No such file' "$tunnel" edge "${ports[@]}" "${dev[@]}" --access-log nope/log
  start_edge --credentials web.json
  refuses 3 "tunnel edge: --tunnel-listen: listen $edge_tunnel: Address already in use; another program" \
    "$tunnel" edge --tunnel-listen "$edge_tunnel" --listen-http 127.0.0.1:0 "${dev[@]}" --access-log log
  [ ! -e log ]
}

@test "cli: edge --config: the same names as keys, the command line wins" {
  credentials web
  cat >edge.yml <<'END'
# lists where an option may be repeated, or a single value
listen-http: [127.0.0.1:0, "127.0.0.1:0"]
tunnel-listen: 127.0.0.1:0
dev: nowhere
credentials:
  - web.json
route: ["*.example.com=web", shop.example.org=web]
json: true
location: FILE
loglevel: debug
END
  start edge "$tunnel" edge --config edge.yml --dev dev --metrics 127.0.0.1:0
  wait_for edge.out '"event":"ready"'
  [ ! -e nowhere ] && [ -e dev/ca.pem ]
  edge_http=$(edge_address public-http)
  edge_tunnel=$(edge_address tunnel)
  [ "$(wc -l <<<"$edge_http")" = 2 ]
  edge_http=$(head -n 1 <<<"$edge_http") cacert=$PWD/dev/ca.pem
  start_connector connector --url http_status:204
  [ "$(fetch / -H 'Host: a.example.com' -w '%{http_code}')" = 204 ]
  [ "$(fetch / -H 'Host: shop.example.org' -w '%{http_code}')" = 204 ]
  [ "$(fetch / -H 'Host: example.org' -o /dev/null -w '%{http_code}')" = 404 ]
  [ "$(value .location connector | sort -u)" = FILE ]
}

@test "cli: edge --config: errors name file and line" {
  wrong() {
    printf '%b' "$2" >edge.yml
    refuses 2 "tunnel edge: edge.yml:$1" "$tunnel" edge --config edge.yml
  }
  wrong '2: unknown key "rout"; keys are' 'location: A\nrout: [a=b]\n'
  wrong '1: unknown key "config"' 'config: edge.yml\n'
  wrong '2: "dev" is given twice' 'dev: a\ndev: b\n'
  wrong '1: grace-period: "5" is not a duration' 'grace-period: 5\n'
  wrong '1: json: "maybe" is neither true nor false' 'json: maybe\n'
  wrong '1:6: a single value is expected' 'dev: [a]\n'
  wrong '1:5: a single value is expected' 'dev:\n'
  wrong '2:5: a value or a list of values is expected' 'route:\n  - {a: b}\n'
  wrong '1:1: keys and values are expected' '- listen\n'
  wrong '1:9: ' 'route: *.example.com=web\n'
  wrong '2:1: ' 'listen: [\n'
  printf '' >edge.yml
  refuses 2 'tunnel edge: --tunnel-listen ADDR:PORT is needed' "$tunnel" edge --config edge.yml
  refuses 2 'tunnel edge: nope.yml: No such file' "$tunnel" edge --config nope.yml
}

@test "cli: edge says on stderr where it listens, and nothing on stdout" {
  start edge "$tunnel" edge --listen-http 127.0.0.1:0 --tunnel-listen '[::1]:0' --dev dev
  wait_for edge.err '^tunnel \[::1\]:[1-9]'
  grep -q -E '^public-http 127\.0\.0\.1:[1-9][0-9]*$' edge.err
  [ ! -s edge.out ]
  [ "$(stat -c %a dev/ca.key dev/tunnel.key dev/public.key dev | paste -sd' ')" = '600 600 600 700' ]
}

# nothing_in_its_place NAME: standard input and both outputs of a process are /dev/null.
nothing_in_its_place() {
  local pid
  pid=$(pid_of "$1")
  [ "$(readlink "/proc/$pid/fd/0" "/proc/$pid/fd/1" "/proc/$pid/fd/2" | paste -sd' ')" = '/dev/null /dev/null /dev/null' ]
}

@test "cli: where a standard stream is closed, no file or connection gets its number" {
  # shellcheck disable=SC2016 # the shell that is started takes its own arguments
  start edge bash -c 'exec "$@" 0<&- 1>&- 2>&-' edge "$tunnel" edge --listen-http 127.0.0.1:0 --tunnel-listen 127.0.0.1:0 \
    --dev dev --loglevel debug
  within "$wait_s" nothing_in_its_place edge
  run -3 bash -c "'$tunnel' edge token make --store edge.db >&-"
  [[ $output == "tunnel edge token: stdout: Bad file descriptor" ]]
}

# --- tunnel ready, and what it asks ---

@test "cli: ready is 0 when connected, 1 when not, 3 when it cannot tell" {
  credentials web
  start_edge
  start_connector connector --url http_status:204
  run -0 --separate-stderr "$tunnel" ready --metrics "$connector_metrics"
  [ "$output" = "$connector_metrics: ready, connections: 2" ]
  [ -z "$stderr" ]
  TUNNEL_METRICS=$connector_metrics run -0 "$tunnel" ready --json
  jq -e --arg url "http://$connector_metrics" '
    .schema == "outbore/1" and .kind == "probe" and .tool == "tunnel" and .target.url == $url and .status == "ok" and
    .tunnel.ready and .tunnel.connections == 2 and (.tunnel.connector_id | length) == 36 and .took_ms > 0' <<<"$output"
  run -0 "$tunnel" ready --metrics "$edge_metrics"
  [ "$output" = "$edge_metrics: ready, connections: 2" ]

  stop edge KILL
  within "$wait_s" metric_is "$connector_metrics" 'cloudflared_tunnel_server_locations{connection_id="0",edge_location="LOC"}' 0
  within "$wait_s" metric_is "$connector_metrics" 'cloudflared_tunnel_server_locations{connection_id="1",edge_location="LOC"}' 0
  run -1 "$tunnel" ready --metrics "$connector_metrics"
  [ "$output" = "$connector_metrics: not ready, connections: 0" ]
  run -1 "$tunnel" ready --metrics "$connector_metrics" --json
  jq -e '.status == "fail" and .tunnel.ready == false and .tunnel.connections == 0' <<<"$output"

  stop connector
  refuses 3 "tunnel ready: $connector_metrics: Connection refused" "$tunnel" ready --metrics "$connector_metrics"
  run -3 --separate-stderr "$tunnel" ready --json --metrics "$connector_metrics"
  jq -e '.kind == "error" and .status == "error" and (.message | test("Connection refused"))' <<<"$output"
}

@test "cli: ready tells what is no tunnel, and does not wait for ever" {
  start_origin
  refuses 3 "tunnel ready: 127.0.0.1:$origin_port: what answers there (200) is no tunnel" \
    "$tunnel" ready --metrics "127.0.0.1:$origin_port"
  start silent /usr/bin/python3 -u -c 'import socket, time
s = socket.create_server(("127.0.0.1", 0)); print("ready", s.getsockname()[1]); time.sleep(60)'
  wait_for silent.out ready
  port=$(cut -d' ' -f2 silent.out)
  refuses 3 "tunnel ready: 127.0.0.1:$port: no answer in time" "$tunnel" ready --timeout 100ms --metrics "127.0.0.1:$port"
  refuses 2 'tunnel ready: --metrics x: "x"' "$tunnel" ready --metrics x
  refuses 2 'tunnel ready: unexpected argument "now"' "$tunnel" ready now
  refuses 2 'tunnel ready: --timeout: "0s" is not between' "$tunnel" ready --timeout 0s
}

# --- Metrics ---

@test "cli: calls to the edge and connections to the service are counted" {
  start_tunnel
  fetch /echo -o /dev/null
  fetch /echo -o /dev/null # over the same connection
  within "$wait_s" metric_is "$connector_metrics" cloudflared_tunnel_total_requests 2
  [ "$(metric "$connector_metrics" cloudflared_proxy_connect_latency_count)" = 1 ]
  [ "$(metric "$connector_metrics" cloudflared_proxy_connect_streams_errors)" = 0 ]
  local labels='handler="registration",method="register_connection"'
  [ "$(metric "$connector_metrics" "cloudflared_rpc_client_operations{$labels}")" = 2 ]
  [ "$(metric "$connector_metrics" "cloudflared_rpc_client_failures{$labels}")" = 0 ]
  [ "$(metric "$connector_metrics" "cloudflared_rpc_client_latency_secs_count{$labels}")" = 2 ]
}

@test "cli: a service that is not there is counted" {
  credentials web
  start_edge
  start_connector connector --url http://127.0.0.1:1
  [ "$(fetch / -o /dev/null -w '%{http_code}')" = 502 ]
  [ "$(metric "$connector_metrics" cloudflared_proxy_connect_streams_errors)" = 1 ]
  [ "$(metric "$connector_metrics" cloudflared_tunnel_request_errors)" = 1 ]
}
