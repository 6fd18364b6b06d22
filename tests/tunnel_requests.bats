#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash sets
# Requests through the tunnel: what the visitor and the origin see of each other.

load lib

setup_file() {
  start_tunnel
}

teardown_file() {
  stop_all
}

teardown() {
  stop_all
}

# seen FILTER [PATH] [CURL OPTION...]: what the origin saw of a request.
seen() {
  local filter=$1 path=${2:-/echo}
  shift
  fetch "$path" "${@:2}" | jq -rc "$filter"
}

# bats test_tags=interop
@test "requests: the connector registers and says so" {
  run -0 curl -s -w ' %{http_code}' "http://$connector_metrics/ready"
  [[ $output == *'"readyConnections":2'*' 200' ]]
  [ "$(metric "$edge_metrics" outbore_edge_tunnel_connections)" = 2 ]
}

# bats test_tags=interop
@test "requests: bodies of 0, 1, 64 KiB and 100 MiB come down whole" {
  for n in 0 1 65536 104857600; do
    [ "$(fetch "/bytes?n=$n" | sha256sum)" = "$(sum_of $n)  -" ]
  done
}

# bats test_tags=interop
@test "requests: bodies of 0, 1, 64 KiB and 100 MiB go up whole" {
  for n in 0 1 65536 104857600; do
    head -c $n /dev/zero >"$BATS_TEST_TMPDIR/body"
    sum=$(sha256sum <"$BATS_TEST_TMPDIR/body" | cut -d' ' -f1)
    [ "$(fetch /upload --data-binary @"$BATS_TEST_TMPDIR/body" | jq -r '.sha256, .length' | paste -sd' ')" = "$sum $n" ]
  done
}

# bats test_tags=interop
@test "requests: an upload without its length" {
  head -c 3000000 /dev/urandom >"$BATS_TEST_TMPDIR/body"
  sum=$(sha256sum <"$BATS_TEST_TMPDIR/body" | cut -d' ' -f1)
  [ "$(fetch /upload -T - <"$BATS_TEST_TMPDIR/body" | jq -r .sha256)" = "$sum" ]
}

# bats test_tags=interop
@test "requests: an answer without its length, in chunks and until the origin closes" {
  for target in 'chunked?n=3000000' 'eof?n=3000000'; do
    [ "$(fetch "/$target" | sha256sum)" = "$(sum_of 3000000)  -" ]
  done
  run -0 fetch '/chunked?n=10' -o /dev/null -D -
  [[ ${output,,} == *'transfer-encoding: chunked'* ]]
  [[ ${output,,} != *'content-length'* ]]
}

# bats test_tags=interop
@test "requests: trailers of the answer" {
  run -0 fetch '/chunked?n=5&trailer=1' -o /dev/null -D -
  [[ ${output,,} == *"x-checksum: $(sum_of 5)"* ]]
}

@test "requests: trailers of the request" {
  printf 'POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\nX-After: yes\r\n\r\n' |
    raw "$edge_http" >"$BATS_TEST_TMPDIR/answer"
  grep -qi 'x-after", "yes"' "$BATS_TEST_TMPDIR/answer"
}

@test "requests: trailers cannot say what fields cannot" {
  printf '%s\r\n' 'POST /echo HTTP/1.1' 'Host: x' 'Transfer-Encoding: chunked' 'Connection: close' '' '3' 'abc' '0' \
    'CF-Connecting-IP: 6.6.6.6' 'Cf_Int_X: 1' 'X-Forwarded-For: 6.6.6.6' 'Cf-Cloudflared-Proxy-Src: 6.6.6.6' 'X-After: yes' '' |
    raw "$edge_http" >"$BATS_TEST_TMPDIR/answer"
  grep -qi 'x-after", "yes"' "$BATS_TEST_TMPDIR/answer"
  run grep -iE '6\.6\.6\.6|cf.int' "$BATS_TEST_TMPDIR/answer"
  [ "$status" = 1 ]
}

# bats test_tags=interop
@test "requests: methods, the path as it is, and the body's length" {
  for method in GET POST PUT DELETE PATCH OPTIONS; do
    [ "$(seen .method /echo -X $method)" = $method ]
  done
  [ "$(seen .target '/a%2Fb//c/../d?x=%zz&y=1' --path-as-is)" = '/a%2Fb//c/../d?x=%zz&y=1' ]
  [ "$(seen '[.headers[] | select(.[0] | ascii_downcase == "content-length")[1]]' /echo -d hello)" = '["5"]' ]
}

# bats test_tags=interop
@test "requests: HEAD has the length of GET and no body" {
  run -0 fetch '/bytes?n=12345' -I
  [[ ${output,,} == *$'content-length: 12345\r'* ]]
  printf 'HEAD /bytes?n=5 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' | raw "$edge_http" >"$BATS_TEST_TMPDIR/answer"
  [ "$(tail -c 4 "$BATS_TEST_TMPDIR/answer" | od -An -tx1 | tr -d ' ')" = 0d0a0d0a ]
}

# bats test_tags=interop
@test "requests: statuses pass, with and without a body" {
  for code in 200 204 304 404 418 500 503; do
    run -0 fetch "/status/$code" -o /dev/null -w '%{http_code}'
    [ "$output" = $code ]
  done
}

@test "requests: early hints of the origin do no harm" {
  run -0 fetch /1xx -w ' %{http_code}'
  [ "$output" = $'after the hints\n 200' ]
}

