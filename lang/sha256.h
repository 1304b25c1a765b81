/* SHA-256 of a text, as hexadecimal digits. */
#ifndef NSL_LANG_SHA256_H
#define NSL_LANG_SHA256_H

#include <stddef.h>

enum { SHA256_TEXT = 65 };
void sha256_text(const void *data, size_t len, char ret[SHA256_TEXT]);

#endif
