#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash and kube.bash set
# credrotate with the real edge and real connectors, which run as the pods of a Deployment behind a small server with the
# shapes of Kubernetes' API (tests/peers/kubeapi.py). Not Kubernetes: see CONTRIBUTING.md.

bats_require_minimum_version 1.5.0
load lib
load kube

credrotate=${OUTBORE_BIN:-$top/bin}/credrotate
with_faults=${OUTBORE_BUILD:-$top/build/release}/credrotate-faults
account=0123456789abcdef0123456789abcdef

setup() {
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

teardown() {
  stop_all
}

# start_pods [JQ]: of the Deployment, and wait until they are registered.
start_pods() {
  deployment_manifest web "$@" | k create --validate=false -f - >/dev/null
  within "$wait_s" pods_are 2 || fail_with "no pods: $(control pods)"
  within "$wait_s" has_connectors 2 2
}

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
  sed 's/namespace: tunnels/namespace: net/; s/\[tunnel\]/[web]/' "$top/share/kubernetes/credrotate-rbac.yaml" |
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

# --- The way it goes ---

@test "credrotate: a Deployment is rolled out with the new secret, and no request is lost" {
  allow_rotator
  kube_token=rotator-token
  start_pods
  start_load
  run -0 rotate
  run -0 rotate
  rotations 2
  assert_nothing_lost
  [ "$(held)" != "$(secret_of first.json)" ]
  [ "$(k get secret tunnel-credentials -o json | jq -c '[.type, (.metadata.annotations | keys)]')" = \
    '["Opaque",["outbore.dev/secret-fingerprint"]]' ]
  [ "$(generation)" = 3 ]
  within "$wait_s" pods_are 2
  for secret in "$(secret_of first.json)" "$(held)" rotator-secret-token; do
    [[ $output != *"$secret"* ]]
    run -1 grep -rlF -e "$secret" state audit.log
  done
  # with the rights of the example alone, and nothing else asked for
  [ "$(control log | jq -r 'map(select(.[0] == "system:serviceaccount:net:credrotate") | .[1]) | unique | join(" ")')" = "GET PATCH POST" ]
  run -0 rotate_with verify --target "$target"
}

@test "credrotate: in a pod, server, authority and token are the service account's" {
  start_pods
  mkdir account
  cp kube-ca.pem account/ca.crt
  cp admin-token account/token
  in_pod="--kube-account-dir $PWD/account"
  export KUBERNETES_SERVICE_HOST=127.0.0.1 KUBERNETES_SERVICE_PORT=${kube_server##*:}
  run -0 rotate --dry-run
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=other -keyout other.key -out account/ca.crt
  control clear '{}'
  run -3 rotate --dry-run
  [[ $output == *certificate* ]]
  [ "$(control log)" = "[]" ]
  unset KUBERNETES_SERVICE_HOST
  run -3 rotate
  [[ $output == *"not in a pod"*"--kube-server"* ]]
  in_pod="--kube-server http://127.0.0.1:1 --kube-token-file admin-token"
  run -3 rotate
  [[ $output == *"has to begin with https://"* ]]
}

@test "credrotate: pods that have the secret in their environment, or by subPath, are rolled out" {
  jq -c '{a: .AccountTag, t: .TunnelID, s: .TunnelSecret}' web.json | base64 -w 0 >token.txt
  secret_manifest tunnel-token token token.txt | k create --validate=false -f -
  start_pods '.spec.template.spec.containers[0] |= (.args |= .[:-2] | .env += [{name: "TUNNEL_TOKEN", valueFrom: {secretKeyRef: {
    name: "tunnel-token", key: "token"}}}] | del(.volumeMounts)) | del(.spec.template.spec.volumes)'
  target="k8s:$ns/tunnel-token#token,rollout=deployment/web"
  run -3 rotate --target "$target,signal=none"
  [[ $output == *"keep Secret tunnel-token as it was in their environment; leave signal=none out"* ]]
  run -0 rotate
  rotations 1

  cat <<<"$(k get secret tunnel-token -o json | jq -r '.data.token | @base64d | @base64d' |
    jq -c '{AccountTag: .a, TunnelSecret: .s, TunnelID: .t}')" >web.json
  secret_manifest tunnel-credentials credentials.json web.json | k replace --validate=false -f -
  deployment_manifest web '.spec.template.spec.containers[0].volumeMounts[0] |= (.subPath = "credentials.json" |
    .mountPath = "/etc/tunnel/credentials.json")' | k replace --validate=false -f -
  run -0 k rollout status deployment/web --timeout=30s
  within "$wait_s" has_connectors 2 2
  target="k8s:$ns/tunnel-credentials#credentials.json,rollout=deployment/web"
  run -3 rotate --target "$target,signal=none"
  [[ $output == *"mounted by subPath; mount the directory"* ]]
  run -0 rotate
  rotations 2
}

