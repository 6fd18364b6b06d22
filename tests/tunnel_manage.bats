#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash sets
# The commands that ask the management API, against what cloudflared was recorded to ask, print and write.

load lib

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  export HOME=$BATS_TEST_TMPDIR/home
  mkdir -p "$HOME/.cloudflared"
  cp "$top/tests/vectors/api/cert.pem" "$HOME/.cloudflared/"
}

teardown() {
  stop_all
}

# start_api VECTOR: the scripted server; TUNNEL_API_URL is its address.
start_api() {
  vector=$top/tests/vectors/api/$1.json
  start api "$peers/mgmtapi.py" "$vector"
  wait_for api.out '^listening on'
  TUNNEL_API_URL=http://127.0.0.1:$(sed -n 's/listening on //p' api.out)/client/v4
  export TUNNEL_API_URL
}

# recorded FILTER: of the newer recording, with what stands for this run.
recorded() {
  jq -r "$1" "$vector" | sed "s,\\\$HOME,$HOME,"
}

# typed VECTOR: the recorded command line, with our program; its output in out and err, its status in exit_status.
typed() {
  local words
  start_api "$1"
  mapfile -t words < <(recorded '.command[2:][]')
  exit_status=0
  timeout 60 "$tunnel" "${words[@]}" >out 2>err || exit_status=$?
}

