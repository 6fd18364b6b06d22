# Helpers of the files that try the management API, after lib.bash.

account=0123456789abcdef0123456789abcdef

# start_api [OPTION...]: an edge with a store and its API; a token is in `token`, the API's address in `api`.
start_api() {
  [[ -e token ]] || "$tunnel" edge token make --store edge.db --account "$account" -o token
  start_edge --store edge.db --api 127.0.0.1:0 --location edge1 "$@"
  api=$(edge_address api)
  base=http://$api/client/v4/accounts/$account/cfd_tunnel
}

# request METHOD PATH-OR-URL [CURL-OPTION...]: the body in `answer`, the status in `code`. `auth` and `type` stand in for
# the usual fields.
request() {
  local method=$1 url=$2
  shift 2
  [[ $url = http* ]] || url=$base$url
  code=$(curl -sS -o answer.json -w '%{http_code}' -X "$method" -H "Authorization: ${auth-Bearer $(cat "${as:-token}")}" \
    -H "Content-Type: ${type-application/json}" "$@" "$url")
  answer=$(cat answer.json)
}

# ask METHOD PATH FILTER [CURL-OPTION...]: it has to be answered with 200; prints what jq finds.
ask() {
  local filter=$3
  request "$1" "$2" "${@:4}"
  [ "$code" = 200 ] || fail_with "$1 $2: $code $answer" || return
  jq -rc "$filter" answer.json
}

# refused STATUS CODE METHOD PATH [CURL-OPTION...]
refused() {
  local status=$1 number=$2
  shift 2
  request "$@"
  [ "$code" = "$status" ] || fail_with "$*: $code $answer" || return
  [ "$(jq -c '[.success, .errors[0].code, .messages, .result]' answer.json)" = "[false,$number,[],null]" ] ||
    fail_with "$*: $answer"
}

# create NAME [MEMBERS]: its id is in `id`, its token in NAME.token.
create() {
  id=$(ask POST '' .result.id -d "{\"name\":\"$1\"${2:+,$2}}") || return
  (
    umask 077
    jq -r .result.token answer.json >"$1.token"
  )
}

# connect NAME TOKEN-FILE [OPTION...]: a connector, waiting for its registration.
connect() {
  launch "$@"
  wait_for "$1.err" 'registered tunnel connection'
}

launch() {
  start "$1" "$tunnel" run --token-file "$2" --edge "$edge_tunnel" --cacert "$cacert" --metrics 127.0.0.1:0 \
    --hello-world "${@:3}"
}

secret() {
  head -c 32 /dev/urandom | base64 -w 0
}

in_an_hour() {
  date -u -d '+1 hour' +%FT%TZ
}

# slowly N: a bound in time, wider under the sanitizers.
slowly() {
  if [[ $tunnel = */san/* ]]; then echo $(($1 * 10)); else echo "$1"; fi
}

zone_of() {
  "$tunnel" edge cert --store edge.db | sed '/^-/d' | base64 -d | jq -r .zoneID
}

# route TUNNEL-ID BODY [FILTER]
route() {
  ask PUT "http://$api/client/v4/zones/$zone/tunnels/$1/routes" "${3:-.result}" -d "$2"
}

host_status() {
  curl -s -o /dev/null -w '%{http_code}' -H "Host: $1" "http://$edge_http/"
}

works() {
  request GET ''
  [ "$code" = 200 ]
}

works_not() {
  request GET ''
  [ "$code" = 401 ]
}
