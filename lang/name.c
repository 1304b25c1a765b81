/* Interned names: text -> small number, each text once, in an open hash table of the session.
 *
 * Why: names are compared far more often than they are made; equality becomes comparison of two integers.
 * Id 0 is "no name" and the empty text. */
#include <stdarg.h>
#include <string.h>

#include "lang/name.h"

typedef struct {
  const char *text;
  uint32_t len, hash;
} Entry;

struct NameTable {
  VEC(Entry) entries; /* [0] is the empty text */
  uint32_t *slots;    /* ids; 0 is free */
  uint32_t n_slots;   /* a power of two */
};

enum { FIRST_SLOTS = 1024 };

NameTable *name_table_new(Arena *arena) {
  NameTable *t = NEW(arena, NameTable);
  t->n_slots = FIRST_SLOTS;
  t->slots = NEW_ARRAY(arena, uint32_t, FIRST_SLOTS);
  vec_push(arena, &t->entries, ((Entry){"", 0, 0}));
  return t;
}

/* FNV-1a. */
static uint32_t text_hash(const char *text, size_t len) {
  uint32_t h = 2166136261u;
  for (size_t i = 0; i < len; i++) h = (h ^ (unsigned char)text[i]) * 16777619u;
  return h;
}

static void table_grow(Arena *arena, NameTable *t) {
  uint32_t n = t->n_slots * 2, *slots = NEW_ARRAY(arena, uint32_t, n);
  for (uint32_t id = 1; id < t->entries.n; id++) {
    uint32_t i = t->entries.at[id].hash & (n - 1);
    while (slots[i]) i = (i + 1) & (n - 1);
    slots[i] = id;
  }
  t->slots = slots;
  t->n_slots = n;
}

Name name_of(Session *s, const char *text, size_t len) {
  if (len == 0) return (Name){0};
  NameTable *t = s->names;
  uint32_t hash = text_hash(text, len), i = hash & (t->n_slots - 1);
  for (; t->slots[i]; i = (i + 1) & (t->n_slots - 1)) {
    const Entry *e = &t->entries.at[t->slots[i]];
    if (e->hash == hash && e->len == len && memcmp(e->text, text, len) == 0) return (Name){t->slots[i]};
  }
  uint32_t id = t->entries.n;
  vec_push(s->arena, &t->entries, ((Entry){arena_text(s->arena, text, len), (uint32_t)len, hash}));
  t->slots[i] = id;
  if (t->entries.n > t->n_slots / 2) table_grow(s->arena, t);
  return (Name){id};
}

Name name_z(Session *s, const char *text) { return name_of(s, text, strlen(text)); }

Name name_fmt(Session *s, const char *fmt, ...) {
  char small[256];
  va_list args;
  va_start(args, fmt);
  int len = vsnprintf(small, sizeof small, fmt, args);
  va_end(args);
  if (len < 0) return (Name){0};
  if ((size_t)len < sizeof small) return name_of(s, small, (size_t)len);
  char *text = arena_alloc(s->arena, (size_t)len + 1);
  va_start(args, fmt);
  vsnprintf(text, (size_t)len + 1, fmt, args);
  va_end(args);
  return name_of(s, text, (size_t)len);
}

const char *name_str(const Session *s, Name n) {
  return n.id < s->names->entries.n ? s->names->entries.at[n.id].text : "";
}
