#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2094 # what lib.bash sets; cmp reads what the program was given
# wscat as it is typed: the conversation, serve, bench, bad input.

load lib

wscat=${OUTBORE_BIN:-$top/bin}/wscat

setup() {
  cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
  stop_all
}

# serve [OPTION...]: a server; its URL is in url.
serve() {
  start server "$wscat" serve --json --listen "127.0.0.1:$(free_port)" "$@"
  wait_for server.out '"event":"listening"'
  url=$(value 'select(.event == "listening").target.url' server)
}

# fails STATUS EXPECTED COMMAND...: that exit status, nothing on stdout, and the words on stderr.
fails() {
  run "-$1" --separate-stderr timeout 60 "${@:3}"
  [ -z "$output" ] || fail_with "on stdout: $output"
  [[ $stderr == *"$2"* ]] || fail_with "not '$2': $stderr"
}

certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout key.pem -out cert.pem \
    -subj /CN=test -addext 'subjectAltName=DNS:name.test,IP:127.0.0.1' 2>openssl.log
}

# --- The conversation ---

@test "wscat: lines go out and come back, and the end is clean" {
  serve
  run -0 --separate-stderr "$wscat" "$url" < <(printf 'one\n\ntwo')
  [ "$output" = $'one\n\ntwo' ]
  [ "$stderr" = 'wscat: closed by us: 1000 (normal)' ]
}

@test "wscat: binary, hex and base64" {
  serve
  head -c 100000 /dev/urandom >data
  run -0 "$wscat" -q --hex "$url" <<<'00 ff7F'
  [ "$output" = 00ff7f ]
  run -0 "$wscat" -q --base64 "$url" <<<'AP9/'
  [ "$output" = AP9/ ]
  "$wscat" -q --binary --delimiter '\x00\x01\x02\x03\x04\x05' "$url" <data | head -c 100000 | cmp - data
  fails 3 'not hexadecimal at byte 2' "$wscat" -q --hex "$url" <<<'0x'
  run -3 --separate-stderr "$wscat" -q "$url" < <(printf 'a\nbe\xff')
  [[ $stderr == *'message 2 is not UTF-8 at byte 3'* ]]
}

@test "wscat: NUL and other delimiters" {
  serve
  printf 'a\nb\0c\0' | "$wscat" -q -0 "$url" | cmp - <(printf 'a\nb\0c\0')
  run -0 "$wscat" -q -d '--\x41' "$url" < <(printf 'x--Ay')
  [ "$output" = 'x--Ay--A' ]
}

@test "wscat: counts, waits, and says what it was told to send first" {
  serve
  run -0 timeout 60 "$wscat" -q -1 -x first -x second --wait -1s "$url" </dev/null
  [ "$output" = first ]
  run -0 timeout 60 "$wscat" -q -n 2 -x first -x second -x third --wait -1s "$url" </dev/null
  [ "$output" = $'first\nsecond' ]
}

@test "wscat: what is sent and read is more than any buffer" {
  serve --max-size 4000000
  seq 1 300000 >lines
  "$wscat" -q "$url" <lines | cmp - lines
  head -c 1500000 /dev/urandom | base64 -w 0 >long
  cat long long >>long2
  "$wscat" -q --compression off "$url" <long2 | tr -d '\n' | cmp - long2
}

@test "wscat: a slow reader slows the writer" {
  serve
  mkfifo pipe
  start reader sh -c 'exec 3<pipe; sleep 1; cat <&3 | sha256sum'
  seq 1 500000 >lines
  "$wscat" -q --compression off "$url" <lines >pipe
  wait_for reader.out .
  [ "$(cat reader.out)" = "$(sha256sum <lines)" ]
}

@test "wscat: a reader that goes away ends it quietly" {
  serve
  run -0 bash -c "set -o pipefail; seq 1 100000 | timeout 60 '$wscat' -q '$url' | head -n 1 || [ \$? = 141 ]"
  [ "$output" = 1 ]
}

