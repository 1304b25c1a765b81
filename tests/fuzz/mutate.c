/* What libFuzzer does to a text of NSL beside flipping bytes: lines are dropped, doubled, swapped, words
 * replaced by other words of the text or of the language, numbers by others, and lines taken from another
 * text. Most results still parse, so that what lies behind the parser is reached. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t na, const uint8_t *b, size_t nb, uint8_t *out,
                                 size_t max, unsigned seed);

typedef struct {
  size_t from, to;
} Part;

static const char *const words[] = {
#define HARD(token, text, role, doc) text,
#define SOFT(token, text, role, doc) text,
#include "lang/keywords.def"
#undef HARD
#undef SOFT
    "mV",
    "ms",
    "pA",
    "1/ms",
    "mV/ms",
    "uF/cm^2",
    "nS",
    "Hz",
    "0",
    "1",
    "inf",
    "exp",
    "white_noise()",
    "dt",
    "t",
    "normal(0, 1)",
    "uniform(0, 1)",
    "x",
    "x'",
    "V",
    "I",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ",",
    ";",
    ":",
    "->",
    "--",
    "=",
    "~",
    "+",
    "-",
    "*",
    "/",
    "^",
    "==",
    "<",
    "..",
    ".",
    "##",
    "#",
    "-1e-3",
    "250 pF",
    "0.1 ms",
    "1..3",
    "[1, 2]",
    "{ a, b }"};

static unsigned next(unsigned *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

static int is_word(uint8_t c) {
  return c == '_' || c >= 0x80 || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

static Part line_of(const uint8_t *data, size_t size, unsigned *state) {
  size_t at = size ? next(state) % size : 0;
  Part p = {at, at};
  while (p.from > 0 && data[p.from - 1] != '\n') p.from--;
  while (p.to < size && data[p.to] != '\n') p.to++;
  if (p.to < size) p.to++;
  return p;
}

static Part word_of(const uint8_t *data, size_t size, unsigned *state) {
  size_t at = size ? next(state) % size : 0;
  while (at < size && (data[at] == ' ' || data[at] == '\n')) at++;
  Part p = {at, at};
  while (p.from > 0 && is_word(data[p.from - 1]) && is_word(data[at < size ? at : size - 1])) p.from--;
  while (p.to < size && is_word(data[p.to])) p.to++;
  if (p.to == p.from && p.to < size) p.to++;
  return p;
}

/* data[to] becomes `text`; the size stays as it is if it does not fit. */
static size_t replace(uint8_t *data, size_t size, size_t max, Part to, const uint8_t *text, size_t len) {
  size_t whole = size - (to.to - to.from) + len;
  if (whole > max) return size;
  uint8_t *copy = malloc(len + 1);
  memcpy(copy, text, len);
  memmove(data + to.from + len, data + to.to, size - to.to);
  memcpy(data + to.from, copy, len);
  free(copy);
  return whole;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed) {
  unsigned state = seed;
  for (unsigned n = 1 + next(&state) % 3; n > 0 && size > 0; n--) {
    Part a = line_of(data, size, &state), b = line_of(data, size, &state);
    Part v = word_of(data, size, &state), w = word_of(data, size, &state);
    const char *word = words[next(&state) % (sizeof words / sizeof *words)];
    switch (next(&state) % 8) {
    case 0: size = replace(data, size, max, a, data, 0); break;
    case 1: size = replace(data, size, max, (Part){a.from, a.from}, data + b.from, b.to - b.from); break;
    case 2: size = replace(data, size, max, a, data + b.from, b.to - b.from); break;
    case 3:
    case 4: size = replace(data, size, max, v, data + w.from, w.to - w.from); break;
    case 5: size = replace(data, size, max, v, (const uint8_t *)word, strlen(word)); break;
    case 6: size = replace(data, size, max, (Part){v.to, v.to}, (const uint8_t *)word, strlen(word)); break;
    case 7:
      size = next(&state) % 4 ? replace(data, size, max, v, data, 0) : LLVMFuzzerMutate(data, size, max);
      break;
    }
  }
  return size ? size : LLVMFuzzerMutate(data, size, max);
}

/* A few lines of one text in the place of a line of the other. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t na, const uint8_t *b, size_t nb, uint8_t *out,
                                 size_t max, unsigned seed) {
  unsigned state = seed;
  size_t size = na < max ? na : max;
  memcpy(out, a, size);
  Part to = line_of(out, size, &state), from = line_of(b, nb, &state);
  for (unsigned n = next(&state) % 6; n > 0 && from.to < nb; n--)
    while (from.to < nb && b[from.to++] != '\n') {
    }
  if (next(&state) % 2) to.to = to.from;
  return replace(out, size, max, to, b + from.from, from.to - from.from);
}
