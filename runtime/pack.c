/* Ascending lists of elements in few bytes: the gaps between them in bytes of seven bits, or a mask of the whole range
 * where that is shorter (from about an eighth of the elements on). At the rates of cortical networks a spike takes one
 * or two bytes. */
#include "runtime/pack.h"

#include <string.h>

uint8_t *rt_pack_number(uint8_t *to, uint64_t x) {
  for (; x >= 128; x >>= 7) *to++ = (uint8_t)(x | 128);
  *to++ = (uint8_t)x;
  return to;
}

const uint8_t *rt_unpack_number(const uint8_t *from, uint64_t *ret_x) {
  uint64_t x = 0;
  unsigned shift = 0;
  for (; *from & 128; shift += 7) x |= (uint64_t)(*from++ & 127) << shift;
  *ret_x = x | (uint64_t)*from++ << shift;
  return from;
}

static uint8_t *gaps(uint8_t *to, const uint8_t *end, const uint32_t *ids, uint64_t n, uint32_t first) {
  for (uint64_t i = 0; i < n; i++) {
    if (to >= end) return NULL; /* the mask is shorter */
    to = rt_pack_number(to, ids[i] - first);
    first = ids[i] + 1;
  }
  return to;
}

uint8_t *rt_pack_ids(uint8_t *to, const uint32_t *ids, uint64_t n, uint32_t first, uint32_t count) {
  uint32_t bytes = (count + 7) / 8;
  uint8_t *at = rt_pack_number(to, n * 2), *end = gaps(at, at + bytes, ids, n, first);
  if (end) return end;
  at = rt_pack_number(to, n * 2 + 1);
  memset(at, 0, bytes);
  for (uint64_t i = 0; i < n; i++) at[(ids[i] - first) / 8] |= (uint8_t)(1 << (ids[i] - first) % 8);
  return at + bytes;
}

const uint8_t *rt_unpack_ids(const uint8_t *from, uint32_t *ids, uint32_t first, uint32_t count, uint64_t *ret_n) {
  uint64_t head, gap;
  from = rt_unpack_number(from, &head);
  *ret_n = head / 2;
  if (head % 2 == 0) {
    for (uint64_t i = 0; i < head / 2; i++) {
      from = rt_unpack_number(from, &gap);
      ids[i] = first + (uint32_t)gap;
      first = ids[i] + 1;
    }
    return from;
  }
  for (uint32_t byte = 0; byte < (count + 7) / 8; byte++)
    for (unsigned m = from[byte]; m; m &= m - 1) *ids++ = first + byte * 8 + (unsigned)__builtin_ctz(m);
  return from + (count + 7) / 8;
}

uint8_t *rt_pack_list(uint8_t *to, const uint32_t *ids, uint64_t n) {
  to = rt_pack_number(to, n);
  for (uint64_t i = 0; i < n; i++) to = rt_pack_number(to, ids[i]);
  return to;
}

const uint8_t *rt_unpack_list(const uint8_t *from, uint32_t *ids, uint64_t *ret_n) {
  uint64_t id;
  from = rt_unpack_number(from, ret_n);
  for (uint64_t i = 0; i < *ret_n; i++) {
    from = rt_unpack_number(from, &id);
    ids[i] = (uint32_t)id;
  }
  return from;
}
