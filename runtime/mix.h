/* The step that all hashes of states are made of: one more word goes into a hash. */
#ifndef NSL_RUNTIME_MIX_H
#define NSL_RUNTIME_MIX_H

#include <stdint.h>

static inline uint64_t rt_mix(uint64_t h, uint64_t x) {
  h = (h ^ x) * 0x9e3779b97f4a7c15u;
  h ^= h >> 32;
  h *= 0xd6e8feb86659fd93u;
  return h ^ h >> 29;
}

#endif
