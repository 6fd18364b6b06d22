/* The catalogue: proxies in front of services. */
/* Examples are kept as they look in a file. */
/* clang-format off */
#include "ingress-lint/rulebook.h"

const struct rulebook_rule rulebook_proxy[] = {
	{"IL801", "proxy-upgrade-lost", RULEBOOK_WARNING,
		"A proxy does not pass WebSocket upgrades on.",
		"Pages load and sockets do not: the application answers as to a plain request. Only known to matter where a rule of the "
		"configuration is one for WebSockets.",
		"Apache: ProxyPass /live/ http://app:3000/live/ upgrade=websocket. nginx: proxy_http_version 1.1, and Upgrade and "
		"Connection by proxy_set_header.",
		"run with Apache 2.4.71 and nginx 1.22.1",
		"ProxyPass /live/ http://app:3000/live/\n",
		"ProxyPass /live/ http://app:3000/live/ upgrade=websocket\n"},
	{"IL802", "proxy-order", RULEBOOK_WARNING,
		"The line for upgrades is hidden by another.",
		"Of ProxyPass lines in Apache's server the first that fits is taken, of Location sections the last.",
		"Outside of sections put the narrower line first, as Location sections put it last.",
		"run with Apache 2.4.71",
		"<Location /live/ws>\n"
		"  ProxyPass ws://app:3000/live/ws\n"
		"</Location>\n"
		"<Location /live/>\n"
		"  ProxyPass http://app:3000/live/\n"
		"</Location>\n",
		"<Location /live/>\n"
		"  ProxyPass http://app:3000/live/\n"
		"</Location>\n"
		"<Location /live/ws>\n"
		"  ProxyPass ws://app:3000/live/ws\n"
		"</Location>\n"},
	{"IL803", "proxy-upgrade-half", RULEBOOK_WARNING,
		"A proxy passes an upgrade on by half.",
		"An upgrade is Upgrade, Connection and HTTP/1.1 together; most applications refuse anything less.",
		"Set all three, Connection by a map of $http_upgrade.",
		"run with nginx 1.22.1",
		"server {\n"
		"  location /live/ {\n"
		"    proxy_pass http://app:3000;\n"
		"    proxy_http_version 1.1;\n"
		"    proxy_set_header Upgrade $http_upgrade;\n"
		"    proxy_set_header Connection $connection_upgrade;\n"
		"  }\n"
		"}\n",
		"map $http_upgrade $connection_upgrade { default upgrade; '' close; }\n"
		"server {\n"
		"  location /live/ {\n"
		"    proxy_pass http://app:3000;\n"
		"    proxy_http_version 1.1;\n"
		"    proxy_set_header Upgrade $http_upgrade;\n"
		"    proxy_set_header Connection $connection_upgrade;\n"
		"  }\n"
		"}\n"},
	{"IL804", "proxy-unread", RULEBOOK_INFO,
		"A site file says nothing of proxies.",
		"Nothing in it was understood, so nothing was checked.",
		"Give --proxy the file that has ProxyPass or proxy_pass.",
		"none",
		"DocumentRoot /srv/www\n",
		"ProxyPass / http://app:3000/ upgrade=websocket\n"},
	{0},
};
