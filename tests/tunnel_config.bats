#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2030,SC2031 # what lib.bash sets, and run, in a test that is a subshell
# The configuration file of `tunnel run`: where it is found, what wins over it, what is refused, what it does.

load lib

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  export HOME=$BATS_TEST_TMPDIR/home
  mkdir "$HOME"
  unset "${!TUNNEL_@}" NO_AUTOUPDATE
}

teardown() {
  stop_all
}

# config TEXT...: config.yml of these lines.
config() {
  printf '%s\n' "$@" >config.yml
}

# rules LINE...: config.yml with a first rule of these lines, and a last one.
rules() {
  config 'tunnel: 11111111-2222-3333-4444-555555555555' 'edge: ["127.0.0.1:1"]' 'ingress:' \
    '  - hostname: a.example.com' "${@/#/    }" '  - service: http_status:404'
}

# refused STATUS PATTERN [ARGUMENT...]: run ends at once with the status and one line, which holds the pattern.
refused() {
  local status=$1 pattern=$2
  shift 2
  run "-$status" --separate-stderr timeout 60 "$tunnel" --config config.yml "$@" run
  [ -z "$output" ]
  [ "${#stderr_lines[@]}" = 1 ]
  # shellcheck disable=SC2053 # it is a pattern
  [[ $stderr == "tunnel run: "*$pattern* ]] || fail_with "$stderr"
}

# accepted [ARGUMENT...]: run gets past the file, to the credentials, of which there are none.
accepted() {
  refused 3 'no credentials of tunnel 11111111-2222-3333-4444-555555555555' "$@"
}

# --- Refusals ---

@test "config: a file that is not there or cannot be read is named, exit 3" {
  refused 3 'config.yml: No such file'
  mkdir config.yml
  refused 3 'config.yml: is a directory'
}

@test "config: what is no YAML, or does not fit, is refused with its place, exit 2" {
  config 'ingress: ['
  refused 2 'config.yml:2:1: did not find expected node content'
  config 'ingress:' '  - service: a' '    service: b'
  refused 2 'config.yml:3:5: key "service" already stands in line 2'
  config 'ingress:' '  - service: http://a' '    originRequest:' '      connectTimeout: 30'
  refused 2 'config.yml:4:23: "30" (!!int) stands where a duration with its unit'
  config 'metrics: 2000'
  refused 2 'config.yml:1:10: metrics: needs a text'
  config 'token: 12'
  refused 2 'config.yml:1:8: token: needs a text'
  printf 'a: \377\n' >config.yml
  refused 2 'config.yml:1:4: '
}

@test "config: each fault of a rule is refused with its place, exit 2" {
  rules 'service: http://a/path'
  refused 2 'config.yml:5:14: rule 1: service "http://a/path" has a path'
  rules 'service: localhost:8080'
  refused 2 'config.yml:5:14: rule 1: service'
  rules 'path: "("' 'service: http://a'
  refused 2 'config.yml:5:11: rule 1: path is no regular expression'
  config 'ingress:' '  - service: http://a' '    hostname: a:80' '  - service: http://b'
  refused 2 'config.yml:3:15: rule 1: a hostname has no port'
  config 'ingress:' '  - service: http://a' '  - service: http://b'
  refused 2 'config.yml:2:5: rule 1: this rule matches everything'
  config 'ingress:' '  - service: http://a' '    hostname: a'
  refused 2 'config.yml:3:15: rule 1: the last rule must match everything'
}

@test "config: services that are not carried out are refused by name and line" {
  for service in tcp://a:1 ssh://a rdp://a smb://a foo://a bastion socks-proxy; do
    rules "service: $service"
    refused 2 "config.yml:5:14: service ${service%%:*}"
  done
  for service in http://a https://a ws://a wss://a unix:/a unix+tls:/a http_status:200 hello_world; do
    rules "service: $service"
    accepted
  done
}

@test "config: originRequest keys that are not carried out are refused by name and line, anywhere" {
  for pair in 'bastionMode: true' 'proxyType: socks' 'proxyAddress: 127.0.0.1' 'proxyPort: 1' \
    'ipRules: [{prefix: 10.0.0.0/8}]' 'access: {required: true, teamName: t, audTag: [a]}'; do
    rules 'service: http://a' 'originRequest:' "  $pair"
    refused 2 "config.yml:7:*: originRequest ${pair%%:*}: not supported"
    rules 'service: http://a'
    echo "originRequest: {$pair}" >>config.yml
    refused 2 "config.yml:7:*: originRequest ${pair%%:*}: not supported"
  done
  rules 'service: http://a' 'originRequest:' '  bastionMode: false' '  proxyType: ""' '  httpHostHeader: h' \
    '  noTLSVerify: true' '  http2Origin: true' '  originServerName: s' '  connectTimeout: 1s' '  tlsTimeout: 1s' \
    '  tcpKeepAlive: 1s' '  keepAliveConnections: 1' '  keepAliveTimeout: 1s' '  disableChunkedEncoding: true' \
    '  noHappyEyeballs: true' '  matchSNItoHost: true'
  accepted
}

