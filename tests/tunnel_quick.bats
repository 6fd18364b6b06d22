#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash sets
# tunnel quick: edge and connector in one process.

load lib

setup() {
  cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
  stop_all
}

# start_quick [OPTION...]: its URL is in url, its operators' address in quick_metrics.
start_quick() {
  start quick "$tunnel" quick --json --metrics 127.0.0.1:0 "$@"
  wait_for quick.out '"event":"ready"'
  url=$(value .url quick)
  quick_metrics=$(value '.listen[] | select(.role == "metrics").address' quick)
  quick_http=$(value '.listen[] | select(.role == "public-http").address' quick)
}

# get PATH [CURL OPTION...]: curl knows by itself that names under localhost are this machine.
get() {
  curl -s --max-time "$wait_s" "$url$1" "${@:2}"
}

@test "quick: the URL that is printed works at once, and is all there is on stdout" {
  start quick "$tunnel" quick --hello-world --metrics 127.0.0.1:0
  wait_for quick.out '^http://'
  run -0 curl -s --max-time "$wait_s" -w '%{http_code}' -o page "$(cat "$(file_of quick.out)")/"
  [ "$output" = 200 ]
  grep -q 'Hello from the tunnel' page
  [ "$(wc -l <"$(file_of quick.out)")" = 1 ]
  [[ $(cat "$(file_of quick.err)") == 'hello_world is served at the address below; Ctrl-C ends it.' ]]
}

@test "quick: --json prints one record, with the addresses and the URL" {
  start_quick --hello-world
  [ "$(wc -l <"$(file_of quick.out)")" = 1 ]
  value . quick | jq -e '
    .schema == "outbore/1" and .kind == "event" and .tool == "tunnel" and .event == "ready" and
    ([.listen[].role] == ["public-http", "tunnel", "metrics"]) and
    (.listen | all(.address | test("^127\\.0\\.0\\.1:[1-9][0-9]*$"))) and
    (.url | test("^http://[a-z]+-[a-z]+-[a-z0-9]{6}\\.localhost:[0-9]+$"))'
}

@test "quick: the page shows what arrived and which way, and escapes it" {
  start_quick --hello-world
  run -0 get "/a'b?<i>&\"x\"" --globoff -H 'X-Mark: <b>"&'"'"'</b>' -X PURGE
  [[ $output == *'<code>PURGE /a&#39;b?&#60;i&#62;&#38;&#34;x&#34;</code>'* ]]
  [[ $output == *'<th>x-mark</th><td>&#60;b&#62;&#34;&#38;&#39;&#60;/b&#62;</td>'* ]]
  [[ $output == *"<b>edge</b><code>$(value '.listen[] | select(.role == "tunnel").address' quick)</code>"* ]]
  [[ $output =~ '<b>tunnel connection</b><code>'[0-3]'</code>' ]]
  [[ $output == *'<tr class="ours"><th>cf-ray</th>'* ]]
}

