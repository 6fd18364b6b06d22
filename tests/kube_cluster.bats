#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash and kube.bash set
# credrotate and a real Kubernetes, for who has one. Skipped, aloud, unless
#
#   OUTBORE_TEST_KUBECONFIG=FILE      names a cluster where a namespace may be made and removed
#   OUTBORE_TEST_NAMESPACE=NAME       an existing one instead, in which the Secret tunnel-credentials and what the example of
#                                     roles has are overwritten
#   OUTBORE_TEST_KUBE_IMAGE=IMAGE     has `tunnel` in its path: for the test that rolls out, with
#   OUTBORE_TEST_EDGE_HOST=ADDRESS    this machine as pods reach it
#
# CONTRIBUTING.md says what was last tried where.

bats_require_minimum_version 1.5.0
load lib
load kube

credrotate=${OUTBORE_BIN:-$top/bin}/credrotate
account=0123456789abcdef0123456789abcdef

setup_file() {
  [ -n "${OUTBORE_TEST_KUBECONFIG:-}" ] || return 0
  cluster_ns=${OUTBORE_TEST_NAMESPACE:-outbore-test-$$}
  export cluster_ns
  [ -n "${OUTBORE_TEST_NAMESPACE:-}" ] || "$kubectl" --kubeconfig "$OUTBORE_TEST_KUBECONFIG" create namespace "$cluster_ns"
}

teardown_file() {
  [ -z "${cluster_ns:-}" ] || [ -n "${OUTBORE_TEST_NAMESPACE:-}" ] ||
    "$kubectl" --kubeconfig "$OUTBORE_TEST_KUBECONFIG" delete namespace "$cluster_ns" --wait=false
}

