/* The table of findings. */
#include <string.h>

#include "hdrcheck/rules.h"

#define HSTS "Strict-Transport-Security"
#define CSP "Content-Security-Policy"
#define XFO "X-Frame-Options"
#define CSP_RO "Content-Security-Policy-Report-Only"
#define XCTO "X-Content-Type-Options"
#define ERROR SEVERITY_ERROR
#define WARNING SEVERITY_WARNING
#define INFO SEVERITY_INFO

/* clang-format off */
const struct rule rules[] = {
	/* --- Strict-Transport-Security --- */
	{"hsts-missing", ERROR, HSTS, "Without it a first visit, or any link to http://, can be kept on plain HTTP by whoever sits on the wire. Send it with every HTTPS response.", "RFC 6797, 7.2"},
	{"hsts-missing-on-redirect", WARNING, HSTS, "A redirect is an HTTPS response like any other: if it is all that a browser gets of this host, the host is never remembered.", "RFC 6797, 7.2"},
	{"hsts-on-http", INFO, HSTS, "Browsers ignore it on plain HTTP.", "RFC 6797, 8.1"},
	{"hsts-repeated", WARNING, HSTS, "Browsers take the first line only; a proxy that joins them makes a value with a comma, which is void as a whole.", "RFC 6797, 8.1"},
	{"hsts-syntax", ERROR, HSTS, "One error voids the whole field: browsers act as if it were not there.", "RFC 6797, 6.1"},
	{"hsts-short", WARNING, HSTS, "Protection ends that long after the last visit. Half a year is the least that helps; preload lists ask for a year.", "RFC 6797, 6.1.1"},
	{"hsts-very-short", ERROR, HSTS, "Less than a day: a visitor who comes back tomorrow is unprotected. Right only as the first step of a roll-out.", "RFC 6797, 6.1.1"},
	{"hsts-zero", ERROR, HSTS, "max-age=0 makes browsers forget the host: right only for a deliberate retreat.", "RFC 6797, 6.1.1"},
	{"hsts-unknown-directive", WARNING, HSTS, "Browsers skip directives that they do not know.", "RFC 6797, 6.1"},
	{"hsts-subdomains-off", INFO, HSTS, "Subdomains can still be reached over plain HTTP, and set cookies for this host.", "RFC 6797, 6.1.2"},
	{"hsts-preload-incomplete", WARNING, HSTS, "The preload list takes max-age of a year or more together with includeSubDomains and preload.", "hstspreload.org"},
	{"http-not-redirected", WARNING, "", "Plain HTTP is answered without a redirect to HTTPS.", "RFC 6797, 7.2"},
	{"redirect-off-host", INFO, "Location", "Plain HTTP leads to another host at once, so this one is never seen over HTTPS and never remembered.", "RFC 6797, 7.2"},
	{"certificate-invalid", ERROR, "", "The certificate does not hold, so browsers show a warning and ignore Strict-Transport-Security.", "RFC 6797, 8.4"},
	/* --- Content-Security-Policy --- */
	{"csp-missing", ERROR, CSP, "Nothing limits what an injected script may do, or who may frame the page.", "CSP3"},
	{"csp-report-only", ERROR, CSP, "Only a policy that reports: nothing is blocked.", "CSP3, 5"},
	{"csp-report-only-weak", INFO, CSP_RO, "The policy that only reports would not protect from this if it were enforced.", "CSP3, 5"},
	{"csp-no-script-control", ERROR, CSP, "No policy has script-src or default-src: any script runs.", "CSP3, 6.1.10"},
	{"csp-script-unsafe-inline", ERROR, CSP, "Injected <script> elements and event handlers run. Use nonces or hashes.", "CSP3, 6.7.3.2"},
	{"csp-script-broad", ERROR, CSP, "Scripts may come from nearly anywhere.", "CSP3, 6.7.2"},
	{"csp-script-blob", WARNING, CSP, "Scripts may be made from data in the page.", "CSP3, 6.7.2"},
	{"csp-script-unsafe-eval", WARNING, CSP, "Text that reaches eval() runs as a script.", "CSP3, 4.4"},
	{"csp-script-bypass-host", ERROR, CSP, "The host serves scripts or JSONP of anybody's choice, so the policy can be got round.", "CSP3, 8.4"},
	{"csp-script-host-list", INFO, CSP, "Lists of hosts can usually be got round; a policy with nonces or hashes cannot.", "CSP3, 8.4"},
	{"csp-strict-dynamic-alone", ERROR, CSP, "'strict-dynamic' without a nonce or hash blocks every script.", "CSP3, 8.2"},
	{"csp-object", ERROR, CSP, "Plugins and embedded documents are not limited: set object-src 'none'.", "CSP3, 6.1.9"},
	{"csp-base-uri", WARNING, CSP, "An injected <base> redirects every relative URL: set base-uri 'none' or 'self'.", "CSP3, 6.3.1"},
	{"csp-form-action", WARNING, CSP, "An injected form may send what is typed anywhere: set form-action.", "CSP3, 6.4.1"},
	{"csp-frame-ancestors", WARNING, CSP, "Any site may frame the page: set frame-ancestors (X-Frame-Options alone is the old way).", "CSP3, 6.4.2"},
	{"csp-style-unsafe-inline", INFO, CSP, "Injected styles apply.", "CSP3, 6.7.3.2"},
	{"csp-http-source", WARNING, CSP, "An http: source on an HTTPS page lets whoever sits on the wire put in its own.", "CSP3, 6.7.2"},
	{"csp-unknown-directive", WARNING, CSP, "Browsers skip it.", "CSP3, 2.2.1"},
	{"csp-deprecated-directive", WARNING, CSP, "Withdrawn or superseded: browsers skip it or soon will.", "CSP3, 6"},
	{"csp-duplicate-directive", WARNING, CSP, "Browsers take the first and ignore those that follow in the same policy.", "CSP3, 2.2.1"},
	{"csp-missing-semicolon", WARNING, CSP, "A directive's name stands among the values of another: a semicolon is missing.", "CSP3, 2.2"},
	{"csp-keyword-quotes", ERROR, CSP, "Without single quotes it is the name of a host.", "CSP3, 2.3.1"},
	{"csp-syntax", WARNING, CSP, "The source expression is none, and matches nothing.", "CSP3, 2.3.1"},
	{"csp-none-ignored", WARNING, CSP, "'none' counts only alone; beside other sources browsers ignore it.", "CSP3, 6.7.2.5"},
	{"csp-non-ascii", WARNING, CSP, "Typographic quotes and other bytes outside ASCII make a source match nothing.", "CSP3, 2.2"},
	{"csp-nonce-short", WARNING, CSP, "A nonce needs 128 random bits: 22 characters of base64.", "CSP3, 7.1"},
	{"csp-nonce-template", ERROR, CSP, "The nonce looks like a template that nobody filled in: it is the same for everybody.", "CSP3, 7.1"},
	{"csp-static-nonce", ERROR, CSP, "Two answers have the same nonce, so it can be read from one and used in the other.", "CSP3, 7.1"},
	{"csp-nonce-cacheable", ERROR, CSP, "Caches may keep the response, and with it the nonce.", "CSP3, 7.1"},
	{"csp-nonce-mismatch", WARNING, CSP, "No script of the page carries the nonce of the policy: one of the two was rewritten or cached on the way.", "CSP3, 7.1"},
	{"csp-no-report", INFO, CSP, "Nobody is told when the policy blocks something.", "CSP3, 6.5"},
	{"csp-report-endpoint", WARNING, CSP, "report-to names an endpoint that no Reporting-Endpoints or Report-To declares.", "Reporting API"},
	{"csp-ws", INFO, CSP, "connect-src names no ws: or wss: source: browsers before the change of CSP3 do not let 'self' cover WebSockets, and live pages stop being live.", "CSP3, 6.7.2.8"},
	{"csp-size", WARNING, CSP, "Longer than the 8 KiB that common proxies hold a header to.", "nginx, Apache httpd"},
	{"csp-meta-ignored-directive", WARNING, CSP, "Browsers ignore this directive in a meta element: it takes the header.", "HTML, 4.2.5.3"},
	{"csp-meta-late", WARNING, CSP, "What stands before the meta element is free of it; outside <head> it does nothing.", "HTML, 4.2.5.3"},
	{"csp-legacy-header", INFO, CSP, "X-Content-Security-Policy and X-WebKit-CSP are dead.", "CSP3"},
	/* --- Framing, types, referrer --- */
	{"xfo-missing", WARNING, XFO, "Neither it nor frame-ancestors: any site may frame the page.", "HTML, 7.8"},
	{"xfo-invalid", ERROR, XFO, "The value means nothing, so any site may frame the page.", "HTML, 7.8"},
	{"xfo-allow-from", ERROR, XFO, "ALLOW-FROM was dropped by every browser: no protection at all. Use frame-ancestors.", "HTML, 7.8"},
	{"xfo-repeated", WARNING, XFO, "Sent more than once: two equal values still work in browsers, other clients take the joined value for invalid.", "HTML, 7.8"},
	{"xfo-conflict", ERROR, XFO, "Different values: browsers block all framing.", "HTML, 7.8"},
	{"xfo-csp-disagree", INFO, XFO, "Browsers go by frame-ancestors and ignore X-Frame-Options, which says something else.", "CSP3, 6.4.2.2"},
	{"xcto-missing", WARNING, XCTO, "Browsers guess types: an upload can become a script.", "Fetch, 3.6"},
	{"xcto-invalid", ERROR, XCTO, "Only nosniff means something, and the first of several counts.", "Fetch, 3.6"},
	{"xcto-repeated", INFO, XCTO, "Sent more than once: the first counts.", "Fetch, 3.6"},
	{"content-type-missing", WARNING, "Content-Type", "A body without a type: browsers guess, and may take it for HTML.", "RFC 9110, 8.3"},
	{"referrer-invalid", WARNING, "Referrer-Policy", "No word of it is known, so the browser's default holds.", "Referrer Policy, 8.1"},
	{"referrer-unsafe", WARNING, "Referrer-Policy", "Full URLs, with what is secret in them, go to other sites.", "Referrer Policy, 3"},
	{"referrer-downgrade", INFO, "Referrer-Policy", "The origin is told over plain HTTP as well.", "Referrer Policy, 3"},
	{"permissions-syntax", ERROR, "Permissions-Policy", "One syntax error voids the whole header.", "RFC 9651, 4.2"},
	{"permissions-value", WARNING, "Permissions-Policy", "The value of a feature is *, self, an origin in quotes, or a list of these in parentheses.", "Permissions Policy, 5.2"},
	{"permissions-feature-policy", INFO, "Feature-Policy", "Superseded by Permissions-Policy, which wins for each feature.", "Permissions Policy"},
	/* --- Isolation --- */
	{"coop-invalid", WARNING, "Cross-Origin-Opener-Policy", "Not one of its tokens, or sent twice: as if it were unsafe-none.", "HTML, 7.1.3"},
	{"coep-invalid", WARNING, "Cross-Origin-Embedder-Policy", "Not one of its tokens, or sent twice: as if it were unsafe-none.", "HTML, 7.1.4"},
	{"corp-invalid", WARNING, "Cross-Origin-Resource-Policy", "Not exactly same-origin, same-site or cross-origin: void.", "Fetch, 3.7"},
	{"isolation-on-http", INFO, "", "Cross-Origin-Opener-Policy and Cross-Origin-Embedder-Policy are ignored on plain HTTP.", "HTML, 7.1.3"},
	{"cors-any-with-credentials", WARNING, "Access-Control-Allow-Origin", "Browsers refuse * together with credentials: such requests fail.", "Fetch, 3.3"},
	{"cors-reflects-origin", ERROR, "Access-Control-Allow-Origin", "Any site may read answers to requests with the visitor's cookies.", "Fetch, 3.3"},
	{"cors-several", ERROR, "Access-Control-Allow-Origin", "More than one value: browsers refuse the answer.", "Fetch, 3.3"},
	{"cors-careless-match", ERROR, "Access-Control-Allow-Origin", "An origin is allowed that only looks like the host's own: its beginning or its end is compared, not all of it.", "Fetch, 3.3"},
	{"cors-null", WARNING, "Access-Control-Allow-Origin", "Any sandboxed frame has the origin null.", "Fetch, 3.3"},
	{"cors-no-vary", WARNING, "Vary", "The answer depends on Origin and does not say so: a cache gives one site the answer for another.", "Fetch, 3.3"},
	/* --- Cookies --- */
	{"cookie-insecure", WARNING, "Set-Cookie", "Without Secure it is sent over plain HTTP as well.", "RFC 6265bis, 5.6.5"},
	{"cookie-over-http", WARNING, "Set-Cookie", "Set over plain HTTP: whoever sits on the wire can read it.", "RFC 6265bis, 8.3"},
	{"cookie-secure-on-http", ERROR, "Set-Cookie", "Secure over plain HTTP: browsers refuse the cookie.", "RFC 6265bis, 5.7"},
	{"cookie-session-script", WARNING, "Set-Cookie", "Without HttpOnly an injected script can read the session.", "RFC 6265bis, 5.6.6"},
	{"cookie-samesite-missing", INFO, "Set-Cookie", "Without SameSite, browsers choose: Lax in Chromium, None in others.", "RFC 6265bis, 5.6.7"},
	{"cookie-samesite-invalid", WARNING, "Set-Cookie", "SameSite is none of Strict, Lax and None: as if it were not there.", "RFC 6265bis, 5.6.7"},
	{"cookie-none-insecure", ERROR, "Set-Cookie", "SameSite=None takes Secure: browsers refuse the cookie.", "RFC 6265bis, 5.7"},
	{"cookie-prefix", ERROR, "Set-Cookie", "The name's prefix asks for more than the cookie has: browsers refuse it.", "RFC 6265bis, 4.1.3"},
	{"cookie-domain", ERROR, "Set-Cookie", "Domain does not cover the host, or is a public suffix: browsers refuse the cookie.", "RFC 6265bis, 5.7"},
	{"cookie-domain-wide", INFO, "Set-Cookie", "With Domain, every subdomain can read the session.", "RFC 6265bis, 5.6.3"},
	{"cookie-malformed", WARNING, "Set-Cookie", "Browsers drop it: it is empty, has control characters, or is longer than 4 KiB.", "RFC 6265bis, 5.6"},
	{"cookie-partitioned", ERROR, "Set-Cookie", "Partitioned takes Secure: browsers refuse the cookie.", "CHIPS"},
	{"cookie-repeated", WARNING, "Set-Cookie", "The same cookie is set twice in one response: the last counts.", "RFC 6265bis, 4.1.1"},
	{"cookie-cacheable", ERROR, "Cache-Control", "A response that sets a session may be kept by shared caches and given to others.", "RFC 9111, 7.3"},
	/* --- What should not be there --- */
	{"header-dead", INFO, "", "No current browser looks at it; it can go.", ""},
	{"header-harmful", WARNING, "", "It did harm while browsers looked at it; remove it.", ""},
	{"leak-version", WARNING, "", "It tells which version runs here.", "RFC 9110, 10.2.4"},
	{"leak-product", INFO, "", "It tells what runs here.", "RFC 9110, 10.2.4"},
	{"leak-address", WARNING, "", "It names a private address.", ""},
	{"header-repeated", WARNING, "", "A header that holds one value is sent more than once, which usually is two hops setting it.", "RFC 9110, 5.3"},
	{"clear-site-data-syntax", WARNING, "Clear-Site-Data", "Its words do nothing without double quotes.", "Clear Site Data, 3.1"},
	{"reporting-syntax", WARNING, "Reporting-Endpoints", "Not a structured dictionary of URLs in quotes: void.", "RFC 9651, 4.2"},
	{"html-unreadable", WARNING, "", "The document takes too much memory or time to parse, so its scripts and meta elements are not judged.", ""},
	{"sri-missing", WARNING, "", "A script of another site runs here whatever becomes of it there: add integrity.", "SRI"},
	{"sri-invalid", WARNING, "", "The integrity attribute holds no hash that browsers know, and so does nothing.", "SRI, 3.5"},
	{"script-over-http", ERROR, "", "A script over plain HTTP: blocked on HTTPS pages, or put there by whoever sits on the wire.", "Mixed Content"},
	{"mixed-content-blocked", ERROR, "", "Frames, styles, plugins or sets of images over plain HTTP: browsers do not load them on an HTTPS page.", "Mixed Content, 5.1"},
	{"mixed-content-upgraded", WARNING, "", "Images or media over plain HTTP: browsers ask for them over HTTPS, older ones as they are.", "Mixed Content, 4.1"},
	{"form-over-http", WARNING, "", "A form is sent over plain HTTP, where whoever sits on the wire reads what was typed.", "Mixed Content, 6"},
	/* --- WebSocket handshakes --- */
	{"ws-any-origin", ERROR, "", "The handshake is accepted whatever Origin it names: any site may talk to it with the visitor's cookies.", "RFC 6455, 10.2"},
	/* --- Beside the page --- */
	{"header-lost", WARNING, "", "The page has the header, and what stands beside it, where it counts as well, has not: errors, assets and redirects often leave by another way.", ""},
	{"header-unstable", WARNING, "", "The same page has another value of the header, or none, by HEAD or over another version of HTTP: a cache may keep either.", "RFC 9110, 9.3.2"},
	/* --- Over several hops, policies, runs --- */
	{"hop-doubled", WARNING, "", "A hop sends a header again that was there already.", "RFC 9110, 5.3"},
	{"hop-dropped", WARNING, "", "A hop takes a security header away that the one behind it sent.", ""},
	{"hop-changed", INFO, "", "A hop replaces the value of a security header.", ""},
	{"overwrite-stronger", WARNING, "", "An edge that applies the policy would put a weaker value in the place of the application's: use strengthen or set-if-absent in place of set.", "header-policy(5)"},
	{"overwrite-different", INFO, "", "An edge that applies the policy would replace the application's value.", "header-policy(5)"},
	{"policy-missing", ERROR, "", "The policy asks for a header that is not there.", "header-policy(5)"},
	{"policy-different", ERROR, "", "The policy asks for another value.", "header-policy(5)"},
	{"policy-weaker", ERROR, "", "The policy asks for at least what it names.", "header-policy(5)"},
	{"policy-forbidden", ERROR, "", "The policy forbids the header.", "header-policy(5)"},
	{"drift", ERROR, "", "It is not what the saved run says.", ""},
	{"grade-low", ERROR, "", "The grade is below the one asked for.", ""},
};
/* clang-format on */
const size_t rules_count = sizeof(rules) / sizeof(rules[0]);

const struct rule *rule_find(const char *id)
{
	for (size_t i = 0; i < rules_count; i++)
		if (strcmp(rules[i].id, id) == 0)
			return &rules[i];
	return NULL;
}

const char *severity_name(enum severity severity)
{
	switch (severity) {
	case SEVERITY_INFO: return "info";
	case SEVERITY_WARNING: return "warning";
	case SEVERITY_ERROR: return "error";
	}
	return "";
}