@test "quick: the page runs under a policy of its own, new each time" {
  start_quick --hello-world
  run -0 get / -D - -o page
  [[ $output == *'X-Content-Type-Options: nosniff'* ]]
  nonce=$(sed -n "s/^Content-Security-Policy: default-src 'none'; style-src 'nonce-\([0-9a-f]*\)'; script-src 'nonce-\1'; connect-src 'self'; .*/\1/p" <<<"$output")
  [ ${#nonce} = 32 ]
  [ "$(grep -c "nonce=\"$nonce\"" page)" = 2 ]
  run ! grep -q -E ' (on[a-z]+|style)=' page
  run -0 get / -D - -o /dev/null
  [[ $output != *"$nonce"* ]]
  run -0 get / -I
  [[ $output == *[Cc]'ontent-'[Ll]'ength: '[1-9]* ]]
}

@test "quick: the page's WebSocket echoes" {
  start_quick --hello-world --hostname localhost
  run -0 "$peers/wsvisitor.py" many --count 20 "ws://localhost:${url##*:}/echo"
  [ "$(jq .right <<<"$output")" = 20 ]
}

@test "quick: an echo of 36 MB that nobody reads at first is held back, not kept" {
  start_quick --hello-world --hostname localhost
  run -0 /usr/bin/python3 - "ws://localhost:${url##*:}/echo" <<'END'
import asyncio, sys, websockets

async def main():
    async with websockets.connect(sys.argv[1], compression=None, max_queue=1) as socket:
        messages = [bytes([i % 256]) * 60000 for i in range(600)]
        async def send():
            for message in messages:
                await socket.send(message)
        sending = asyncio.create_task(send())
        done, _ = await asyncio.wait({sending}, timeout=1)  # stuck: all windows are full
        print(len(done), sum([await socket.recv() == message for message in messages]))

asyncio.run(main())
END
  [ "$output" = "0 600" ]
}

@test "quick: no other host name leads to the service" {
  start_quick --hello-world
  run -0 curl -s -o /dev/null -w '%{http_code}' -H 'Host: evil.example' "http://$quick_http/"
  [ "$output" = 404 ]
  run -0 curl -s -o /dev/null -w '%{http_code}' "http://$quick_http/"
  [ "$output" = 404 ]
}

@test "quick: a service by its address, without a scheme, and with a name of its own" {
  start_origin
  start_quick --url "127.0.0.1:$origin_port" --hostname shop.localhost
  [ "$url" = "http://shop.localhost:${quick_http##*:}" ]
  [ "$(get '/echo?x=1' | jq -r '.method, .target' | paste -sd' ')" = 'GET /echo?x=1' ]
  [ "$(get '/bytes?n=3000000' | sha256sum)" = "$(sum_of 3000000)  -" ]
}

@test "quick: a service that is not there gives 502" {
  start_quick --url http://127.0.0.1:1
  [ "$(get / -o /dev/null -w '%{http_code}')" = 502 ]
}

@test "quick: --url without a command does the same" {
  start quick "$tunnel" --json --metrics 127.0.0.1:0 --hello-world
  wait_for quick.out '"url":'
  start usual "$tunnel" --no-autoupdate --protocol http2 --metrics 127.0.0.1:0 --url http://localhost:8080
  wait_for usual.out '^http://'
  TUNNEL_HELLO_WORLD=true start other "$tunnel" --json --metrics 127.0.0.1:0
  wait_for other.out '"url":'
}

@test "quick: so many connections as are asked for" {
  start_quick --hello-world --ha-connections 2
  within "$wait_s" metric_is "$quick_metrics" 'cloudflared_tunnel_tunnel_register_success{rpcName="registerConnection"}' 2
  [ "$(metric "$quick_metrics" cloudflared_tunnel_ha_connections)" = 2 ]
  [ "$(curl -s "http://$quick_metrics/quicktunnel" | jq -r .hostname)" = "$(cut -d/ -f3 <<<"${url%:*}")" ]
}

@test "quick: SIGTERM and SIGINT end both ends with 0, and no file is left" {
  mkdir "$BATS_TEST_TMPDIR/tmp" "$BATS_TEST_TMPDIR/home"
  export TMPDIR=$BATS_TEST_TMPDIR/tmp HOME=$BATS_TEST_TMPDIR/home
  for signal in TERM INT; do
    start_quick --hello-world
    get / -o /dev/null
    stop quick $signal
    [ "$exit_status" = 0 ]
    [ -z "$(cat "$(file_of quick.err)")" ]
    [ -z "$(find "$TMPDIR" "$HOME" -type f)" ]
  done
}

@test "quick: a request under way is answered before it ends" {
  start_origin
  start_quick --url "127.0.0.1:$origin_port" --grace-period 30s
  get '/hold?id=a' -d x -o held -w '%{http_code}' >status &
  curl=$!
  within "$wait_s" metric_is "$quick_metrics" cloudflared_tunnel_active_streams 1
  kill -TERM "$(pid_of quick)"
  within "$wait_s" is_refused "$quick_http"
  curl -s "http://127.0.0.1:$origin_port/release?id=a"
  wait $curl
  [ "$(cat status)" = 200 ]
  ended quick
  [ "$exit_status" = 0 ]
}

is_refused() {
  ! curl -s --max-time 5 -o /dev/null "http://$1/"
}

@test "quick: a second signal ends it at once" {
  start_origin
  start_quick --url "127.0.0.1:$origin_port" --grace-period 5m
  get '/hold?id=a' -d x -o /dev/null &
  curl=$!
  within "$wait_s" metric_is "$quick_metrics" cloudflared_tunnel_active_streams 1
  kill -INT "$(pid_of quick)"
  within "$wait_s" is_refused "$quick_http"
  is_running quick
  stop quick INT
  [ "$exit_status" = 0 ]
  run ! wait $curl
}

@test "quick: an open WebSocket holds it up for the grace period only" {
  start_quick --hello-world --hostname localhost --grace-period 200ms
  start visitor "$peers/wsvisitor.py" wait "ws://localhost:${url##*:}/echo"
  wait_for visitor.out '"open"'
  stop quick
  [ "$exit_status" = 0 ]
  ended visitor
}

@test "quick: when nobody reads the URL it ends quietly" {
  # shellcheck disable=SC2016
  run -0 --separate-stderr bash -c '
    { "$1" quick --hello-world --json --metrics 127.0.0.1:0; echo "$?" >status; } | true
    cat status' bash "$tunnel"
  [ "$output" = 0 ]
  [ -z "$stderr" ]
}

@test "quick: a port that is taken, and other things it cannot do" {
  start_quick --hello-world
  run -3 --separate-stderr "$tunnel" quick --hello-world --listen-http "$quick_http"
  [ "$stderr" = "tunnel quick: --listen-http: listen $quick_http: Address already in use; another program listens there" ]
  run -3 --separate-stderr "$tunnel" quick --hello-world --metrics "$quick_http"
  [[ $stderr == "tunnel quick: --metrics: listen $quick_http: Address already in use"* ]]
  [ -z "$output" ]
}

@test "quick: usage errors name the option" {
  while read -r expected options; do
    # shellcheck disable=SC2086 # a list of options
    run -2 --separate-stderr "$tunnel" quick $options
    [ -z "$output" ]
    [ "${#stderr_lines[@]}" = 1 ]
    [[ $stderr == "tunnel quick: $expected"* ]]
  done <<'END'
--url
--loglevel --hello-world --loglevel loud
--hostname --hello-world --hostname a:1
--hostname --hello-world --hostname a/b
--ha-connections: --hello-world --ha-connections 0
--protocol --hello-world --protocol quic
--url: --url http://x/path
--url: --url ssh://x:22
only --url http://x --hello-world
unexpected --hello-world now
--listen-http --hello-world --listen-http 127.0.0.1
END
}