@test "credrotate: connectors that watch a mounted directory need no rollout" {
  start_pods
  start_load
  before=$(control pods | jq -c 'map(.pid)')
  target="$target,signal=none"
  run -0 rotate
  rotations 1
  assert_nothing_lost
  [ "$(control pods | jq -c 'map(.pid)')" = "$before" ] && [ "$(generation)" = 1 ]
}

@test "credrotate: a manifest is piped to kubectl, and the rotation ends by itself" {
  start_pods
  k label secret tunnel-credentials team=edge
  k patch secret tunnel-credentials --type merge -p '{"data": {"other": "AAAA"}}'
  target="manifest:$ns/tunnel-credentials#credentials.json,replicas=2"
  run -0 eval 'by=exec rotate --rejoin-timeout 30s 2>log | tee manifest | k apply --validate=false --server-side --force-conflicts -f -; echo "${PIPESTATUS[*]}"'
  [ "${lines[-1]}" = "0 0 0" ] || fail_with "$output $(<log)"
  rotations 1
  [ "$(jq -c '[.kind, .metadata.labels, (.data | keys), .data.other, .type]' manifest)" = \
    '["Secret",{"team":"edge"},["credentials.json","other"],"AAAA","Opaque"]' ]
  run -0 k apply --validate=false --dry-run=client -f manifest
  /usr/bin/python3 - manifest <<'END'
import json, sys
try:
    import kubernetes
except ImportError:
    sys.exit(0)
class Answer:
    data = open(sys.argv[1]).read()
secret = kubernetes.client.ApiClient().deserialize(Answer, "V1Secret")
assert secret.kind == "Secret" and secret.metadata.namespace == "net" and set(secret.data) == {"credentials.json", "other"}
END
  # whoever applies it by a field manager of its own has to take the field over
  run -1 k apply --validate=false --server-side --field-manager somebody -f <(jq '.data["credentials.json"] = "AAAA"' manifest)
}

@test "credrotate: manifests end before the proof is waited for, and go back by a command of their own" {
  start_pods
  target="manifest:$ns/tunnel-credentials#credentials.json"
  # nobody applies it
  run -4 eval 'rotate --rejoin-timeout 1s 2>log >manifest'
  [[ $(<log) == *"did not rejoin in time"*"credrotate resume"* ]]
  run -0 eval 'rotate_with rollback 2>log >back'
  [ "$(jq -r '.data["credentials.json"] | @base64d | fromjson.TunnelSecret' back)" = "$(jq -r .TunnelSecret first.json)" ]
  command -v script >/dev/null || skip "no script here, so no terminal"
  export -f rotate rotate_with kube_flags
  export credrotate target edge_api account kube_server
  run script -qec 'bash -c "rotate 2>log"' typescript
  [ "$status" = 3 ]
  [[ $(<log) == *"standard output is a terminal"* ]]
}

@test "credrotate: a file and a Deployment in one rotation" {
  start_pods
  cp first.json file.json
  web=file.json start_connector file --url "http://127.0.0.1:$origin_port"
  start_load
  run -0 rotate --target "file:$PWD/file.json"
  rotations 1
  assert_nothing_lost
  [ "$(held)" = "$(secret_of file.json)" ]
}

