#!/usr/bin/env bats
# shellcheck disable=SC2154 # what lib.bash and kube.bash set
# credrotate with the real edge and real connectors, which run as the pods of a Deployment behind a small server with the
# shapes of Kubernetes' API (tests/peers/kubeapi.py), or with make cluster behind a real API server: see CONTRIBUTING.md.
# bats-run: early

bats_require_minimum_version 1.5.0
load lib
load kube
load credrotate_kube

setup() {
  start_all
}

teardown() {
  stop_all
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
  for secret in "$(secret_of first.json)" "$(held)" "$(<rotator-token)"; do
    [[ $output != *"$secret"* ]]
    run -1 grep -rlF -e "$secret" state audit.log
  done
  # with the rights of the example alone, and nothing else asked for
  [ "$(control log | jq -r 'map(select(.[0] == "system:serviceaccount:'"$ns"':credrotate") | .[1]) | unique | join(" ")')" = "GET PATCH POST" ]
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
  run -2 rotate
  [[ $output == *"not in a pod"*"--kube-server"* ]]
  in_pod="--kube-server http://127.0.0.1:1 --kube-token-file admin-token"
  run -2 rotate
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
  deployment_manifest web "$by_subpath" | k replace --validate=false -f -
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

@test "credrotate: where nothing overlaps, a Deployment is rolled out, or its connectors watch, and nothing is lost" {
  stop edge
  start_edge --store edge.db --api "$edge_api" --route '*=web' --official-only
  start_pods
  start_load
  run -0 rotate --settle 0s --propagation 1s
  [[ $output == *"nothing overlaps"* ]]
  target=$target,signal=none
  run -0 rotate --settle 0s --propagation 1s
  [ "$(generation)" = 2 ]
  assert_nothing_lost
  web=first.json launch_connector thief --url "http://127.0.0.1:$origin_port"
  wait_for thief.err 'Invalid tunnel secret'
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
  /usr/bin/python3 - manifest "$ns" <<'END'
import json, sys
try:
    import kubernetes
except ImportError:
    sys.exit(0)
class Answer:
    data = open(sys.argv[1]).read()
secret = kubernetes.client.ApiClient().deserialize(Answer, "V1Secret")
assert secret.kind == "Secret" and secret.metadata.namespace == sys.argv[2] and set(secret.data) == {"credentials.json", "other"}
END
  # whoever applies it by a field manager of its own has to take the field over
  run -1 k apply --validate=false --server-side --field-manager somebody -f <(jq '.data["credentials.json"] = "AAAA"' manifest)
}

@test "credrotate: manifests end before the proof is waited for, and go back by a command of their own" {
  start_pods
  target="manifest:$ns/tunnel-credentials#credentials.json"
  run -3 eval 'rotate 2>log >&-'
  [[ $(<log) == *"standard output is closed: nobody would get the manifest"* ]]
  # nobody applies it
  run -4 eval 'rotate --rejoin-timeout 1s 2>log >manifest'
  [[ $(<log) == *"did not rejoin in time"*"credrotate resume"* ]]
  run -0 eval 'rotate_with rollback 2>log >back'
  [ "$(jq -r '.data["credentials.json"] | @base64d | fromjson.TunnelSecret' back)" = "$(jq -r .TunnelSecret first.json)" ]
  command -v script >/dev/null || skip "no script here, so no terminal"
  export -f rotate rotate_with kube_flags
  export credrotate target edge_api account kube_server
  SHELL=$BASH run script -qec 'rotate 2>log' typescript # another shell need not keep functions
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
  revoke admin
  run -7 rotate_with resume
  [[ $output == *"status 401"*"--kube-token-file"* ]]
  cp next-token admin-token
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
  start_pods "$by_subpath"
  kube_token=rotator-token
  run -7 rotate
  [[ $output == *"may not get"*"/secrets/tunnel-credentials; the role has to allow the verb get"* ]]
  without_patch() {
    sed 's/verbs: \[get, patch\]/verbs: [get]/'
  }
  allow_rotator without_patch
  run -7 rotate
  [[ $output == *"may not patch secrets $ns/tunnel-credentials"*"may not patch deployments $ns/web"* ]]
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
  # what a policy forbids is no matter of roles
  control fault '{"method": "PATCH", "path": "/deployments/", "mode": 403}'
  run -7 rotate
  [[ $output == *"/deployments/web"*"forbidden, and not by a role"* ]]
  run -0 rotate_with resume
  rotations 2
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
  [[ $output == *"Kubernetes has no Secret none in namespace $ns"* ]]
}