setup() {
  [ -n "${OUTBORE_TEST_KUBECONFIG:-}" ] || skip "no cluster: OUTBORE_TEST_KUBECONFIG names none (make cluster brings one, without a kubelet)"
  cd "$(scope)" || return
  umask 077
  ns=$cluster_ns
  cp "$OUTBORE_TEST_KUBECONFIG" admin.kubeconfig
  edge_ports="--listen 127.0.0.1:0 --listen-http 127.0.0.1:0 --tunnel-listen 0.0.0.0:0 --metrics 127.0.0.1:0"
  start_origin
  api_edge web
  edge_tunnel=${OUTBORE_TEST_EDGE_HOST:-127.0.0.1}:${edge_tunnel##*:}
  cluster_access
  k -n "$ns" delete secret tunnel-credentials --ignore-not-found
  secret_manifest tunnel-credentials credentials.json web.json | k -n "$ns" create --validate=false -f -
}

teardown() {
  stop_all
}

# cluster_access: the kubeconfig as credrotate's options, in access.
cluster_access() {
  local item list path value
  k config view --raw --minify --flatten -o json >view.json
  access=(--kube-server "$(jq -r '.clusters[0].cluster.server' view.json)")
  for item in ca:clusters:cluster.certificate-authority-data cert:users:user.client-certificate-data key:users:user.client-key-data; do
    IFS=: read -r item list path <<<"$item"
    value=$(jq -r --arg l "$list" --arg p "$path" '.[$l][0] | getpath($p | split(".")) // ""' view.json)
    [ -z "$value" ] || access+=("--kube-$item" "cluster-$item.pem")
    base64 -d <<<"$value" >"cluster-$item.pem"
  done
  if jq -re '.users[0].user.token // empty' view.json >cluster-token; then
    access+=(--kube-token-file cluster-token)
  fi
}

rotate_with() {
  ${by:-} "$credrotate" "$@" --tunnel web --api-url "http://$edge_api/client/v4" --account "$account" --api-token-file api-token \
    --state-dir state --audit none --stable 1s --preflight-watch 0s --min-connection-age 0s "${access[@]}"
}

# start_mirror: what a kubelet does for a volume, for a connector on this machine: the Secret as a file, kept current.
start_mirror() {
  cat >mirror.sh <<END
while :; do
  "$kubectl" --kubeconfig admin.kubeconfig -n "$ns" get secret tunnel-credentials -o jsonpath='{.data.credentials\\.json}' |
    base64 -d >mirror.new && mv mirror.new mirror.json
  sleep 0.5
done
END
  start mirror bash mirror.sh
  within "$wait_s" test -s mirror.json
  web=mirror.json start_connector connector --url "http://127.0.0.1:$origin_port"
}

assert_version() {
  api GET "/$web_id/connections" | jq -e "[.[].conns[].tunnel_secret_version] | length > 0 and all(. == $1)"
}

@test "cluster: a Secret is written under its resourceVersion, and a connector takes it up" {
  start_mirror
  run -0 rotate_with rotate --target "k8s:$ns/tunnel-credentials#credentials.json"
  assert_version 2
  run -0 rotate_with verify --target "k8s:$ns/tunnel-credentials#credentials.json"
}

@test "cluster: a manifest is applied from the server's side" {
  start_mirror
  run -0 eval 'by=exec rotate_with rotate --target "manifest:$ns/tunnel-credentials#credentials.json" 2>log |
    k apply --server-side --force-conflicts --validate=false -f -; echo "${PIPESTATUS[*]}"'
  [ "${lines[-1]}" = "0 0" ] || fail_with "$output $(<log)"
  assert_version 2
}

@test "cluster: an immutable Secret is refused, and so is one that is not there" {
  k -n "$ns" patch secret tunnel-credentials --type merge -p '{"immutable": true}'
  run -3 rotate_with rotate --dry-run --accept-gap --target "k8s:$ns/tunnel-credentials#credentials.json"
  [[ $output == *"is immutable"* ]]
  run -3 rotate_with rotate --dry-run --target "k8s:$ns/none#credentials.json"
  [[ $output == *"Kubernetes has no Secret none"* ]]
}

@test "cluster: the example of roles is taken, and a Deployment's remedies are named" {
  sed "s/namespace: tunnels/namespace: $ns/" "$top/share/kubernetes/credrotate-rbac.yaml" | k apply --validate=false -f -
  k -n "$ns" delete deployment bad --ignore-not-found
  deployment_manifest bad '.spec.replicas = 0 | .spec.strategy.rollingUpdate = {maxUnavailable: 1, maxSurge: 0}' |
    k create --validate=false -f -
  run -3 rotate_with rotate --dry-run --target "k8s:$ns/tunnel-credentials#credentials.json,rollout=deployment/bad"
  [[ $output == *"maxUnavailable: 0"* && $output == *"maxSurge: 1"* && $output == *"has no replicas"* ]]
  k -n "$ns" delete deployment bad
}

@test "cluster: a Deployment is rolled out" {
  [ -n "${OUTBORE_TEST_KUBE_IMAGE:-}" ] && [ -n "${OUTBORE_TEST_EDGE_HOST:-}" ] ||
    skip "OUTBORE_TEST_KUBE_IMAGE and OUTBORE_TEST_EDGE_HOST are not set"
  ca=$(base64 -w 0 "$cacert")
  k -n "$ns" patch secret tunnel-credentials --type merge -p "{\"data\": {\"ca.pem\": \"$ca\"}}"
  k -n "$ns" delete deployment web --ignore-not-found
  cacert=/etc/tunnel/ca.pem deployment_manifest web ".spec.template.spec.containers[0] |= (.image = \"$OUTBORE_TEST_KUBE_IMAGE\" |
    .args |= (index(\"--url\") as \$i | .[:\$i] + [\"--hello-world\"] + .[\$i + 2:]))" | k create --validate=false -f -
  k -n "$ns" rollout status deployment/web --timeout=120s
  run -0 rotate_with rotate --target "k8s:$ns/tunnel-credentials#credentials.json,rollout=deployment/web"
  assert_version 2
  k -n "$ns" delete deployment web
}
