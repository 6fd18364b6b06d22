// Builds cloudflared 2023.7.0. Its tags are not semantic versions, so the tag's commit is pinned.
module outbore.test/interop/cloudflared-2023.7.0

go 1.19

require github.com/cloudflare/cloudflared v0.0.0-20230711172845-fdab68aa08a5

// cloudflared's own replace lines, which Go ignores in a dependency.
replace github.com/urfave/cli/v2 => github.com/ipostelnik/cli/v2 v2.3.1-0.20210324024421-b6ea8234fe3d

replace github.com/prometheus/golang_client => github.com/prometheus/golang_client v1.12.1

replace gopkg.in/yaml.v3 => gopkg.in/yaml.v3 v3.0.1

replace github.com/quic-go/quic-go => github.com/devincarr/quic-go v0.0.0-20230502200822-d1f4edacbee7

replace (
	github.com/quic-go/qtls-go1-19 => github.com/cloudflare/qtls-pq v0.0.0-20230320123031-3faac1a945b2
	github.com/quic-go/qtls-go1-20 => github.com/cloudflare/qtls-pq v0.0.0-20230320122459-4ed280d0d633
)
