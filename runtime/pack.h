/* Lists of elements in few bytes (pack.c). */
#ifndef NSL_RUNTIME_PACK_H
#define NSL_RUNTIME_PACK_H

#include <stdint.h>

enum { RT_PACK_MOST = 10 }; /* bytes that one element can take at most, and a list beside its elements */
uint8_t *rt_pack_number(uint8_t *to, uint64_t x);
const uint8_t *rt_unpack_number(const uint8_t *from, uint64_t *ret_x);
/* n ascending numbers of [first, first + count): n > 0. Gives the end of what was written. */
uint8_t *rt_pack_ids(uint8_t *to, const uint32_t *ids, uint64_t n, uint32_t first, uint32_t count);
/* The same of numbers in any order, perhaps several times. */
uint8_t *rt_pack_list(uint8_t *to, const uint32_t *ids, uint64_t n);
const uint8_t *rt_unpack_list(const uint8_t *from, uint32_t *ids, uint64_t *ret_n);
const uint8_t *rt_unpack_ids(const uint8_t *from, uint32_t *ids, uint32_t first, uint32_t count, uint64_t *ret_n);

#endif