@test "credrotate: cloudflared in pods is rolled out" {
  [ -n "${CLOUDFLARED:-}" ] || skip "CLOUDFLARED names no cloudflared"
  start_pods ".spec.template.spec.containers[0] |= (.args += [\"$web_id\"] | .command = [\"$CLOUDFLARED\", \"tunnel\",
    \"--no-autoupdate\", \"--protocol\", \"http2\", \"--no-prechecks\"])"
  start_load
  run -0 rotate
  rotations 1
  assert_nothing_lost
  run -3 rotate --target "$target,signal=none"
  [[ $output == *"which those of another make do not"* ]]
}

# --- Answers that are lost or wrong ---

@test "credrotate: Kubernetes' answers may be late, lost or refused once" {
  start_pods
  control fault '{"method": "GET", "path": "/secrets/", "mode": 401}'
  control fault '{"method": "GET", "path": "/secrets/", "mode": 429, "retry_after": 1}'
  control fault '{"method": "POST", "path": "/selfsubjectaccessreviews", "mode": 500}'
  control fault '{"method": "PATCH", "path": "/secrets/", "mode": "touch", "patch": {"metadata": {"labels": {"a": "b"}}}}'
  control fault '{"method": "PATCH", "path": "/secrets/", "mode": "lost"}'
  control fault '{"method": "PATCH", "path": "/deployments/", "mode": "lost"}'
  control fault '{"method": "GET", "path": "/deployments/", "mode": "drop"}'
  control clear '{}'
  run -0 rotate
  rotations 1
  [ "$(generation)" = 2 ] # rolled out once
  [ "$(k get secret tunnel-credentials -o jsonpath='{.metadata.labels.a}')" = b ]
  # 409: a change came between; 409 again: the lost answer was ours
  [ "$(control log | jq -c '[.[] | select(.[1] == "PATCH" and (.[2] | test("/secrets/"))) | .[3]]')" = "[409,200,409]" ]
  [ "$(control log | jq -c '[.[] | select(.[2] | test("/secrets/")) | .[3]][:3]')" = "[401,429,200]" ]
}

@test "credrotate: a token that changes is read again, one that is refused is status 7" {
  start_pods
  binary=$with_faults CREDROTATE_FAULT=ROLLING.INSTALL.0 run -137 rotate
  echo '{"next-token": "admin"}' >tokens.json
  run -7 rotate_with resume
  [[ $output == *"status 401"*"--kube-token-file"* ]]
  echo next-token >admin-token
  run -0 rotate_with resume
  rotations 1
}

@test "credrotate: somebody else who writes the Secret stops it" {
  start_pods
  control fault '{"method": "PATCH", "path": "/secrets/", "mode": "touch", "patch": {"data": {"credentials.json": "'"$(
    jq -c '.TunnelSecret = "'"$(head -c 32 /dev/urandom | base64 -w 0)"'"' first.json | base64 -w 0)"'"}}}'
  run -1 rotate
  [[ $output == *"somebody else writes it too"* ]]
  [ "$(held)" = "$(secret_of first.json)" ] # going back mends it
}

@test "credrotate: a missing right is named, by its verb" {
  start_pods
  kube_token=rotator-token
  run -7 rotate
  [[ $output == *"may not get"*"/secrets/tunnel-credentials; the role has to allow the verb get"* ]]
  without_patch() {
    sed 's/verbs: \[get, patch\]/verbs: [get]/'
  }
  allow_rotator without_patch
  run -7 rotate
  [[ $output == *"may not patch secrets net/tunnel-credentials"*"may not patch deployments net/web"* ]]
  [ "$(api GET "/$web_id" | jq .tunnel_secret_version)" = 1 ]
  # a right that is lost on the way
  allow_rotator
  binary=$with_faults CREDROTATE_FAULT=ROLLING.SIGNAL.0 run -137 rotate
  allow_rotator without_patch
  run -7 rotate_with resume
  [[ $output == *"may not patch"*"/deployments/web"*"the verb patch"* ]]
  allow_rotator
  run -0 rotate_with resume
  rotations 1
}