@test "wscat: close codes are chosen and shown" {
  serve --close-after 1 --close-code 4001
  run -1 --separate-stderr "$wscat" --wait 5s "$url" <<<x
  [[ $stderr == *'closed by server: 4001'* ]]
  stop server
  serve
  run -0 --separate-stderr "$wscat" --close-code 4002 --close-reason bye "$url" </dev/null
  [[ $stderr == *'closed by us: 4002'* ]]
  wait_for server.out '"close_received":4002'
}

@test "wscat: a connection that is cut is told from one that is closed" {
  serve --drop-after 1
  run -1 --separate-stderr "$wscat" --wait 5s "$url" <<<x
  [ "$output" = x ]
  [[ $stderr == *'closed without a close frame: 1006'* ]]
}

@test "wscat: pings, and a peer that does not answer them" {
  serve --no-pong
  run -1 --separate-stderr timeout 60 "$wscat" --ping-interval 100ms --pong-timeout 300ms --wait -1s "$url" </dev/null
  [[ $stderr == *'no pong for 0.3 s'* ]]
  stop server
  serve
  run -0 --separate-stderr timeout 60 "$wscat" --ping-interval 50ms --show control --wait 300ms "$url" </dev/null
  [[ $stderr == *'pong "" after '* ]]
}

@test "wscat: a server that talks on after the close frame does not keep it" {
  start talker python3 -c 'import base64, hashlib, re, socket
server = socket.create_server(("127.0.0.1", 0))
print("port", server.getsockname()[1], flush=True)
while True:
    to, _ = server.accept()
    key = re.search(rb"sec-websocket-key: *(\S+)", to.recv(65536), re.I)[1]
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    to.sendall(b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
    try:
        while True:
            to.sendall(b"\x81\x02hi\x89\x01p")
    except OSError:
        pass'
  wait_for talker.out port
  local port
  port=$(sed -n 's/port //p' "$(file_of talker.out)")
  run -1 --separate-stderr timeout 60 "$wscat" -1 --wait -1s "ws://127.0.0.1:$port/" </dev/null
  [ "$output" = hi ]
  [[ $stderr == *'no close frame came'* ]] || fail_with "$stderr"
  start client "$wscat" "ws://127.0.0.1:$port/"
  wait_for client.out hi
  stop client
  [ "$exit_status" = 143 ]
}

@test "wscat: subprotocols, offered and chosen" {
  serve --subprotocol b --subprotocol c
  run -0 --separate-stderr "$wscat" -s a -s b --show handshake "$url" </dev/null
  [[ $stderr == *'> Sec-WebSocket-Protocol: a, b'* && $stderr == *'< Sec-WebSocket-Protocol: b'* ]]
}

@test "wscat: secrets come from files and are not shown" {
  serve
  printf 'user:secret\n' >auth
  printf 'session=s3cret\n' >cookie
  chmod 600 auth cookie
  run -0 --separate-stderr "$wscat" --auth-file auth --cookie-file cookie --show handshake "$url" </dev/null
  [[ $stderr == *'> Authorization: (hidden)'* && $stderr == *'> Cookie: (hidden)'* && $stderr != *3cret* ]]
  printf 'two\nlines\n' >auth
  fails 3 'not one line' "$wscat" --auth-file auth "$url" </dev/null
}

@test "wscat: TLS, and which check failed" {
  certificate
  serve --cert cert.pem --key key.pem
  run -0 "$wscat" -q --cacert cert.pem -x hi -1 "$url" </dev/null
  [ "$output" = hi ]
  run -0 "$wscat" -q -k -x hi -1 "$url" </dev/null
  port=${url##*:}
  port=${port%/}
  run -0 "$wscat" -q --cacert cert.pem --resolve "name.test:$port:127.0.0.1" -x hi -1 "wss://name.test:$port/" </dev/null
  [ "$output" = hi ]
  run -0 "$wscat" -q --cacert cert.pem --connect-to "127.0.0.1:$port" -x hi -1 wss://name.test/ </dev/null
  [ "$output" = hi ]
  fails 3 'certificate refused: self-signed' "$wscat" "$url" </dev/null
  fails 3 'certificate refused: hostname mismatch' "$wscat" --cacert cert.pem --host other.test "$url" </dev/null
  fails 3 'without an answer' "$wscat" "${url/wss:/ws:}" </dev/null
}

@test "wscat: over HTTP/2, both ends ours" {
  certificate
  serve --cert cert.pem --key key.pem --subprotocol b
  run -0 --separate-stderr timeout 60 "$wscat" --http2 -k --show handshake -s b -x hi -1 "$url" </dev/null
  [ "$output" = hi ]
  [[ $stderr == *'> :protocol: websocket'*'< sec-websocket-protocol: b'*'< sec-websocket-extensions: permessage-deflate'* ]]
  seq 1 100000 >lines
  timeout 60 "$wscat" -q --http2 -k "$url" <lines | cmp - lines
  head -c 600000 /dev/urandom | base64 -w 0 >long
  timeout 60 "$wscat" -q --http2 -k --compression off "$url" <long | tr -d '\n' | cmp - long
  run -0 "$wscat" bench --json --http2 -k -c 20 -t 500ms --warm-up 0s "$url"
  wait_for server.out '"status":200' 23
  stop server
  [ "$exit_status" = 0 ]
  serve --cert cert.pem --key key.pem --delay 700ms
  run -0 --separate-stderr timeout 60 "$wscat" --http2 -k --show timing -x late -1 "$url" </dev/null
  [ "$output" = late ]
  awk '{ for (i = 1; i < NF; i++) if ($i == "answer" && $(i + 1) >= 690) found = 1 } END { exit !found }' <<<"$stderr" ||
    fail_with "not held back: $stderr"
  fails 3 'timed out waiting' timeout 60 "$wscat" --http2 -k --timeout 200ms "$url" </dev/null
  stop server
  serve --cert cert.pem --key key.pem --reject 404
  fails 3 'answered 404' timeout 60 "$wscat" --http2 -k "$url" </dev/null
}

# proxy NAME KIND [LOGIN]: its port is in proxy_port.
proxy() {
  start "$1" "$top/tests/wscat/proxy.py" "${@:2}"
  wait_for "$1.out" '^[0-9]+$'
  proxy_port=$(head -n 1 "$(file_of "$1.out")")
}

@test "wscat: through an HTTP proxy" {
  certificate
  serve --cert cert.pem --key key.pem
  port=${url##*:}
  port=${port%/}
  proxy open http
  run -0 timeout 60 "$wscat" -q --cacert cert.pem --proxy "http://127.0.0.1:$proxy_port" -x hi -1 "wss://name.test:$port/" </dev/null
  [ "$output" = hi ]
  wait_for open.out "asked for name.test:$port"
  proxy locked http user:pass
  run -0 timeout 60 "$wscat" -q -k --proxy "http://user:pass@127.0.0.1:$proxy_port/" -x hi -1 "$url" </dev/null
  [ "$output" = hi ]
  fails 3 'the proxy answered 407' timeout 60 "$wscat" -k --proxy "http://127.0.0.1:$proxy_port" "$url" </dev/null
  fails 3 '127.0.0.1:1: Connection refused' "$wscat" --proxy http://127.0.0.1:1 "$url" </dev/null
}

@test "wscat: through SOCKS5" {
  serve
  port=${url##*:}
  port=${port%/}
  proxy open socks5
  run -0 timeout 60 "$wscat" -q --proxy "socks5h://127.0.0.1:$proxy_port" -x hi -1 "ws://name.test:$port/" </dev/null
  [ "$output" = hi ]
  wait_for open.out "asked for name.test:$port"
  run -0 timeout 60 "$wscat" -q --proxy "socks5://127.0.0.1:$proxy_port" -x hi -1 "$url" </dev/null
  wait_for open.out "asked for 127.0.0.1:$port"
  fails 3 'say socks5h' timeout 60 "$wscat" --proxy "socks5://127.0.0.1:$proxy_port" "ws://name.test:$port/" </dev/null
  fails 3 'the proxy did not connect: connection refused' timeout 60 "$wscat" --proxy "socks5h://127.0.0.1:$proxy_port" \
    ws://refused.test/ </dev/null
  proxy locked socks5 user:pass
  run -0 timeout 60 "$wscat" -q --proxy "socks5h://user:pass@127.0.0.1:$proxy_port" -x hi -1 "ws://name.test:$port/" </dev/null
  [ "$output" = hi ]
  fails 3 'refuses user name and password' timeout 60 "$wscat" --proxy "socks5h://user:no@127.0.0.1:$proxy_port" "$url" </dev/null
  fails 3 'wants a login' timeout 60 "$wscat" --proxy "socks5h://127.0.0.1:$proxy_port" "$url" </dev/null
}

@test "wscat: a unix socket" {
  serve
  cat >relay.py <<'PY'
import re, socket, sys, threading
path, port = sys.argv[1], int(re.search(r':(\d+)/', sys.argv[2]).group(1))
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen()
print('ready', flush=True)
def copy(a, b):
    while data := a.recv(65536):
        b.sendall(data)
    b.shutdown(socket.SHUT_WR)
while True:
    here, there = listener.accept()[0], socket.create_connection(('127.0.0.1', port))
    for pair in ((here, there), (there, here)):
        threading.Thread(target=copy, args=pair, daemon=True).start()
PY
  start relay python3 relay.py "$BATS_TEST_TMPDIR/sock" "$url"
  wait_for relay.out ready
  run -0 "$wscat" -q -x hi -1 "ws+unix:$BATS_TEST_TMPDIR/sock:/path?x=1" </dev/null
  [ "$output" = hi ]
  wait_for server.out '"path":"/path.x=1"'
}

@test "wscat: connecting again, with pauses" {
  serve --close-after 1 --close-code 1012
  mkfifo input
  start client sh -c "exec '$wscat' --reconnect '$url' <input"
  exec 7>input
  echo one >&7
  wait_for client.err 'closed by server: 1012'
  wait_for client.err 'again in [0-9.]* s'
  # The same process, a second connection, and a message that goes both ways on it.
  echo two >&7
  wait_for client.out '^two$'
  wait_for server.out '"status":101' 2
  # Gone, and back at the same port: it comes again by itself.
  port=${url##*:}
  stop server
  wait_for client.err 'refused'
  start again "$wscat" serve --json --listen "127.0.0.1:${port%/}" 7>&-
  echo three >&7
  wait_for client.out '^three$'
  exec 7>&-
  ended client
  [ "$exit_status" = 0 ]
}

@test "wscat: the pauses between attempts grow" {
  start client "$wscat" --reconnect ws://127.0.0.1:1/
  wait_for client.err 'again in' 3
  stop client INT
  awk '/again in/ && ++n {if ($4 < 2 ^ n / 4 || $4 > 2 ^ n / 2) bad = 1} END {exit bad || n < 3}' client.err || fail_with "$(cat client.err)"
}

@test "wscat: variables stand for options, and the command line comes first" {
  serve
  export OUTBORE_WSCAT_COUNT=1 OUTBORE_WSCAT_SEND=from-a-variable OUTBORE_WSCAT_QUIET=true
  run -0 --separate-stderr "$wscat" --wait 20s "$url" </dev/null
  [ "$output" = from-a-variable ]
  [ -z "$stderr" ]
  run -0 "$wscat" --wait 20s --send typed "$url" </dev/null
  [ "$output" = typed ]
  OUTBORE_WSCAT_MAX_SIZE=x fails 2 'OUTBORE_WSCAT_MAX_SIZE' "$wscat" "$url"
  run -0 "$wscat" --help
  [[ $output == *'environment: OUTBORE_WSCAT_NAME stands for --name'* ]]
}

@test "wscat: --verbose shows handshake, control frames and timing" {
  serve
  run -0 --separate-stderr "$wscat" --verbose -1 -x hi "$url" </dev/null
  [[ $stderr == *'> Upgrade: websocket'*'< HTTP/1.1 101 '*'wscat: name'* ]]
}

@test "wscat: an interrupt closes in order" {
  serve
  start client "$wscat" --wait -1s --show timing "$url"
  wait_for client.err 'wscat: name'
  stop client INT
  [ "$exit_status" = 130 ]
}

# --- Bad input ---

@test "wscat: a close reason that no frame can hold is a wrong command line, not a wait without end" {
  serve --script <(printf 'close 1000 bye\n')
  fails 2 'UTF-8' "$wscat" --close-reason $'\xff' "$url" </dev/null
  printf 'close 1000 \xff\n' >script
  fails 3 'line 1: a close reason' "$wscat" serve --script script
}

@test "wscat: options that say where to connect are checked before anything is tried" {
  fails 2 'not HOST:PORT:ADDRESS' "$wscat" --resolve foo ws://127.0.0.1:1/
  fails 2 'no port' "$wscat" --connect-to 127.0.0.1 ws://127.0.0.1:1/
  fails 2 'its URL begins with' "$wscat" --proxy ftp://x ws://127.0.0.1:1/
  fails 2 'not HOST:PORT:ADDRESS' "$wscat" probe --resolve foo ws://127.0.0.1:1/
  fails 2 'its URL begins with' "$wscat" bench --proxy ftp://x ws://127.0.0.1:1/
}

@test "wscat: input that cannot be read, and output that cannot be written, are not a clean end" {
  serve
  fails 3 'input: Is a directory' "$wscat" "$url" </
  run -3 --separate-stderr bash -c '"$@" <<<hello >/dev/full' -- "$wscat" "$url"
  [[ $stderr == *'output: No space left on device'* ]] || fail_with "$stderr"
}

@test "wscat: usage" {
  fails 2 'no URL' "$wscat"
  fails 2 'unknown option --nope' "$wscat" --nope
  fails 2 'a URL begins with' "$wscat" gopher://x/
  fails 2 'host or port' "$wscat" ws://a:99999/
  fails 2 'exclude each other' "$wscat" --hex --base64 ws://x/
  fails 2 'the handshake sets it' "$wscat" -H 'Host: x' ws://x/
  fails 2 'not NAME: VALUE' "$wscat" -H $'X: a\nb' ws://x/
  fails 2 '--host' "$wscat" --host $'a\r\nX: b' ws://x/
  fails 2 '--host' "$wscat" --host '' ws://x/
  fails 2 'neither on, off nor parameters' "$wscat" --compression fast ws://x/
  run -0 "$wscat" --help
  [[ $output == 'usage: wscat [OPTIONS] URL'* ]]
}

@test "wscat: what cannot be reached is one clear line" {
  fails 3 '127.0.0.1:1: Connection refused' "$wscat" ws://127.0.0.1:1/ </dev/null
  fails 3 'nowhere.invalid:80: ' "$wscat" ws://nowhere.invalid/ </dev/null
  [ "${#stderr_lines[@]}" = 1 ]
  fails 3 'No such file' "$wscat" ws+unix:/no/such/socket </dev/null
}

@test "wscat: a silent server is given up" {
  serve --delay 30s
  fails 3 'timed out waiting for the answer' "$wscat" --timeout 300ms "$url" </dev/null
}

@test "wscat: an answer that is not 101 is shown" {
  serve --reject 403
  fails 3 'answered 403 Forbidden in place of 101' "$wscat" "$url" </dev/null
  [[ $stderr == *'| rejected, as asked for'* ]]
  stop server
  serve --wrong-accept
  fails 3 'does not answer our key' "$wscat" "$url" </dev/null
}

# --- serve ---

@test "serve: says what it listens on, and a record for each connection" {
  serve
  "$wscat" -q -x hello -1 "$url" </dev/null
  wait_for server.out '"kind":"connection"'
  [ "$(value 'select(.kind == "connection").connection | [.status, .messages_in, .bytes_out, .close_received] | @csv' server)" = '101,1,5,1000' ]
  stop server
  [ "$exit_status" = 0 ]
}

@test "serve: plays a script" {
  printf '%s\n' '# a greeting' 'send hello' 'hex 0001' 'expect go' 'wait 10ms' 'send gone' 'close 4003 done' >script
  serve --script script
  run -1 --separate-stderr timeout 60 "$wscat" --hex --wait 5s -x 676f "$url" </dev/null
  [ "$output" = $'hello\n0001\ngone' ]
  [[ $stderr == *'closed by server: 4003: done'* || $stderr == *'closed by server: 4003 (): done'* ]]
  printf 'send x\njump\n' >script
  fails 3 'line 2: unknown step' "$wscat" serve --script script
}

@test "serve: ends connections in order when it is told to stop" {
  serve
  start other "$wscat" --wait -1s --show timing "$url"
  wait_for other.err 'wscat: name'
  stop server
  ended other
  [ "$exit_status" = 0 ]
  grep -q 'closed by server: 1001' other.err
}

# --- bench ---

@test "bench: counts what comes back" {
  serve
  run -0 "$wscat" bench --json -c 5 -t 500ms --warm-up 100ms "$url"
  [ "$(jq -r '.ws.bench | .failed == 0 and .wrong == 0 and .messages > 10 and .round_trip_ms.p50 <= .round_trip_ms.max' <<<"$output")" = true ]
  run -0 "$wscat" bench --json -c 4 -R 200 -t 1s --warm-up 0s "$url"
  [ "$(jq -r '.ws.bench.messages | . > 150 and . < 250' <<<"$output")" = true ]
  fails 3 'Connection refused' "$wscat" bench -t 100ms ws://127.0.0.1:1/
}

# bats test_tags=slow
@test "serve: what is wrong with its options is said, not guessed at" {
  fails 2 'no HOST:PORT' "$wscat" serve --listen 127.0.0.1:99999
  fails 2 'has no port' "$wscat" serve --listen 127.0.0.1
  fails 2 '--close-code is 1000 to' "$wscat" serve --close-code 1006
}

@test "bench: a message that could not go when it was due is charged from then on" {
  # Nothing comes back for a second, in which more are due than may be under way; all of those that are answered then were due
  # in its first half.
  { printf 'expect\nwait 1s\n' && yes 'send wwww' | head -n 9000; } >stall
  serve --script stall
  run --separate-stderr "$wscat" bench -c 1 -S 4 -R 20000 -t 1500ms --warm-up 0s --json "$url"
  [ "$(jq '.ws.bench.round_trip_ms.min > 300' <<<"$output")" = true ] || fail_with "$output"
}

@test "bench: connections that are all lost before the time is over" {
  serve --drop-after 5
  run -1 "$wscat" bench -c 2 -t 60s --warm-up 0s --json "$url"
  [ "$(jq -c '[.took_ms < 60000, .ws.bench.messages <= 10, .ws.bench.failed]' <<<"$output")" = '[true,true,2]' ]
  run -1 "$wscat" bench -c 2 -t 60s --warm-up 60s --json "$url"
  [ "$(jq -c '[.took_ms, .ws.bench.messages]' <<<"$output")" = '[0,0]' ]
  fails 2 '--http2 needs wss://' "$wscat" bench --http2 "$url"
}

@test "serve: ten thousand connections in 100 MB" {
  # Each end needs a descriptor for each of them.
  ulimit -n 12000 || skip 'too few descriptors'
  serve -q
  run -0 --separate-stderr timeout 120 "$wscat" bench --json -c 10000 -R 2000 -t 5s --timeout 60s "$url"
  [ "$(jq -r '.ws.bench | .failed == 0 and .wrong == 0 and .messages > 1000' <<<"$output")" = true ]
  peak=$(awk '/^VmHWM/ {print $2}' "/proc/$(pid_of server)/status")
  # The sanitizers' shadow and red zones take four times as much again.
  local bound=100000
  ! ldd "$wscat" | grep -q libasan || bound=500000
  ((peak < bound)) || fail_with "its memory grew to $peak KB"
}
