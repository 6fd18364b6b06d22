# Helpers of the bats files that need a systemd (tests/peers/systemd_here), beside lib.bash. It starts in setup_file and lives
# as long as the file; its directory is `machine`, empty where there can be none.

# start_machine: with our programs and units installed as `make install` does it, and the group that the units want.
start_machine() {
  (cd "$BATS_FILE_TMPDIR" && mkdir machine)
  start systemd "$peers/systemd_here" machine
  within "$wait_s" grep -q '^ready\|^cannot' "$BATS_FILE_TMPDIR/systemd.out"
  machine=
  grep -q '^ready' "$BATS_FILE_TMPDIR/systemd.out" || return 0
  export machine=$BATS_FILE_TMPDIR/machine
  mkdir -p "$machine"/etc/outbore "$machine"/local/bin
  cp "$tunnel" "${tunnel%/*}/credrotate" "$machine/local/bin/"
  make -s -C "$top" install-units DESTDIR="$machine" UNITDIR=/local/lib/systemd/system PROGRAM_PREFIX= >/dev/null
  chmod -R go+rX "$machine/local" "$machine/etc/outbore"
  inside groupadd --system outbore
  inside systemctl daemon-reload
}

# start_home: the service behind a tunnel "home", and an edge with a store and the API, its CA and cert.pem in /etc/outbore.
start_home() {
  start_origin
  "$tunnel" edge cert --store edge.db --account 0123456789abcdef0123456789abcdef -o "$machine/etc/outbore/cert.pem"
  edge_api=127.0.0.1:$(free_port)
  start_edge --store edge.db --api "$edge_api"
  export edge_api TUNNEL_API_URL=http://$edge_api/client/v4 TUNNEL_ORIGIN_CERT=$machine/etc/outbore/cert.pem
  "$tunnel" create --credentials-file first.json home
  stop edge
  start_edge --store edge.db --api "$edge_api" --route '*=home'
  install -m 644 dev/ca.pem "$machine/etc/outbore/ca.pem"
}

# enter_machine: into its /etc/outbore, or skip the test aloud.
enter_machine() {
  [[ -n ${machine:-} ]] || skip "no systemd of our own: $(sed -n 's/^cannot: //p' "$BATS_FILE_TMPDIR/systemd.out")"
  cd "$machine/etc/outbore" || return
}

# inside COMMAND...: where that systemd is.
inside() {
  nsenter --target "$(awk '/^ready/{print $2}' "$BATS_FILE_TMPDIR/systemd.out")" --mount --pid --wd=/ -- "$@"
}

property() {
  inside systemctl show --value --property="$2" "$1"
}

is_active() {
  [ "$(property "$1" ActiveState)" = active ]
}

is_inactive() {
  [ "$(property "$1" ActiveState)" = inactive ]
}

# credentials_file FILE: with the secret that is current, readable as the units want it.
credentials_file() {
  "$tunnel" token home | base64 -d | jq -c '{AccountTag: .a, TunnelID: .t, TunnelSecret: .s}' >"$1"
  inside chgrp outbore "/etc/outbore/$1"
  chmod 640 "$1"
}

# rotate [OPTION...]: what an operator types, and less patience than they should have.
rotate() {
  inside credrotate rotate --tunnel home --api-url "$TUNNEL_API_URL" --cert /etc/outbore/cert.pem \
    --stable 300ms --preflight-watch 200ms --min-connection-age 0s "$@"
}

# start_load [OPTION...]: of rotation_load.py, until each kind of visitor has been served.
start_load() {
  start load "$peers/rotation_load.py" "$edge_http" "$@"
  wait_for load.out '^ready'
}
