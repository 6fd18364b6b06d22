//go:build tools

// Package tools records that this module exists for one program; Go before 1.24 has no tool directive.
package tools

import _ "github.com/cloudflare/cloudflared/cmd/cloudflared"
