/* An adjective, an animal, and 30 random bits. Whoever can guess the name could have a visitor's browser ask for it. */
#include <openssl/rand.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/label.h"

#define WORDS 32 /* in each list: five bits choose one */

static const char adjectives[WORDS][8] = {"amber", "bold", "brave", "bright", "brisk", "calm", "clever",
	"cosy", "crisp", "deft", "eager", "fair", "fleet", "fond", "gentle", "glad", "happy", "keen", "kind",
	"lively", "lucky", "merry", "mild", "neat", "nimble", "proud", "quick", "quiet", "silver", "sunny",
	"swift", "warm"};

static const char animals[WORDS][8] = {"badger", "beaver", "bison", "crane", "dolphin", "eagle", "falcon",
	"ferret", "finch", "fox", "gecko", "hare", "heron", "ibis", "jay", "koala", "lemur", "lynx", "marten",
	"mole", "newt", "otter", "owl", "panda", "puffin", "raven", "robin", "seal", "stork", "swan", "tapir",
	"wren"};

void label_random(char out[LABEL_MAX])
{
	static const char letters[32 + 1] = "abcdefghjkmnpqrstuvwxyz123456789";
	unsigned char random[8] = {0};
	char tail[7] = {0};

	RAND_bytes(random, sizeof(random));
	for (size_t i = 0; i < sizeof(tail) - 1; i++)
		tail[i] = letters[random[i] % 32];
	snprintf(out, LABEL_MAX, "%s-%s-%s", adjectives[random[6] % WORDS], animals[random[7] % WORDS], tail);
}
