/* What stands between the socket and the HTTP/2 library: follows the frames (RFC 9113, 4.1) and passes them on where they
 * lie, but for two kinds. Header blocks of several frames are collected, relieved of strings that the library's HPACK
 * decoder would end the connection for, and framed anew, so that their number of CONTINUATION frames is bounded, too (a
 * block of one frame is shorter than any such string). In a client's GOAWAY the last stream id, for which the library
 * takes none but of streams that it has pushed, becomes 0: we push nothing, and clients send other numbers. */
#ifndef H2_BLOCKFILTER_H
#define H2_BLOCKFILTER_H

#include "common/proto/parse.h"
#include "tunnel/h2/hpackcut.h"

#define BLOCKFILTER_FRAME_MAX ((size_t)16384) /* our SETTINGS_MAX_FRAME_SIZE: the default */
#define BLOCKFILTER_FRAMES_MAX 1024           /* of one block as received, 16 MiB in all */
#define BLOCKFILTER_CONTINUATIONS_MAX (HPACKCUT_BLOCK_MAX / BLOCKFILTER_FRAME_MAX) /* as passed on */
#define BLOCKFILTER_HEAD 9     /* bytes before a frame's payload */
#define BLOCKFILTER_PREFACE 24 /* bytes a client sends before frames */

struct blockfilter {
	bool from_client;
	size_t pass;                        /* bytes to be passed on before the next frame head */
	size_t drop;                        /* bytes to be left out before them */
	uint8_t head[BLOCKFILTER_HEAD + 4]; /* of a frame, as far as it has come; and a stream id */
	size_t head_len;
	/* A block that is being collected. */
	bool collecting;
	uint8_t flags; /* of its HEADERS frame, END_HEADERS when its last frame has begun */
	uint32_t stream;
	unsigned frames;
	bool pad_due;                   /* the next byte is the length of the padding */
	size_t lead, fragment, padding; /* of the frame that is being read: bytes to come */
	struct hpackcut block;
	struct buf out; /* the block framed anew, until the next call */
};

struct blockfilter_piece {
	struct span bytes; /* borrowed from the input or the filter, until the next call */
	bool was_cut;      /* it is one header block, and something was cut out of it */
};

/* from_client: a preface comes first. */
void blockfilter_init(struct blockfilter *f, bool from_client);
/* Take the next piece off in. PARSE_MORE: in is used up. PARSE_BAD: the peer broke the protocol or a limit; *why is
 * constant. */
enum parse blockfilter_next(
	struct blockfilter *f, struct span *in, struct blockfilter_piece *piece, const char **why);
void blockfilter_fini(struct blockfilter *f);

#endif
