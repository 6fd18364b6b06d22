/* Host names for tunnels that come and go. */
#ifndef BASE_LABEL_H
#define BASE_LABEL_H

#define LABEL_MAX 32 /* bytes, NUL included */

/* A random DNS label that can be said aloud and not guessed: "brave-otter-k7m2qx". */
void label_random(char out[LABEL_MAX]);

#endif