# --- What does not come to its end ---

@test "credrotate: a rollout that gets stuck is taken back" {
  start_pods '.spec.progressDeadlineSeconds = 1'
  control pods '{"web": 1}'
  run -1 rotate
  [[ $output == *"ProgressDeadlineExceeded"*"going back"*"the old secret is current, and all use it"* ]]
  [ "$(held)" = "$(secret_of first.json)" ]
  within "$wait_s" pods_are 2
  api GET "/$web_id/connections" | jq -e '[.[].conns[].tunnel_secret_version] | all(. == 3)'
  run -0 rotate
  rotations 3
}

# Between a line of the journal and its "ok" lies an action; the table is of those that Kubernetes is asked in.
@test "credrotate: killed at any point of a rollout, resume ends rotated, and rolls out once" {
  start_pods
  local point count=0
  for point in ROLLING.INSTALL.0 before:ROLLING.INSTALL.0.ok ROLLING.SIGNAL.0 before:ROLLING.SIGNAL.0.ok ROLLING.REJOIN.0 \
    before:ROLLING.REJOIN.0.ok; do
    binary=$with_faults CREDROTATE_FAULT=$point run -137 rotate
    run -0 rotate_with resume
    ((++count))
    rotations "$count" || fail_with "after $point"
    [ "$(generation)" = $((count + 1)) ] || fail_with "$point: rolled out $(($(generation) - count)) times"
  done
}

@test "credrotate: killed on the way back from a rollout, resume ends rolled back" {
  start_pods '.spec.progressDeadlineSeconds = 1'
  local point count=1
  for point in before:ROLLBACK.INSTALL.0.ok before:ROLLBACK.SIGNAL.0.ok before:ROLLED_BACK.ok; do
    control pods '{"web": 1}'
    binary=$with_faults CREDROTATE_FAULT=$point run -137 rotate
    run -1 rotate_with resume
    [ "$(held)" = "$(secret_of first.json)" ]
    ((count += 2))
    within "$wait_s" pods_are 2
    api GET "/$web_id/connections" | jq -e "length == 2 and ([.[].conns[].tunnel_secret_version] | all(. == $count))"
  done
}

# --- Preflight ---

@test "credrotate: a Secret that others manage is left alone, without --force" {
  start_pods
  local mark
  for mark in argocd.argoproj.io/tracking-id kustomize.toolkit.fluxcd.io/name meta.helm.sh/release-name \
    sealedsecrets.bitnami.com/managed reconcile.external-secrets.io/data-hash; do
    k annotate secret tunnel-credentials "$mark=x" >/dev/null
    run -3 rotate --dry-run
    [[ $output == *"is managed by"*"target manifest:"*"--force"* ]]
    run -0 rotate --dry-run --force
    k annotate secret tunnel-credentials "$mark-" >/dev/null
  done
  k patch secret tunnel-credentials --type merge -p \
    '{"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "X", "name": "x", "uid": "1"}]}}'
  run -3 rotate --dry-run
  [[ $output == *"managed by its owner"* ]]
}

