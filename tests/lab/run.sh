#!/bin/bash
# Start or stop one chain of the lab on loopback. Every hop is its own process group.
#   run.sh list
#   run.sh start NAME        start it and wait until every hop listens
#   run.sh stop              stop what start began (by the pids it wrote)
#   run.sh url               print the front URL of the running chain
#   run.sh hops              print every hop: number, software, URL to probe it at
# Environment: LAB_DIR (default ./run), LAB_BASE (first port, default 18700),
#   LAB_CHAINS (extra directories with chains, separated by colons)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
LAB_DIR=${LAB_DIR:-$here/run}; LAB_BASE=${LAB_BASE:-18700}
find_chain() {
  IFS=:; for d in "$here/chains" ${LAB_CHAINS:-}; do
    [ -d "$d/$1" ] && { printf '%s\n' "$d/$1"; return 0; }; done; return 1; }
alive() { # a zombie counts as gone
  kill -0 "$1" 2>/dev/null && ! grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null; }
die() { echo "run.sh: $*" >&2; exit 1; }
waitport() { # host port seconds
  local n=$(( $3 * 20 ))
  while [ $n -gt 0 ]; do
    (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null && return 0
    n=$((n-1)); sleep 0.05
  done; return 1; }
cert() {
  [ -f "$LAB_DIR/tls.pem" ] && return 0
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=lab.test \
    -addext subjectAltName=DNS:lab.test,DNS:localhost,IP:127.0.0.1 \
    -keyout "$LAB_DIR/tls.key" -out "$LAB_DIR/tls.crt" 2>/dev/null
  cat "$LAB_DIR/tls.crt" "$LAB_DIR/tls.key" > "$LAB_DIR/tls.pem"; chmod 644 "$LAB_DIR"/tls.*; }
render() { # template output
  sed -e "s|@PORT@|$port|g" -e "s|@NEXT@|$next|g" -e "s|@DIR@|$LAB_DIR|g" -e "s|@HOPDIR@|$hopdir|g" \
      -e "s|@LIB@|$here/lib|g" -e "s|@FRONT@|$LAB_BASE|g" -e "s|@DEAD@|$((LAB_BASE+9))|g" "$1" > "$2"; }
case ${1:-} in
list)
  IFS=:; for d in "$here/chains" ${LAB_CHAINS:-}; do ls "$d"; done ;;