@test "config: a caPool that cannot be read is refused with its place, exit 3" {
  rules 'service: https://a' 'originRequest: {caPool: none.pem}'
  refused 3 'config.yml:6:29: originRequest caPool: none.pem: No such file'
}

@test "config: flags that are not supported are refused by name and line, other keys are not" {
  for key in 'region: us' 'post-quantum: true' 'proxy-dns: true' 'tag: [a=b]' 'ui: true' \
    'heartbeat-count: 5'; do
    config 'edge: ["127.0.0.1:1"]' "$key"
    refused 2 "config.yml:2:*: ${key%%:*}: not supported"
  done
  rules 'service: http://a' 'unheard: of' 'originRequest: {noTlsVerify: true}'
  printf '%s\n' 'ingres: []' 'pq: true' 'retries: 3' 'no-autoupdate: true' 'autoupdate-freq: 24h' >>config.yml
  accepted
}

@test "config: a wrong value of a setting is refused with its place" {
  config 'edge: ["127.0.0.1:1"]' 'grace-period: 10m'
  refused 2 'config.yml:2:15: grace-period: "10m" is not between 0s and 3m0s'
  config 'edge: ["127.0.0.1:1"]' 'ha-connections: 0'
  refused 2 'config.yml:2:17: ha-connections: "0" is not a number from 1'
}

# --- Where the file is ---

@test "config: the first of the usual places is taken" {
  local place
  for place in cloudflare-warp .cloudflare-warp .cloudflared; do
    mkdir -p "$HOME/$place"
    for name in config.yaml config.yml; do
      echo 'metrics: 1' >"$HOME/$place/$name"
      run -2 "$tunnel" run
      [[ $output == *"$HOME/$place/$name:1:10: metrics"* ]]
    done
  done
}

@test "config: without a file the flags alone count" {
  [ ! -e /etc/cloudflared ] && [ ! -e /usr/local/etc/cloudflared ] || skip "this machine has a configuration"
  run -2 "$tunnel" run
  [[ $output == *'--edge HOST:PORT is needed'* ]]
}

@test "config: ~ is the home directory" {
  echo 'metrics: 1' >"$HOME/c.yml"
  # shellcheck disable=SC2088 # not for the shell to expand
  run -2 "$tunnel" --config '~/c.yml' run
  [[ $output == *"$HOME/c.yml:1:10"* ]]
}

# --- What wins ---

@test "config: the command line wins over the environment, that over the file" {
  rules 'service: http://a'
  echo 'loglevel: file' >>config.yml
  refused 2 '--loglevel file:'
  TUNNEL_LOGLEVEL=environment refused 2 '--loglevel environment:'
  TUNNEL_LOGLEVEL=environment refused 2 '--loglevel line:' --loglevel line
  TUNNEL_LOGLEVEL=environment accepted --loglevel info
  sed -i '/^edge/d' config.yml
  echo 'edge: [nonsense]' >>config.yml
  refused 2 '--edge nonsense' --loglevel info
  accepted --loglevel info --edge 127.0.0.1:1
  TUNNEL_EDGE=127.0.0.1:1 accepted --loglevel info
}

@test "config: two names of one flag are one flag" {
  config 'edge: ["127.0.0.1:1"]' 'credentials-file: file.json'
  TUNNEL_CRED_FILE=environment.json refused 3 'environment.json: No such file'
  TUNNEL_CRED_FILE=environment.json refused 3 'line.json: No such file' --cred-file line.json
}

# --- Credentials ---

# run_with TEXT STATUS [ARGUMENT...]: run with a configuration that is in order, and see.
run_with() {
  local text=$1 status=$2
  shift 2
  run "-$status" timeout 60 "$tunnel" --config config.yml run "$@"
  [[ $output == *"$text"* ]] || fail_with "$output"
}

