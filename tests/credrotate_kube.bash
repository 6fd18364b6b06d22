# Helpers of the tests that rotate with Kubernetes: the edge, an origin, the small server of kube.bash with the Secret
# tunnel-credentials, and what credrotate is told of them.

credrotate=${OUTBORE_BIN:-$top/bin}/credrotate
with_faults=${OUTBORE_BUILD:-$top/build/release}/credrotate-faults
account=0123456789abcdef0123456789abcdef

start_all() {
  cd "$(scope)" || return
  umask 077
  start_origin
  api_edge web
  cp api-token token
  cp web.json first.json
  start_kube
  secret_manifest tunnel-credentials credentials.json web.json | k create --validate=false -f - >/dev/null
  target="k8s:$ns/tunnel-credentials#credentials.json,rollout=deployment/web"
}

# start_pods [JQ]: of the Deployment, and wait until they are registered.
start_pods() {
  deployment_manifest web "$@" | k create --validate=false -f - >/dev/null
  within "$wait_s" pods_are 2 || fail_with "no pods: $(control pods)"
  within "$wait_s" has_connectors 2 2
}

# Mounted so, the secret stays as it was when the pod started: nothing joins before its rollout.
by_subpath='.spec.template.spec.containers[0].volumeMounts[0] |= (.subPath = "credentials.json" |
  .mountPath = "/etc/tunnel/credentials.json")'

# has_connectors COUNT EACH: with so many connections each.
has_connectors() {
  api GET "/$web_id/connections" | jq -e "length == $1 and all((.conns | length) == $2)" >/dev/null
}

kube_flags() {
  echo --kube-server "$kube_server" --kube-ca kube-ca.pem --kube-token-file "${kube_token:-admin-token}"
}

# by=exec: in a pipe, where no shell may hold an end of it open.
rotate_with() {
  # shellcheck disable=SC2046,SC2086 # words
  ${by:-} "${binary:-$credrotate}" "$@" --tunnel web --api-url "http://$edge_api/client/v4" --account "$account" \
    --api-token-file token --state-dir state --audit audit.log --stable 100ms --preflight-watch 0s --min-connection-age 0s \
    ${in_pod:-$(kube_flags)}
}

rotate() {
  rotate_with rotate --target "$target" "$@"
}

# allow_rotator [FILTER]: the roles of the example, for the names of the tests. FILTER changes the text.
allow_rotator() {
  sed 's/namespace: tunnels/namespace: '"$ns"'/; s/\[tunnel\]/[web]/' "$top/share/kubernetes/credrotate-rbac.yaml" |
    ${1:-cat} | k apply --validate=false -f - >/dev/null
}

start_load() {
  start load "$peers/rotation_load.py" "$edge_http" --rate 20 --websockets 2 --slow 1
  wait_for load.out '^ready'
}

assert_nothing_lost() {
  stop load
  jq -e '.failures == 0 and .early == 0 and .requests > 0 and .slow > 0 and .messages > 0' <(grep '^{' load.out) >/dev/null ||
    fail_with "lost: $(<load.out)"
}

# held [SECRET]: the tunnel's secret in it.
held() {
  k get secret "${1:-tunnel-credentials}" -o json | jq -r '.data["credentials.json"] | @base64d | fromjson.TunnelSecret'
}

secret_of() {
  jq -r .TunnelSecret "$1"
}

generation() {
  k get deployment web -o jsonpath='{.metadata.generation}'
}

# rotations COUNT: the tunnel's secret is that of so many rotations, the API and all connectors say so, nothing overlaps.
rotations() {
  api GET "/$web_id/connections" | jq -e "[.[].conns[].tunnel_secret_version] | length > 0 and all(. == $1 + 1)" >/dev/null ||
    fail_with "not $1 rotations: $(api GET "/$web_id/connections")"
  api GET "/$web_id" | jq -e ".tunnel_secret_version == $1 + 1 and .previous_tunnel_secret_expires_at == null" >/dev/null
}
