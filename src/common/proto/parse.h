/* The outcome of every incremental parser. */
#ifndef PROTO_PARSE_H
#define PROTO_PARSE_H

enum parse {
	PARSE_OK,
	PARSE_MORE, /* whole so far, more is needed */
	PARSE_BAD,
};

#endif