# replays VECTOR: the same requests, standard output and status (0 or not) as recorded, in our program's name, and the
# same codes and reasons told.
replays() {
  rm -rf "$HOME"/*.json "$HOME"/.cloudflared/*.json
  typed "$1"
  wait_for api.err '^all asked'
  run ! grep WRONG api.err
  recorded '.runs["2025.5.0"].stdout' | sed -e '$d' -e 's/cloudflared tunnel/tunnel/; s/cloudflared chose/tunnel chose/' >expected
  diff -u expected out
  if [[ $(recorded '.runs["2025.5.0"].exit') = 0 ]]; then
    [ "$exit_status" = 0 ] || fail_with "$1: status $exit_status: $(cat err)"
  else
    [ "$exit_status" = 3 ] || fail_with "$1: status $exit_status"
    [ "$(wc -l <err)" = 1 ] || fail_with "$1: not one line: $(cat err)"
  fi
  while read -r reason; do
    grep -qF -- "$reason" err || fail_with "$1: no '$reason' in: $(cat err)"
  done < <(recorded '.runs["2025.5.0"].stderr' | grep -o 'code: .*' | sort -u)
  stop api
}

# same_file FILE: written as recorded: mode, and the fields that were given.
same_file() {
  [ "$(stat -c %a "$1")" = 400 ]
  [ "$(jq -r .TunnelID "$1")" = "$tunnel_id" ]
  [ "$(jq -r .AccountTag "$1")" = 0123456789abcdef0123456789abcdef ]
  [ "$(jq -r .TunnelSecret "$1" | base64 -d | wc -c)" -ge 32 ]
}

# refuses STATUS EXPECTED COMMAND...: one line on stderr that has it, nothing on stdout.
refuses() {
  run "-$1" --separate-stderr timeout 60 "${@:3}"
  [ -z "$output" ] || fail_with "on stdout: $output"
  [ "${#stderr_lines[@]}" = 1 ] || fail_with "not one line: $stderr"
  [[ $stderr == *"$2"* ]] || fail_with "not '$2': $stderr"
}

# --- As recorded ---

@test "manage: list asks and prints what cloudflared does" {
  for vector_name in list-ok list-json list-pages list-filters list-recently-disconnected list-unauthorized; do
    replays "$vector_name"
  done
}

@test "manage: info asks and prints what cloudflared does" {
  for vector_name in info-ok info-by-name info-json info-no-connections info-unknown-id info-unknown-name; do
    replays "$vector_name"
  done
}

@test "manage: create asks and prints what cloudflared does, and writes its file" {
  for vector_name in create-json create-secret-given create-ok; do
    replays "$vector_name"
    same_file "$HOME/.cloudflared/$tunnel_id.json"
  done
  for vector_name in create-name-conflict create-bad-request create-unauthorized create-200-with-errors \
    create-cred-file-unwritable; do
    replays "$vector_name"
    run ! ls "$HOME"/.cloudflared/*.json
  done
}

@test "manage: token asks and prints what cloudflared does, and writes its file" {
  replays token-ok
  replays token-cred-file
  same_file "$HOME/c.json"
  [ "$(jq -r .TunnelSecret "$HOME/c.json")" = AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= ]
  typed token-not-found # what an answer about secrets says is not passed on
  [ "$exit_status" = 3 ]
  [ "$(cat err)" = 'tunnel token: cannot get tunnel token: not found (HTTP status 404, code 1003)' ]
}

@test "manage: delete asks what cloudflared does" {
  for vector_name in delete-ok delete-by-name delete-force delete-active delete-not-found delete-already-deleted; do
    replays "$vector_name"
  done
}

@test "manage: cleanup asks what cloudflared does, and tells a failure by its status" {
  for vector_name in cleanup-ok cleanup-connector; do
    replays "$vector_name"
  done
  typed cleanup-error
  [ "$exit_status" = 3 ]
  grep -q 'code: 1004, reason: client_id is not a UUID' err
}

@test "manage: route asks what cloudflared does, and says the same" {
  for vector_name in route-dns-new route-dns-unchanged route-dns-updated route-dns-overwrite route-lb-new-new \
    route-lb-unchanged-unchanged route-lb-updated-new; do
    replays "$vector_name"
    recorded '.runs["2025.5.0"].stderr' | sed 's/^<time> INF //; $d' >expected
    sed 's/^[^ ]* info: //' err | diff -u expected -
  done
  replays route-dns-conflict
}

@test "manage: -o yaml is go-yaml's layout" {
  start_api info-json
  run -0 --separate-stderr "$tunnel" info -o yaml "$tunnel_id"
  [ "${lines[2]}" = 'createdat: 2026-01-02T03:04:05.123456Z' ]
  [ "${lines[3]}" = 'connectors:' ]
  [ "${lines[4]}" = '    - id: aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee' ]
  [ "${lines[6]}" = '        - allow_remote_config' ]
  python3 -c 'import sys, yaml; d = yaml.safe_load(sys.stdin); assert d["connectors"][0]["connections"][2]["ispendingreconnect"]' <<<"$output"
  stop api
  start_api list-json
  run -0 --separate-stderr "$tunnel" list --output yaml
  [ "${lines[0]}" = "- id: $tunnel_id" ]
  [ "${lines[5]}" = '    - coloname: edge1' ]
}

# --- Files ---

@test "manage: a credentials file that exists is left alone, and the new tunnel taken away again" {
  echo precious >c.json
  typed create-cred-file-unwritable # no such directory: here the same with a file
  stop api
  start_api create-cred-file-unwritable
  run -3 --separate-stderr "$tunnel" create --cred-file c.json demo
  [[ $stderr == *"c.json: a file of that name exists, and is not overwritten; the tunnel was deleted"* ]]
  [ "$(cat c.json)" = precious ]
  wait_for api.err '^all asked'
  [ "$(ls c.json*)" = c.json ]
}

@test "manage: delete removes the tunnel's credentials file and no other's" {
  start_api create-ok
  "$tunnel" create demo
  stop api
  start_api delete-ok
  "$tunnel" delete "$tunnel_id"
  [ ! -e "$HOME/.cloudflared/$tunnel_id.json" ]
  stop api
  credentials other 22222222-3333-4444-5555-666666666666
  start_api delete-ok
  run -0 --separate-stderr "$tunnel" delete --cred-file other.json "$tunnel_id"
  [[ $stderr == *"not this tunnel's credentials"* ]]
  [ -s other.json ]
}

@test "manage: delete removes credentials beside the cert.pem that is named, or says that they are left" {
  start_managed
  mkdir elsewhere
  mv "$HOME/.cloudflared/cert.pem" elsewhere/
  export TUNNEL_ORIGIN_CERT=elsewhere/cert.pem
  "$tunnel" create home
  files=(elsewhere/*.json)
  [ -s "${files[0]}" ]
  "$tunnel" delete home
  [ ! -e "${files[0]}" ]
  ((EUID == 0)) || return 0
  "$tunnel" create home
  files=(elsewhere/*.json)
  chattr +i "${files[0]}" || skip "no attributes here"
  run --separate-stderr "$tunnel" delete --json home
  chattr -i "${files[0]}"
  [ "$status" = 1 ]
  [[ $stderr == *"its credentials file is left: remove it"* ]]
  are_records tunnel <<<"$output"
  [ "$(jq -r .status <<<"$output")" = warn ]
}

@test "manage: the address comes from the option, else the variable, else config.yml" {
  start_api list-ok
  url=$TUNNEL_API_URL
  TUNNEL_API_URL=http://127.0.0.1:1 "$tunnel" --api-url "$url/" list | grep -q demo
  stop api
  start_api list-ok
  printf 'tunnel: x\napi-url: %s\ningress: none of our business\n' "$TUNNEL_API_URL" >"$HOME/.cloudflared/config.yml"
  unset TUNNEL_API_URL
  "$tunnel" list | grep -q demo
}

@test "manage: run finds the id of a tunnel's name, and its credentials by that" {
  start_api create-ok
  "$tunnel" create demo
  stop api
  start_api info-by-name # its first answer is the list
  cp "$HOME/.cloudflared/$tunnel_id.json" web.json
  start_edge
  start connector "$tunnel" run --edge "$edge_tunnel" --cacert "$cacert" --metrics 127.0.0.1:0 --hello-world demo
  wait_registered connector 1
  has_lines api.err '^ok GET .*[?]is_deleted=false&name=demo&' 1
}

# --- An edge of ours ---

# start_managed: an edge with an API, and cert.pem for it.
start_managed() {
  "$tunnel" edge cert --store edge.db -o "$HOME/.cloudflared/cert.pem"
  start_edge --store edge.db --api 127.0.0.1:0
  TUNNEL_API_URL=http://$(edge_address api)/client/v4
  export TUNNEL_API_URL
}

@test "manage: a tunnel from its making to its end, at an edge of ours" {
  start_managed
  "$tunnel" create home
  "$tunnel" route dns home app.example.com 2>err
  grep -q 'Added CNAME app.example.com which will route to this tunnel' err
  start connector "$tunnel" run --edge "$edge_tunnel" --cacert "$cacert" --metrics 127.0.0.1:0 --hello-world home
  wait_registered connector 1
  curl -sf -H 'Host: app.example.com' "http://$edge_http/" -o page
  [ -s page ]
  "$tunnel" info home | grep -q '1xLOC'
  refuses 3 'code: 1022, reason: Cannot delete tunnel because it has active connections' "$tunnel" delete home
  "$tunnel" cleanup home 2>err
  wait_registered connector 2
  "$tunnel" delete --force home
  run ! ls "$HOME"/.cloudflared/*.json
  run -0 "$tunnel" list
  [[ $output == 'No tunnels were found'* ]]
  run -0 "$tunnel" list --show-deleted --json
  are_records tunnel <<<"$output"
  [ "$(jq -r '.tunnel.deleted_at == null' <<<"$output")" = false ]
}

@test "manage: what cannot be printed is an error, as text and as records; a reader that has gone is none" {
  start_managed
  "$tunnel" create home
  for command in list "list --json" "list -o json" "info home" "info --json home" "token home" "config get home" \
    "config --json get home" "edge audit --store edge.db" "edge audit --store edge.db --json" "edge token list --store edge.db" \
    "edge token list --store edge.db --json"; do
    exit_status=0
    # shellcheck disable=SC2086 # words
    "$tunnel" $command >/dev/full 2>err || exit_status=$?
    [ "$exit_status" = 3 ] || fail_with "$command: $exit_status"
    grep -q '^tunnel .*: stdout: ' err || fail_with "$command: $(<err)"
  done
  mkfifo pipe
  exec {reader}<>pipe
  exec {writer}>pipe
  exec {reader}<&-
  "$tunnel" list --json 1>&"$writer" 2>err
  [ ! -s err ]
}

@test "manage: the records of all commands fit their schema" {
  start_managed
  {
    "$tunnel" create --json --config-src cloudflare home
    start connector "$tunnel" run --token-file <("$tunnel" token home) --hello-world --edge "$edge_tunnel" --cacert "$cacert" \
      --metrics 127.0.0.1:0
    wait_for connector.err 'registered tunnel connection'
    "$tunnel" list --json
    "$tunnel" info --json home
    "$tunnel" token --json --cred-file cred.json home
    "$tunnel" route --json dns home a.example.com 2>/dev/null
    "$tunnel" route --json lb home b.example.com pool 2>/dev/null
    echo '{"ingress":[{"service":"http_status:204"}]}' >config.json
    "$tunnel" config --json put home config.json
    "$tunnel" config --json get home
    "$tunnel" cleanup --json home 2>/dev/null
    "$tunnel" delete --json --force home
    "$tunnel" info --json home 2>/dev/null || true
  } >records
  [ "$(jq -rc '[.kind, (.tunnel // {} | keys[] | select(. == "done" or . == "connectors" or . == "route" or . == "configuration"))] |
    join(" ")' records | tr '\n' ,)" = \
    'tunnel done,tunnel,tunnel connectors,tunnel done,tunnel route,tunnel route,tunnel configuration,tunnel configuration,tunnel done,tunnel done,error,' ]
  [ "$(jq -r 'select(.tunnel.connectors) | .tunnel.connectors[0].connections[0].secret_version' records)" = 1 ]
  are_records tunnel <records
  for broken in '.kind = "probe"' 'del(.took_ms)' '.tunnel.secret = "x"' '.tunnel.id = 1'; do
    run ! are_records tunnel < <(head -n 1 records | jq -c "$broken")
  done
}

# lossy: before the edge's API, passes everything on; of what `lose` names ("POST", or "" for all) the answer is lost.
lossy() {
  cat >lossy.py <<'PY'
import http.client, http.server, os, sys
class H(http.server.BaseHTTPRequestHandler):
    def any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        c = http.client.HTTPConnection(sys.argv[1])
        c.request(self.command, self.path, body, dict(self.headers))
        r = c.getresponse()
        answer = r.read()
        if os.path.exists("lose") and open("lose").read().strip() in ("", self.command):
            self.connection.close()
            return
        self.send_response(r.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
    do_GET = do_POST = do_DELETE = any
s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), H)
print("listening on", s.server_port, flush=True)
s.serve_forever()
PY
  start lossy python3 lossy.py "$(edge_address api)"
  wait_for lossy.out listening
  TUNNEL_API_URL=http://127.0.0.1:$(sed 's/.* //' lossy.out)/client/v4
}

@test "manage: a create whose answer is lost finds its tunnel, or says how to go on" {
  start_managed
  lossy
  echo POST >lose
  run -0 "$tunnel" create found
  [[ $output == *'Created tunnel found with id '* ]]
  echo >lose
  refuses 3 'it may exist now: look with tunnel list --name lost; if it is there, tunnel token --cred-file FILE lost writes its credentials, else create it again' \
    timeout 60 "$tunnel" create lost
  rm lose
  "$tunnel" list --name lost | grep -q ' lost '
  "$tunnel" token --cred-file lost.json lost
  start connector "$tunnel" run --credentials-file lost.json --edge "$edge_tunnel" --cacert "$cacert" --metrics 127.0.0.1:0 --hello-world
  wait_for connector.err 'registered tunnel connection'
}

@test "manage: config put takes cloudflared's YAML, and names file, line and column of what is wrong in it" {
  start_managed
  "$tunnel" create --config-src cloudflare home >/dev/null
  cat >config.yml <<'EOF'
tunnel: home
credentials-file: /nowhere.json
originRequest:
  connectTimeout: 1m30s
ingress:
  - hostname: a.example.com
    path: ^/x
    service: http://127.0.0.1:8080
    originRequest:
      noTLSVerify: true
  - service: http_status:404
EOF
  "$tunnel" config put home config.yml >/dev/null
  run -0 "$tunnel" config get home
  [ "$(jq -c '[.version, (.config.ingress[0] | .hostname, .path, .service, .originRequest.connectTimeout, .originRequest.noTLSVerify),
    .config.ingress[1].service]' <<<"$output")" = '[1,"a.example.com","^/x","http://127.0.0.1:8080",90,true,"http_status:404"]' ]
  "$tunnel" config put home - <<<'ingress: [{service: "http_status:418"}]' >/dev/null
  [ "$("$tunnel" config get home | jq -c '[.version, .config.ingress[].service]')" = '[2,"http_status:418"]' ]
  sed -i 's/http_status:404/http_status:4040/' config.yml
  refuses 3 'config.yml:11:14: ' "$tunnel" config put home config.yml
  printf 'ingress:\n  - service: [\n' >broken.yml
  refuses 3 'broken.yml:3:1: ' "$tunnel" config put home broken.yml
  echo 'tunnel: home' >empty.yml
  refuses 3 'empty.yml: there are no ingress rules' "$tunnel" config put home empty.yml
  printf 'ingress:\n  - service: http_status:204\n    servise: x\n' >typo.yml
  run -0 --separate-stderr "$tunnel" config put home typo.yml
  [[ $stderr == *'a key that is not known, and left out key="servise" at="typo.yml:3:5"'* ]]
  [ "$("$tunnel" config get home | jq -c .version)" = 3 ]
}

@test "manage: run finds credentials beside the cert.pem that is named" {
  start_managed
  mkdir keys
  mv "$HOME/.cloudflared/cert.pem" keys/cert.pem
  for cert in keys/cert.pem cert.pem; do
    export TUNNEL_ORIGIN_CERT=$cert
    "$tunnel" create "${cert%/*}"
    start connector "$tunnel" run --edge "$edge_tunnel" --cacert "$cacert" --metrics 127.0.0.1:0 --hello-world "${cert%/*}"
    wait_registered connector 1
    stop connector
    cp keys/cert.pem .
  done
  rm ./*.json
  run -3 "$tunnel" run --edge "$edge_tunnel" --cacert "$cacert" --metrics 127.0.0.1:0 --hello-world cert.pem
  [[ $output == *".json beside cert.pem, or in ~/.cloudflared, "* ]]
}

@test "manage: a read-only token lists, and neither creates nor shows a token" {
  "$tunnel" edge cert --read-only --store edge.db -o read.pem
  start_managed
  "$tunnel" create home
  "$tunnel" list --origincert read.pem | grep -q home
  refuses 3 '10000' "$tunnel" create --origincert read.pem other
  refuses 3 'the API token is the one in read.pem' "$tunnel" token --origincert read.pem home
}

# --- Records ---

@test "manage: --json prints records without secrets, which name age and version of the secret" {
  start_api list-ok
  run -0 --separate-stderr "$tunnel" list --json
  [ "$(jq -r '[.schema, .kind, .tool, .status, .target.tunnel, .tunnel.name, .tunnel.created_at] | join(" ")' <<<"$output")" = \
    "outbore/1 tunnel tunnel ok $tunnel_id demo 2026-01-02T03:04:05.123Z" ]
  [ "$(jq '.tunnel | .connections, .secret_version' <<<"$output")" = $'2\nnull' ]
  stop api
  start_api create-ok
  run -0 --separate-stderr "$tunnel" create -j demo
  [ "$(jq -r '.tunnel.done, .target.file' <<<"$output")" = "created"$'\n'"$HOME/.cloudflared/$tunnel_id.json" ]
  secret=$(jq -r .TunnelSecret "$HOME/.cloudflared/$tunnel_id.json")
  [[ $output$stderr != *"$secret"* && $output != *eyJhIjoi* ]]
  stop api
  start_api info-unknown-id
  run -3 --separate-stderr "$tunnel" info --json "$tunnel_id"
  [ "$(jq -r '.kind, .status' <<<"$output")" = $'error\nerror' ]
}

# --- Bad input ---

@test "manage: usage errors" {
  export TUNNEL_API_URL=http://127.0.0.1:1
  refuses 2 "the new tunnel's name is expected" "$tunnel" create
  refuses 2 'unexpected argument "b"' "$tunnel" create a b
  refuses 2 '--config-src mine: local and cloudflare are offered' "$tunnel" create --config-src mine a
  refuses 2 '--secret: of 3 bytes; at least 32' "$tunnel" create --secret AAAA a
  refuses 2 '--secret: not padded base64' "$tunnel" create --secret 'A_' a
  refuses 2 '--output xml: json and yaml are offered' "$tunnel" list -o xml
  refuses 2 '--sort-by size: no field' "$tunnel" list --sort-by size
  refuses 2 '--when now: no time' "$tunnel" list --when now
  refuses 2 '--id x: not a UUID' "$tunnel" list -i x
  refuses 2 'route ip: dns and lb are offered' "$tunnel" route ip a b
  refuses 2 'a tunnel and a host name are expected' "$tunnel" route dns a
  refuses 2 'get or put is expected' "$tunnel" config set a
  refuses 2 '--connector-id x: not a UUID' "$tunnel" cleanup -c x a
  refuses 2 'records hold no secrets' "$tunnel" token --json "$tunnel_id"
  unset TUNNEL_API_URL
  refuses 2 '--api-url URL is needed' "$tunnel" list
}

@test "manage: what cannot be done is one line, and status 3" {
  export TUNNEL_API_URL=http://127.0.0.1:1
  refuses 3 'http:// would show the API token to the network' "$tunnel" --api-url http://edge.example/client/v4 list
  refuses 3 'cannot create tunnel: http://127.0.0.1:1' "$tunnel" create a
  refuses 3 'was the file copied whole?' env TUNNEL_ORIGIN_CERT=<(head -n 2 "$HOME/.cloudflared/cert.pem") "$tunnel" list
  refuses 3 'no/cert.pem' "$tunnel" --origincert no/cert.pem list
  echo '{"ingress":' >bad.json
  refuses 3 'bad.json:2:0: not JSON' "$tunnel" config put "$tunnel_id" bad.json
  rm "$HOME/.cloudflared/cert.pem"
  refuses 3 'no cert.pem in' "$tunnel" list
}

@test "manage: TLS is verified: a certificate that nobody signed ends it, --api-ca or SSL_CERT_FILE makes it good" {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout key.pem -out ca.pem \
    -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 2>openssl.log
  start tls python3 -c '
import http.server, ssl, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        b = b"{\"success\":true,\"errors\":[],\"result\":[]}"
        self.send_response(200); self.send_header("Content-Length", str(len(b))); self.end_headers(); self.wfile.write(b)
s = http.server.HTTPServer(("127.0.0.1", 0), H)
c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); c.load_cert_chain("ca.pem", "key.pem")
s.socket = c.wrap_socket(s.socket, server_side=True)
print("listening on", s.server_port, flush=True); s.serve_forever()'
  wait_for tls.out listening
  TUNNEL_API_URL=https://127.0.0.1:$(sed 's/.* //' tls.out)/client/v4
  export TUNNEL_API_URL
  refuses 3 'certificate' "$tunnel" list
  "$tunnel" list --api-ca ca.pem | grep -q 'No tunnels'
  SSL_CERT_FILE=ca.pem "$tunnel" list | grep -q 'No tunnels'
}

@test "manage: an API that answers nonsense drives neither the terminal nor us" {
  start bad python3 -c '
import http.server
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        b = b"{\"success\":false,\"errors\":[{\"code\":1,\"message\":\"a\\u001b[31mb\"}]}"
        self.send_response(400); self.send_header("Content-Length", str(len(b))); self.end_headers(); self.wfile.write(b)
s = http.server.HTTPServer(("127.0.0.1", 0), H)
print("listening on", s.server_port, flush=True); s.serve_forever()'
  wait_for bad.out listening
  TUNNEL_API_URL=http://127.0.0.1:$(sed 's/.* //' bad.out)/client/v4
  export TUNNEL_API_URL
  refuses 3 'code: 1, reason: a\x1b[31mb' "$tunnel" list
}