# bats test_tags=interop
@test "requests: a body that waits for 100 Continue, taken and refused" {
  run -0 fetch /continue -H 'Expect: 100-continue' -d hello -D "$BATS_TEST_TMPDIR/head"
  [ "$(jq .length <<<"$output")" = 5 ]
  grep -q '100 Continue' "$BATS_TEST_TMPDIR/head"
  run -0 fetch '/continue?refuse=1' -H 'Expect: 100-continue' -d hello -w '%{http_code}' -o /dev/null
  [ "$output" = 403 ]
}

@test "requests: one visitor's connection serves many" {
  local url="http://$edge_http/bytes?n=10" out=/dev/null
  run -0 curl -s "$url" -o $out "$url" -o $out "$url" -o $out -w '%{num_connects} '
  [ "$output" = '1 0 0 ' ]
}

@test "requests: pipelined ones are answered in their order" {
  {
    printf 'GET /slow?ms=200 HTTP/1.1\r\nHost: x\r\n\r\n'
    printf 'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc'
    printf 'GET /status/404 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
  } | raw "$edge_http" >"$BATS_TEST_TMPDIR/answers"
  [ "$(grep -a -o 'HTTP/1.1 [0-9]*' "$BATS_TEST_TMPDIR/answers" | paste -sd,)" = 'HTTP/1.1 200,HTTP/1.1 200,HTTP/1.1 404' ]
  grep -q '^slow' "$BATS_TEST_TMPDIR/answers"
}

@test "requests: HTTP/1.0, closing and kept alive" {
  run -0 curl -s0 "http://$edge_http/chunked?n=1000" -o "$BATS_TEST_TMPDIR/body" -D "$BATS_TEST_TMPDIR/head"
  [ "$(sha256sum <"$BATS_TEST_TMPDIR/body")" = "$(sum_of 1000)  -" ]
  [[ $(<"$BATS_TEST_TMPDIR/head") != *chunked* ]]
  printf 'GET /bytes?n=3 HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\nGET /bytes?n=3 HTTP/1.0\r\nHost: x\r\n\r\n' |
    raw "$edge_http" >"$BATS_TEST_TMPDIR/answers"
  [ "$(grep -a -c 'HTTP/1.1 200' "$BATS_TEST_TMPDIR/answers")" = 2 ]
  [ "$(grep -a -c -i 'connection: keep-alive' "$BATS_TEST_TMPDIR/answers")" = 1 ]
}

# bats test_tags=interop
@test "requests: 1,000 at once, all under way together" {
  run -0 "$peers/visitor.py" many "$edge_http" '/meet?n=1000&id=all' --count 1000
  [ "$(jq -c .statuses <<<"$output")" = '{"200":1000}' ]
}

# bats test_tags=interop
@test "requests: what the edge says of the visitor, and what he cannot say" {
  local forged=(-H 'CF-Connecting-IP: 6.6.6.6' -H 'CF-Ray: forged' -H 'CF-Visitor: forged' -H 'X-Forwarded-Proto: gopher'
    -H 'X-Forwarded-For: 192.0.2.9' -H 'Cf-Cloudflared-Proxy-Src: 1.2.3.4' -H 'cf-int-x: 1' -H 'CF-Warp-Tag-Evil: 1'
    -H 'cf-cloudflared-proxy-connection-upgrade: update-configuration' -H 'Cf-Proxy-X: 1'
    -H 'cf-access-jump-destination: 127.0.0.1:22')
  fetch /echo "${forged[@]}" | jq -r '.headers[] | "\(.[0] | ascii_downcase): \(.[1])"' >"$BATS_TEST_TMPDIR/seen"
  grep -qx 'cf-connecting-ip: 127.0.0.1' "$BATS_TEST_TMPDIR/seen"
  grep -qx 'x-forwarded-for: 192.0.2.9, 127.0.0.1' "$BATS_TEST_TMPDIR/seen"
  grep -qx 'x-forwarded-proto: http' "$BATS_TEST_TMPDIR/seen"
  grep -qx 'cf-visitor: {"scheme":"http"}' "$BATS_TEST_TMPDIR/seen"
  grep -qxE 'cf-ray: [0-9a-f]{16}-LOC' "$BATS_TEST_TMPDIR/seen"
  run grep -iE 'forged|6\.6\.6\.6|gopher|proxy-src|cf-int|tag-evil|cf-proxy|jump|update-configuration' "$BATS_TEST_TMPDIR/seen"
  [ "$status" = 1 ]
}

# bats test_tags=interop
@test "requests: over TLS the origin sees https" {
  run -0 curl -s --cacert "$cacert" --resolve "localhost:${edge_tls##*:}:127.0.0.1" "https://localhost:${edge_tls##*:}/echo"
  [ "$(jq -r '.headers[] | select(.[0] | ascii_downcase == "x-forwarded-proto")[1]' <<<"$output")" = https ]
}

# bats test_tags=interop
@test "requests: repeated fields keep their order, both ways" {
  [ "$(seen '[.headers[] | select(.[0] | ascii_downcase == "x-a")[1]]' /echo -H 'X-A: 1' -H 'X-B: 2' -H 'X-A: 3')" = '["1","3"]' ]
}

# bats test_tags=interop
@test "requests: a field of 30,000 bytes passes, up and down" {
  [ "$(seen '[.headers[] | select(.[0] | ascii_downcase == "x-big")[1] | length][0]' /echo \
    -H "X-Big: $(head -c 30000 /dev/zero | tr '\0' b)")" = 30000 ]
  [ "$(fetch '/bighdr?n=30000' -D - -o /dev/null | grep -i '^x-big' | tr -d '\r\n' | wc -c)" = 30007 ]
}
