# Helpers of the tests around Kubernetes. What they start, tests/peers/kubeapi.py, is a small server of ours with the shapes
# of the API that these tests need. It is not Kubernetes: tests/cluster/README.md has more of that.
#
# KUBECTL: which kubectl to take (default: the one in PATH).
# OUTBORE_TEST_CLUSTER: the directory of tests/cluster/up, a real API server with its controllers, which then takes the small
# server's place; tests/peers/kubenode.py runs its pods.

bats_require_minimum_version 1.5.0

kubectl=${KUBECTL:-kubectl}
ns=net # where everything lives
[ -z "${OUTBORE_TEST_CLUSTER:-}" ] || ns=net-$$-${BATS_TEST_NUMBER:-0}

# start_kube: the server, with an authority of its own in kube-ca.pem. Sets kube_server and kube_control; admin-token and
# rotator-token hold a token each. The pods of Deployments run with the programs under test in PATH.
start_kube() {
  local at cluster
  at=$(scope)
  if [ -n "${OUTBORE_TEST_CLUSTER:-}" ]; then
    cp "$OUTBORE_TEST_CLUSTER/ca.pem" "$at/kube-ca.pem"
    PATH=${tunnel%/*}:$PATH start kube "$peers/kubenode.py" --cluster "$OUTBORE_TEST_CLUSTER" --namespace "$ns" --pods "$at/pods"
  else
    small_kube "$at" || return
    PATH=${tunnel%/*}:$PATH start kube "$peers/kubeapi.py" --cert kube.pem --key kube.key --tokens tokens.json --pods "$at/pods"
  fi
  wait_for kube.out '^ready '
  kube_server=https://127.0.0.1:$(awk '/^ready /{print $2}' "$at/kube.out")
  kube_control=http://127.0.0.1:$(awk '/^ready /{print $3}' "$at/kube.out")
  cluster=$(jq -nc --arg s "$kube_server" --arg ca "$at/kube-ca.pem" '{server: $s, "certificate-authority": $ca}')
  for user in admin rotator; do
    jq -nc --argjson c "$cluster" --arg t "$(<"$at/$user-token")" --arg ns "$ns" \
      '{apiVersion: "v1", kind: "Config", "current-context": "x", clusters: [{name: "x", cluster: $c}],
        users: [{name: "x", user: {token: $t}}], contexts: [{name: "x", context: {cluster: "x", user: "x", namespace: $ns}}]}' \
      >"$at/$user.kubeconfig"
  done
  export kube_server kube_control
}

# small_kube DIR: what the small server needs, for the namespace.
small_kube() {
  (
    umask 077
    echo admin-secret-token >"$1/admin-token"
    echo rotator-secret-token >"$1/rotator-token"
    jq -n --arg ns "$ns" '{"admin-secret-token": "admin", "rotator-secret-token": "system:serviceaccount:\($ns):credrotate"}' \
      >"$1/tokens.json"
  )
  kube_authority "$1"
}

# kube_authority DIR: a certificate authority, and the server's certificate.
kube_authority() {
  (
    cd "$1" || exit
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=kube-test-ca \
      -keyout kube-ca.key -out kube-ca.pem
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=kube-test -keyout kube.key -out kube.csr
    openssl x509 -req -in kube.csr -CA kube-ca.pem -CAkey kube-ca.key -days 2 -out kube.pem \
      -extfile <(echo subjectAltName=IP:127.0.0.1)
  ) >/dev/null 2>&1 || fail_with "openssl makes no certificates"
}

# revoke USER: the token of admin or rotator is not taken any more. The next one is in next-token.
revoke() {
  local account=admin
  [ "$1" = admin ] || account=credrotate
  if [ -z "${OUTBORE_TEST_CLUSTER:-}" ]; then
    jq -n --arg user "$(jq -r --arg t "$(<"$1-token")" '.[$t]' tokens.json)" '{"next-token": $user}' >tokens.new
    mv tokens.new tokens.json
    echo next-token >next-token
    return
  fi
  # an account of the same name is another one
  root_k -n "$ns" delete serviceaccount "$account"
  root_k -n "$ns" create serviceaccount "$account"
  root_k create --raw "/api/v1/namespaces/$ns/serviceaccounts/$account/token" -f - \
    <<<'{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}' | jq -r .status.token >next-token
  within "$wait_s" is_revoked "$1" # what was found good is kept for some seconds
}

is_revoked() {
  [ "$(curl -s -o /dev/null -w '%{http_code}' --cacert kube-ca.pem -H "Authorization: Bearer $(<"$1-token")" "$kube_server/api")" = 401 ]
}

# root_k ARGUMENT...: kubectl for who may do everything in a real cluster, past what a test sees.
root_k() {
  HOME=$(scope) "$kubectl" --kubeconfig "$OUTBORE_TEST_CLUSTER/admin.kubeconfig" --cache-dir "$(scope)/kube-cache" "$@"
}

# k ARGUMENT...: kubectl, as the administrator; as_rotator k ...: with the service account's rights.
k() {
  HOME=$(scope) KUBECONFIG=$(scope)/${kube_user:-admin}.kubeconfig "$kubectl" --cache-dir "$(scope)/kube-cache" "$@"
}

as_rotator() {
  kube_user=rotator "$@"
}

# control PATH [JSON]: the test's side of the server.
control() {
  curl -sf ${2:+-X POST -d "$2"} "$kube_control/$1"
}

# secret_manifest NAME KEY FILE [JQ]: a Secret that holds the file.
secret_manifest() {
  jq -nc --arg name "$1" --arg key "$2" --arg value "$(base64 -w 0 "$3")" --arg ns "$ns" \
    '{apiVersion: "v1", kind: "Secret", metadata: {name: $name, namespace: $ns}, type: "Opaque", data: {($key): $value}}'" | ${4:-.}"
}

# deployment_manifest NAME [JQ]: two pods of our connector, whose credentials are a directory that is mounted.
deployment_manifest() {
  jq -nc --arg name "$1" --arg ns "$ns" --arg edge "$edge_tunnel" --arg ca "$cacert" --arg url "http://127.0.0.1:$origin_port" '
    {apiVersion: "apps/v1", kind: "Deployment", metadata: {name: $name, namespace: $ns}, spec: {
      replicas: 2, selector: {matchLabels: {app: $name}},
      strategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 1}},
      template: {metadata: {labels: {app: $name}}, spec: {
        terminationGracePeriodSeconds: 40,
        volumes: [{name: "credentials", secret: {secretName: "tunnel-credentials"}}],
        containers: [{name: "connector", image: "outbore",
          command: ["tunnel"],
          args: ["--edge", $edge, "--edge", $edge, "--cacert", $ca, "--metrics", "$(POD_IP):2000", "--loglevel", "debug",
                 "--url", $url, "run", "--credentials-file", "/etc/tunnel/credentials.json"],
          env: [{name: "POD_IP", valueFrom: {fieldRef: {fieldPath: "status.podIP"}}}],
          volumeMounts: [{name: "credentials", mountPath: "/etc/tunnel", readOnly: true}],
          readinessProbe: {httpGet: {path: "/ready", port: 2000}, periodSeconds: 1}}]}}}}'" | ${2:-.}"
}

# pods_are COUNT [JQ]: so many pods are ready, none else is there, and all are what the filter says.
pods_are() {
  control pods | jq -e "length == $1 and all(.ready) and all(${2:-true})" >/dev/null
}
