#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash sets
# The edge's own answers, its access log, its names and certificates.

load lib

other_id=22222222-3333-4444-5555-666666666666

setup_file() {
  credentials web
  credentials lonely $other_id
  start_origin
  start_edge --credentials web.json --credentials lonely.json --access-log access.log --location AMS01 \
    --route app.example.com=web --route '*.wild.example.com=web' --route lonely.example.com=lonely \
    --route down.example.com=$other_id
  start_connector connector --url "http://127.0.0.1:$origin_port"
}

teardown_file() {
  stop_all
}

teardown() {
  stop_all
}

# as HOST PATH [CURL OPTION...]: with the head of the answer first.
as() {
  fetch "$2" -i -H "Host: $1" "${@:3}"
}

# page STATUS TEXT: is the output this page, with one request id in header and page, and a line of it in the log?
page() {
  local ray
  [[ ${lines[0]} == "HTTP/1.1 $1 "* ]]
  [[ $output == *"$2"* ]]
  ray=$(sed -n 's/^cf-ray: \([0-9a-f]\{16\}-AMS01\)\r*$/\1/p' <<<"$output")
  [ -n "$ray" ]
  [[ $output == *"Request id: $ray"* ]]
  within "$wait_s" grep -q "\"ray\":\"$ray\"" "$BATS_FILE_TMPDIR/access.log"
  [ "$(grep "\"ray\":\"$ray\"" "$BATS_FILE_TMPDIR/access.log" | jq .status)" = "$1" ]
}

@test "answers: an unknown host is 404" {
  run -0 as nobody.example.com /
  page 404 'unknown host'
}

@test "answers: a tunnel without a connector is 530" {
  run -0 as lonely.example.com /
  page 530 1033
}

# bats test_tags=interop
@test "answers: an origin that is down is 502" {
  start_lonely http://127.0.0.1:1
  run -0 as down.example.com /
  page 502 'The service behind the tunnel did not answer'
}

# bats test_tags=interop
@test "answers: an origin that closes without an answer is 502" {
  run -0 as app.example.com /noheader
  page 502 'did not answer'
}

# bats test_tags=interop
@test "answers: an origin that breaks off breaks the visitor's connection" {
  run -18 as app.example.com '/reset?n=100000' -o /dev/null
}

# start_lonely URL: a connector for the other tunnel.
start_lonely() {
  web=lonely.json tunnel_id=$other_id connections=1 start_connector lonely --url "$1"
}

# bats test_tags=interop
@test "answers: hosts are compared without case, and sent on in lower case" {
  run -0 fetch /echo -H 'Host: APP.Example.COM:80'
  [ "$(jq -r '.headers[] | select(.[0] == "Host")[1]' <<<"$output")" = app.example.com:80 ]
  run -0 as deep.below.WILD.example.com /bytes?n=0
  [[ ${lines[0]} == *' 200 '* ]]
  run -0 as wild.example.com /bytes?n=0
  [[ ${lines[0]} == *' 404 '* ]]
}

@test "answers: a host in the request line goes before the Host field" {
  printf 'GET http://app.example.com/echo HTTP/1.1\r\nHost: nobody.example.com\r\nConnection: close\r\n\r\n' |
    raw "$edge_http" >"$BATS_TEST_TMPDIR/answer"
  grep -q '"Host", "app.example.com"' "$BATS_TEST_TMPDIR/answer"
}

@test "answers: the access log has a line of JSON for each request" {
  fetch '/bytes?n=12345&q="é' -o /dev/null -H 'Host: app.example.com' -H 'CF-Connecting-IP: 6.6.6.6'
  within "$wait_s" grep -q 'n=12345' "$BATS_FILE_TMPDIR/access.log"
  run -0 jq -rc 'select(.path | contains("n=12345")) |
    [.method, .host, .path, .status, .bytes_in, .bytes_out, .tls, .protocol, .client, .retried]' "$BATS_FILE_TMPDIR/access.log"
  [ "$output" = '["GET","app.example.com","/bytes?n=12345&q=\"é",200,0,12345,false,"HTTP/1.1","127.0.0.1",false]' ]
  jq -e '.time | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z$")' <"$BATS_FILE_TMPDIR/access.log" >/dev/null
}

# certificate NAME: NAME.pem and NAME.key for that host.
certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout "$BATS_TEST_TMPDIR/$1.key" \
    -out "$BATS_TEST_TMPDIR/$1.pem" -subj "/CN=$1" -addext "subjectAltName=DNS:$1" 2>/dev/null
}

# shown NAME: the subject of the certificate that is shown for that name.
shown() {
  openssl s_client -connect "$edge_tls" ${1:+-servername "$1"} </dev/null 2>/dev/null | openssl x509 -noout -subject |
    sed 's/.*CN = //'
}

@test "answers: the certificate is chosen by the name that is asked for" {
  credentials web
  certificate one.example.com
  certificate '*.two.example.com'
  start_edge --credentials web.json --route '*=web' --cert one.example.com.pem --key one.example.com.key \
    --cert '*.two.example.com.pem' --key '*.two.example.com.key'
  [ "$(shown one.example.com)" = one.example.com ]
  [ "$(shown a.two.example.com)" = '*.two.example.com' ]
  [ "$(shown A.TWO.example.com)" = '*.two.example.com' ]
  [ "$(shown other.example.com)" = one.example.com ]
  run -0 curl -s --cacert "$BATS_TEST_TMPDIR/one.example.com.pem" -o /dev/null -w '%{http_code}' \
    --connect-to "one.example.com:443:$edge_tls" https://one.example.com/
  [ "$output" = 530 ]
}

@test "answers: what cannot be started is said in a line, with the right status" {
  run -2 --separate-stderr "$tunnel" edge
  [ -z "$output" ]
  run -3 --separate-stderr "$tunnel" edge --dev "$BATS_TEST_TMPDIR/dev" --tunnel-listen 127.0.0.1:0 \
    --listen-http 127.0.0.1:0 --credentials "$BATS_TEST_TMPDIR/none.json"
  [[ $stderr == *none.json* ]]
  [ "$(wc -l <<<"$stderr")" = 1 ]
  run -3 --separate-stderr "$tunnel" edge --dev "$BATS_TEST_TMPDIR/dev" --tunnel-listen 127.0.0.1:0 \
    --listen-http "$edge_http" --credentials "$BATS_FILE_TMPDIR/web.json"
  [[ $stderr == *"$edge_http"* ]]
  run -2 --separate-stderr "$tunnel" run --credentials-file "$BATS_FILE_TMPDIR/web.json"
  [[ $stderr == *--edge* ]]
}
