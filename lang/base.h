/* What every compiler file uses: arenas, growing arrays, interned names, spans, the session.
 *
 * Memory: only lang/arena.c calls malloc. Nothing is freed singly; an arena is freed whole.
 * Growing arrays (VEC) have count and data in the open and live in an arena.
 * A Name is an interned string, compared by value; id 0 is "no name".
 * A Span is two global byte offsets [from, to) into the concatenation of all sources of the session. */
#ifndef NSL_LANG_BASE_H
#define NSL_LANG_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct Arena Arena;
Arena *arena_new(void);
void arena_free(Arena *a);
/* Zeroed memory, aligned to 16; never NULL (aborts with a message when memory is out). */
void *arena_alloc(Arena *a, size_t bytes);
/* count * size with overflow check. */
void *arena_array(Arena *a, size_t count, size_t size);
char *arena_text(Arena *a, const char *text, size_t len); /* copy, NUL-terminated */
__attribute__((format(printf, 2, 3))) char *arena_printf(Arena *a, const char *fmt, ...);
#define NEW(arena, T) ((T *)arena_alloc((arena), sizeof(T)))
#define NEW_ARRAY(arena, T, n) ((T *)arena_array((arena), (n), sizeof(T)))

/* A growing array: VEC(Ast *) kids;  vec_push(arena, &kids, x);  kids.at[i], kids.n */
#define VEC(T)       \
  struct {           \
    T *at;           \
    uint32_t n, cap; \
  }
void *vec_grow(Arena *a, void *at, uint32_t *cap, uint32_t n, size_t size);
#define vec_push(arena, v, x)                                                                      \
  ((void)((v)->n == (v)->cap                                                                       \
              ? ((v)->at = vec_grow((arena), (v)->at, &(v)->cap, (v)->n, sizeof *(v)->at)) : NULL), \
   (v)->at[(v)->n++] = (x))

void text_json(FILE *out, const char *text); /* as a string of JSON, in its quotes (json.c) */

typedef struct {
  uint32_t id;
} Name;
typedef struct {
  uint32_t from, to;
} Span;
static inline bool name_eq(Name a, Name b) { return a.id == b.id; }
static inline bool name_none(Name a) { return a.id == 0; }

typedef struct Session Session; /* lang/session.h */

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

#endif