@test "config: a name needs a credentials file, a UUID finds its own, and neither is a usage error" {
  config 'edge: ["127.0.0.1:1"]'
  run_with 'no credentials: give' 2
  run_with 'tunnel "web" is no UUID' 2 web
  echo 'tunnel: blog' >>config.yml
  run_with 'tunnel "blog" is no UUID' 2
  run_with 'tunnel "web" is no UUID' 2 web
  mkdir "$HOME/.cloudflared"
  printf '{' >"$HOME/.cloudflared/11111111-2222-3333-4444-555555555555.json"
  run_with "$HOME/.cloudflared/11111111-2222-3333-4444-555555555555.json: line 1: not valid JSON" 3 \
    11111111222233334444555555555555
}

@test "config: credentials that are wrong are named, and never shown" {
  config 'edge: ["127.0.0.1:1"]' 'credentials-file: ~/cred.json'
  run_with "$HOME/cred.json: No such file" 3
  echo '{"AccountTag": "a", "TunnelSecret": "c2VjcmV0", "TunnelID": "c2VjcmV0"}' >"$HOME/cred.json"
  run_with '"TunnelID" is not a UUID' 3
  [[ $output != *c2VjcmV0* ]]
  config 'edge: ["127.0.0.1:1"]' 'token: c2VjcmV0'
  run_with '--token: not a tunnel token' 3
  [[ $output != *c2VjcmV0* ]]
  cp "$HOME/cred.json" "$HOME/cert.pem"
  echo '-----BEGIN' >"$HOME/cert.pem"
  config 'edge: ["127.0.0.1:1"]' 'credentials-file: ~/cert.pem'
  run_with 'credentials are a .json file' 3
}

# --- At work ---

# served HOST PATH STATUS TEXT: what a visitor gets, with the text in it.
served() {
  run -0 curl -s --path-as-is -w ' %{http_code}' -H "Host: $1" "http://$edge_http$2"
  [[ $output == *"$4"*" $3" ]] || fail_with "$1$2: $output"
}

@test "config: rules of a file serve, by host and path in their order" {
  credentials web
  start_origin
  start_edge
  mkdir "$HOME/.cloudflared"
  cp web.json "$HOME/.cloudflared/$tunnel_id.json"
  cat >config.yml <<EOF
tunnel: $tunnel_id
edge: ["$edge_tunnel", "$edge_tunnel"]
cacert: $cacert
metrics: 127.0.0.1:0
loglevel: debug
no-autoupdate: true
originRequest:
  httpHostHeader: global.internal
ingress:
  - hostname: app.example.com
    path: ^/api/
    service: http://127.0.0.1:$origin_port
    originRequest:
      httpHostHeader: api.internal
      connectTimeout: 1500ms
  - hostname: "*.example.com"
    service: http://127.0.0.1:$origin_port
  - hostname: bücher.test
    service: http_status:204
  - path: \.php$
    service: http_status:410
  - service: http_status:404
EOF
  start connector "$tunnel" --config config.yml run --json
  wait_registered connector 2
  served app.example.com /api/x 200 '["Host", "api.internal"]'
  served app.example.com /%61pi/x 200 '["Host", "api.internal"]'
  served app.example.com /x/api/x 200 '["Host", "global.internal"]'
  served x.y.example.com /x.php 200 '["Host", "global.internal"]'
  served APP.example.com /api/x 200 '["Host", "api.internal"]'
  served xn--bcher-kva.test / 204 ''
  served other.test /x.php 410 ''
  served other.test /x.html 404 ''
  served example.com / 404 ''

  # What the edge and the operator are told.
  within "$wait_s" metric_is "$connector_metrics" cloudflared_config_local_config_pushes 1
  run -0 curl -s "http://$connector_metrics/config"
  [ "$(jq -c '.version, (.config.ingress | length)' <<<"$output" | paste -sd' ')" = '-1 5' ]
  [ "$(jq -c '.config.ingress[0].originRequest | .connectTimeout, .httpHostHeader, .tlsTimeout' <<<"$output" | paste -sd' ')" = '1.5 "api.internal" 10' ]
  wait_for connector.err 'settings without meaning here.*keys=no-autoupdate'
  stop connector
  [ "$exit_status" = 0 ]
}

@test "config: without rules, without a service every request is answered with 503" {
  credentials web
  start_edge
  start connector "$tunnel" --edge "$edge_tunnel" --cacert "$cacert" --metrics 127.0.0.1:0 run --json \
    --credentials-file web.json
  wait_registered connector 1
  served any.test / 503 ''
  wait_for connector.err 'neither ingress rules nor --url'
}