url) cat "$LAB_DIR/url" ;;
hops) cat "$LAB_DIR/hops" ;;
stop)
  [ -d "$LAB_DIR" ] || exit 0
  for f in "$LAB_DIR"/*.pid; do
    [ -f "$f" ] || continue
    p=$(cat "$f" 2>/dev/null || true); [ -n "$p" ] || { rm -f "$f"; continue; }
    kill "$p" 2>/dev/null || true
    n=60; while [ $n -gt 0 ] && alive "$p"; do sleep 0.05; n=$((n-1)); done
    kill -9 "-$p" 2>/dev/null || true        # what is left of its own process group
    rm -f "$f"
  done
  rm -rf "$LAB_DIR"/hop[0-9]* "$LAB_DIR/url" "$LAB_DIR/hops" ;;
start)
  [ $# -eq 2 ] || die "start needs a chain name (run.sh list)"
  chain=$(find_chain "$2") || die "no chain $2"
  mkdir -p "$LAB_DIR"; chmod 755 "$LAB_DIR"
  ls "$LAB_DIR"/*.pid >/dev/null 2>&1 && die "a chain already runs in $LAB_DIR (run.sh stop)"
  LAB_DIR=$(cd "$LAB_DIR" && pwd)
  (exec 3<>"/dev/tcp/127.0.0.1/$LAB_BASE") 2>/dev/null && die "port $LAB_BASE is taken (set LAB_BASE)"
  cert
  scheme=ws
  hops=$(cd "$chain" && ls -r [0-9]-*)          # innermost first
  for f in $hops; do
    i=${f%%-*}; port=$((LAB_BASE + i - 1)); next=$((port + 1))
    hopdir=$LAB_DIR/hop$i; mkdir -p "$hopdir/tmp"; chmod 777 "$hopdir" "$hopdir/tmp"
    kind=${f#*-}; src=$chain/$f; log=$LAB_DIR/hop$i.log; rm -f "$log"
    case $kind in
    app.env)
      render "$src" "$hopdir/app.env"
      # shellcheck disable=SC1091,SC2034 # written just now; exported by set -a
      ( set -a; . "$hopdir/app.env"; PORT=$port; exec setsid node "$here/app.js" ) >"$log" 2>&1 & echo $! >"$LAB_DIR/hop$i.pid" ;;
    apache.conf)
      render "$src" "$hopdir/apache.conf"
      u=; [ "$(id -u)" = 0 ] && u='User www-data'; g=; [ "$(id -u)" = 0 ] && g='Group www-data'
      { printf 'Define HOPDIR %s\nDefine LIB %s\nServerName lab.test\nListen 127.0.0.1:%s\n%s\n%s\n' "$hopdir" "$here/lib" "$port" "$u" "$g"
        cat "$here/lib/apache-base.conf" "$hopdir/apache.conf"; } > "$hopdir/httpd.conf"
      setsid apache2 -d "$hopdir" -f "$hopdir/httpd.conf" -D FOREGROUND >"$log" 2>&1 & echo $! >"$LAB_DIR/hop$i.pid" ;;
    nginx.conf)
      render "$src" "$hopdir/server.conf"
      { [ "$(id -u)" = 0 ] && echo 'user www-data;'; sed "s|@HOPDIR@|$hopdir|g" "$here/lib/nginx-base.conf"; } > "$hopdir/nginx.conf"
      setsid nginx -p "$hopdir" -c "$hopdir/nginx.conf" -e "$hopdir/error.log" -g 'daemon off;' >"$log" 2>&1 & echo $! >"$LAB_DIR/hop$i.pid" ;;
    haproxy.cfg)
      render "$src" "$hopdir/haproxy.cfg"
      setsid haproxy -f "$hopdir/haproxy.cfg" -db >"$log" 2>&1 & echo $! >"$LAB_DIR/hop$i.pid" ;;
    Caddyfile)
      render "$src" "$hopdir/Caddyfile"
      HOME=$hopdir XDG_DATA_HOME=$hopdir XDG_CONFIG_HOME=$hopdir \
        setsid caddy run --adapter caddyfile --config "$hopdir/Caddyfile" >"$log" 2>&1 & echo $! >"$LAB_DIR/hop$i.pid" ;;
    *) die "unknown hop file $f" ;;
    esac
    grep -q '^# lab: not-listening' "$src" 2>/dev/null || waitport 127.0.0.1 "$port" 10 || { cat "$log" >&2; "$0" stop; die "hop $f did not start"; }
    if [ "$i" = 1 ] && grep -q '^# lab: tls' "$src"; then scheme=wss; fi
  done
  path=/echo; [ -f "$chain/path" ] && path=$(cat "$chain/path")
  echo "$scheme://127.0.0.1:$LAB_BASE$path" > "$LAB_DIR/url"
  : > "$LAB_DIR/hops"
  for f in $(cd "$chain" && ls [0-9]-*); do
    i=${f%%-*}; p=$path; s=ws
    grep -q '^# lab: tls' "$chain/$f" && s=wss
    case $f in *-app.env) p=${path#/grafana}; grep -q '^TLS_CERT' "$chain/$f" && s=wss ;; esac
    k=${f#*-}; case $k in Caddyfile) k=caddy ;; *) k=${k%%.*} ;; esac
    printf '%s\t%s\t%s://127.0.0.1:%s%s\n' "$i" "$k" "$s" $((LAB_BASE+i-1)) "$p" >> "$LAB_DIR/hops"
  done
  cat "$LAB_DIR/url" ;;
*) die "usage: run.sh list | start NAME | stop | url | hops" ;;
esac
