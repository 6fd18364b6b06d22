/* Releases of cloudflared that read a configuration each in its own way; one stands for those around it. Sources: config,
 * ingress and cmd/cloudflared/tunnel at the tags 2023.7.0, 2025.5.0 and 2026.8.2, and what their builds say. */
#ifndef CONF_RELEASE_H
#define CONF_RELEASE_H

enum release {
	RELEASE_2025,   /* 2025.5.0, built with Go 1.23: what is meant where nothing is said */
	RELEASE_2023_7, /* 2023.7.0, with Go 1.19 */
	RELEASE_2026,   /* 2026.8.2, with Go 1.26; what it reads is the same since 2026.5.0 */
};

/* Sets of them. */
#define RELEASE_BIT(release) (1u << (release))
#define RELEASE_SINCE_2025 (RELEASE_BIT(RELEASE_2025) | RELEASE_BIT(RELEASE_2026))

#endif
