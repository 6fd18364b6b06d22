/* Where cloudflared looks for its configuration and for credentials: ~/.cloudflared, ~/.cloudflare-warp,
 * ~/cloudflare-warp, /etc/cloudflared, /usr/local/etc/cloudflared, in this order. */
#ifndef CMD_CONFDIR_H
#define CMD_CONFDIR_H

#include <stdbool.h>

/* The first file of that name that can be opened, NULL when there is none. To be freed. */
char *confdir_find(const char *name);
/* The file of that name in the directory of another, NULL when it cannot be opened. To be freed. */
char *confdir_find_beside(const char *file, const char *name);
/* The first config.yml or config.yaml: both are tried in each directory. To be freed. */
char *confdir_find_config(void);
/* The path with "~" or "~/" at its beginning replaced by the home directory. To be freed. */
char *confdir_expand(const char *path);

#endif
