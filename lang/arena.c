/* Arenas: bump allocation in chunks that double up to 4 MiB, freed all at once. The only compiler file that
 * calls malloc.
 *
 * Why: the compiler builds trees and lists whose parts all die together; freeing them singly costs time and
 * bugs. Gives zeroed memory aligned to 16 bytes. Memory that is out is not an error a caller can handle: the
 * process says so and ends with status 70. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lang/base.h"

typedef struct Chunk {
  struct Chunk *next;
  size_t size, used; /* of the bytes that follow this header */
} Chunk;

struct Arena {
  Chunk *chunks; /* the newest first */
  size_t next_size;
};

enum { ALIGN = 16, FIRST_CHUNK = 1 << 16, LARGEST_CHUNK = 1 << 22 };
static const size_t header_size = (sizeof(Chunk) + ALIGN - 1) & ~(size_t)(ALIGN - 1);

__attribute__((noreturn)) static void out_of_memory(void) {
  fputs("nslc: out of memory\n", stderr);
  exit(70);
}

Arena *arena_new(void) {
  Arena *a = calloc(1, sizeof *a);
  if (!a) out_of_memory();
  a->next_size = FIRST_CHUNK;
  return a;
}

void arena_free(Arena *a) {
  if (!a) return;
  for (Chunk *c = a->chunks, *next; c; c = next) {
    next = c->next;
    free(c);
  }
  free(a);
}

static Chunk *chunk_add(Arena *a, size_t bytes) {
  size_t size = a->next_size;
  if (bytes > size) size = bytes;
  if (size > SIZE_MAX - header_size) out_of_memory();
  Chunk *c = calloc(1, header_size + size);
  if (!c) out_of_memory();
  c->size = size;
  c->next = a->chunks;
  a->chunks = c;
  if (a->next_size < LARGEST_CHUNK) a->next_size *= 2;
  return c;
}

void *arena_alloc(Arena *a, size_t bytes) {
  if (bytes > SIZE_MAX - ALIGN) out_of_memory();
  bytes = (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
  Chunk *c = a->chunks;
  if (!c || c->size - c->used < bytes) c = chunk_add(a, bytes);
  void *p = (char *)c + header_size + c->used;
  c->used += bytes;
  return p;
}

void *arena_array(Arena *a, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) out_of_memory();
  return arena_alloc(a, bytes);
}

char *arena_text(Arena *a, const char *text, size_t len) {
  char *copy = arena_alloc(a, len + 1);
  if (len) memcpy(copy, text, len);
  return copy;
}

char *arena_printf(Arena *a, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  int len = vsnprintf(NULL, 0, fmt, args);
  va_end(args);
  if (len < 0) return arena_text(a, "", 0);
  char *text = arena_alloc(a, (size_t)len + 1);
  va_start(args, fmt);
  vsnprintf(text, (size_t)len + 1, fmt, args);
  va_end(args);
  return text;
}

/* The old array stays where it was (arenas free nothing), so pointers into it keep reading what they read. */
void *vec_grow(Arena *a, void *at, uint32_t *cap, uint32_t n, size_t size) {
  if (*cap > UINT32_MAX / 2) out_of_memory();
  uint32_t want = *cap ? *cap * 2 : 8;
  void *grown = arena_array(a, want, size);
  if (n) memcpy(grown, at, (size_t)n * size);
  *cap = want;
  return grown;
}
