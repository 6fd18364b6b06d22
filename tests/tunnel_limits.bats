#!/usr/bin/env bats
# What happens where something runs out: descriptors of the process, requests of a connection.

load lib

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  credentials web
}

teardown() {
  stop_all
}

# is_answered ADDRESS: a request gets an answer, whatever it is.
is_answered() {
  [ "$(curl -s -o /dev/null -w '%{http_code}' --max-time 5 "http://$1/")" != 000 ]
}

@test "limits: an edge without free descriptors rests, and goes on when there are some again" {
  start_edge
  # Room for a few connections more than are open now.
  limit=$(($(find "/proc/$(pid_of edge)/fd" -mindepth 1 | wc -l) + 8))
  prlimit --pid "$(pid_of edge)" --nofile="$limit:$limit"
  # shellcheck disable=SC2154 # set by start_edge
  start visitors /usr/bin/python3 -c "
import signal, socket
address = ('${edge_http%:*}', ${edge_http##*:})
held = [socket.create_connection(address) for _ in range(40)]
print('ready', flush=True)
signal.pause()"
  wait_for visitors.out ready
  wait_for edge.err 'no file descriptor left'
  # An accept loop that spins says so without end.
  before=$(awk '{print $14 + $15}' "/proc/$(pid_of edge)/stat")
  wait_for edge.err 'no file descriptor left' 5
  after=$(awk '{print $14 + $15}' "/proc/$(pid_of edge)/stat")
  [ "$((after - before))" -le 5 ]
  [ "$(grep -c 'no file descriptor left' edge.err)" -le 20 ]
  stop visitors
  within "$wait_s" is_answered "$edge_http"
}

@test "limits: a service that ends HTTP/2 connections after 100 requests loses none" {
  start_edge
  cat >nginx.conf <<CONF
daemon off;
worker_processes 1;
pid $PWD/own.process;
error_log stderr;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  keepalive_requests 100;
  server {
    listen unix:$PWD/nginx.sock ssl http2;
    ssl_certificate $PWD/dev/public.pem;
    ssl_certificate_key $PWD/dev/public.key;
    location / { return 200 "\$server_protocol\\n"; }
  }
}
CONF
  start service nginx -e stderr -p "$PWD" -c "$PWD/nginx.conf"
  within "$wait_s" curl -sk -o /dev/null --unix-socket nginx.sock https://nginx/
  start_connector connector --url "unix+tls:$PWD/nginx.sock" --no-tls-verify --http2-origin
  [ "$(fetch /)" = HTTP/2.0 ]
  for i in {1..3000}; do
    printf 'url=http://%s/%d\noutput=/dev/null\n' "$edge_http" "$i"
  done >requests
  curl -s --parallel --parallel-max 20 -w '%{http_code}\n' -K requests | sort | uniq -c >codes
  cat codes
  [ "$(awk '{print $1 ":" $2}' codes)" = 3000:200 ]
}

@test "limits: on a kept connection that breaks, a GET is sent again and a POST is not" {
  start_edge
  # Answers the first request of a connection and breaks off at the second; says what it got.
  start service /usr/bin/python3 -c "
import socket
listener = socket.create_server(('127.0.0.1', 0))
print('ready', listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    for answer in (b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', b''):
        head = b''
        while b'\r\n\r\n' not in head:
            head += connection.recv(65536)
        print('got', head.split(b' ')[0].decode(), flush=True)
        connection.sendall(answer)
    connection.close()"
  wait_for service.out '^ready'
  start_connector connector --url "http://127.0.0.1:$(awk '/^ready/ {print $2}' service.out)"
  [ "$(fetch / -o /dev/null -w '%{http_code}')" = 200 ]
  [ "$(fetch / -o /dev/null -w '%{http_code}')" = 200 ] # broke off, then once more on a fresh connection
  [ "$(fetch / -X POST -o /dev/null -w '%{http_code}')" = 502 ]
  [ "$(grep -c '^got GET' service.out):$(grep -c '^got POST' service.out)" = 3:1 ]
}

# timed_out PATH [OPTION...]: the edge answers in place of the service.
timed_out() {
  run -0 curl -s -w '%{http_code}' --max-time "$wait_s" "http://$edge_http$1" "${@:2}"
  [[ $output == *"did not answer in time"*524 ]]
}

@test "limits: a service that does not begin to answer within --response-timeout is 524, one that goes on is not cut" {
  start_origin
  start_edge --credentials web.json --route '*=web' --response-timeout 1s --access-log access
  start_connector connector --url "http://127.0.0.1:$origin_port"
  timed_out '/slow?ms=60000'
  timed_out '/slow?ms=60000' --data-binary @/etc/hostname
  timed_out '/slow?ms=60000' -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' \
    -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
  grep -q '"status":524' access
  # An upload that takes its time is no service that does, nor is an answer that comes in pieces.
  (
    printf 1234
    sleep 1.5
    printf 5678
  ) | curl -s -T - --max-time "$wait_s" "http://$edge_http/upload" >answer
  jq -e '.length == 8' answer
  [ "$(curl -s --max-time "$wait_s" "http://$edge_http/pieces?n=3&ms=700" | wc -c)" = 3 ]
  within "$wait_s" metric_is "$edge_metrics" outbore_edge_requests_active 0
}
