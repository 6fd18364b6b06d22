/* Host names for tunnels that live as long as a process. */
#ifndef CMD_LABEL_H
#define CMD_LABEL_H

#define LABEL_MAX 32 /* bytes, NUL included */

/* A random DNS label that can be said aloud and not guessed: "brave-otter-k7m2qx". */
void label_random(char out[LABEL_MAX]);

#endif