@test "credrotate: what of a Deployment would leave a gap is named, all of it" {
  start_pods
  bad() {
    deployment_manifest bad "$1" | k apply --validate=false --server-side --force-conflicts -f - >/dev/null
    run -3 rotate_with rotate --dry-run --target "k8s:$ns/tunnel-credentials#credentials.json,rollout=deployment/bad"
  }
  bad '.spec.replicas = 0 | .spec.paused = true | .spec.strategy.rollingUpdate = {maxUnavailable: 1, maxSurge: 0} |
    .spec.template.spec |= (.terminationGracePeriodSeconds = 10 | .volumes = [] | .containers[0] |= (
      .livenessProbe = {httpGet: {path: "/ready", port: 2000}} | del(.readinessProbe, .volumeMounts) |
      .args = ["--grace-period", "1m30s"] + .args))'
  for remedy in 'maxUnavailable: 0' 'maxSurge: 1' 'kubectl rollout resume deployment/bad' 'has no replicas' \
    'livenessProbe on /ready kills' 'readinessProbe.httpGet.path: /ready' 'terminationGracePeriodSeconds: 100' \
    'do not use Secret tunnel-credentials'; do
    [[ $output == *"Deployment bad: "*"$remedy"* ]] || fail_with "no remedy: $remedy" "$output"
  done
  k delete deployment bad
  bad '.spec.replicas = 0 | .spec.strategy = {type: "Recreate"}'
  [[ $output == *"strategy.type: RollingUpdate"* ]]
  k delete deployment bad
  bad '.spec.replicas = 4 | .spec.template.spec.containers[0].command = ["sleep", "600"] | del(.spec.strategy)'
  [[ $output == *"maxUnavailable: 0"* && $output != *"maxSurge: 1"* ]] # 25% of 4
  k delete deployment bad
  bad '.spec.replicas = 0 | .spec.template.spec.containers[0].livenessProbe = {httpGet: {path: "/ready", port: 2000}, failureThreshold: 30}'
  [[ $output != *livenessProbe* ]]
  run -3 rotate_with rotate --dry-run --target "k8s:$ns/tunnel-credentials#credentials.json,rollout=deployment/none"
  [[ $output == *'"none" not found'* ]]
  run -3 rotate_with rotate --dry-run --target "k8s:$ns/none#credentials.json"
  [[ $output == *"Kubernetes has no Secret none in namespace net"* ]]
}

# --- Secrets that are immutable ---

# make_immutable: the Secret is, from now on.
make_immutable() {
  k patch secret tunnel-credentials --type merge -p '{"immutable": true, "metadata": {"labels": {"team": "edge"}}}'
}

# secrets_are NAME...: these are all there are.
secrets_are() {
  [ "$(k get secrets -o json | jq -r '.items | map(.metadata.name) | sort | join(" ")')" = "$*" ] ||
    fail_with "Secrets: $(k get secrets)"
}

@test "credrotate: an immutable Secret is followed by another, which the pods are told to use" {
  start_pods
  make_immutable
  run -3 rotate
  [[ $output == *"is immutable; with --immutable and rollout=deployment/NAME"* ]]
  allow_rotator
  kube_token=rotator-token run -7 rotate --immutable
  [[ $output == *"may not create secrets"* ]]
  immutable_too() {
    sed 's/^  # \(- apiGroups\)/  \1/; s/^  #  \( resources: \[secrets\]\)/   \1/; s/^  #  \( verbs: \[create\)/   \1/'
  }
  allow_rotator immutable_too
  kube_token=rotator-token
  start_load
  run -0 rotate --immutable
  rotations 1
  secrets_are tunnel-credentials-2
  [ "$(k get secret tunnel-credentials-2 -o json | jq -c '[.immutable, .type, .metadata.labels.team]')" = '[true,"Opaque","edge"]' ]
  run -0 rotate --immutable
  rotations 2
  secrets_are tunnel-credentials-3
  assert_nothing_lost
  run -0 rotate_with verify --immutable --target "$target"
  # an attempt that gets stuck leaves what was
  control pods '{"web": 1}'
  k patch deployment web --type merge -p '{"spec": {"progressDeadlineSeconds": 1}}'
  before=$(held tunnel-credentials-3)
  run -1 rotate --immutable
  secrets_are tunnel-credentials-3
  [ "$(held tunnel-credentials-3)" = "$before" ]
}

@test "credrotate: killed while an immutable Secret is replaced, resume ends rotated" {
  start_pods
  make_immutable
  local point count=0
  for point in before:ROLLING.INSTALL.0.ok ROLLING.SIGNAL.0 before:ROLLING.SIGNAL.0.ok RETIRED before:RETIRED.ok; do
    binary=$with_faults CREDROTATE_FAULT=$point run -137 rotate --immutable
    run -0 rotate_with resume --immutable
    ((++count))
    rotations "$count" || fail_with "after $point"
    secrets_are "tunnel-credentials-$((count + 1))"
    [ "$(generation)" = $((count + 1)) ] || fail_with "$point: rolled out $(($(generation) - count)) times"
  done
}
