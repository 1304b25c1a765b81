/* Inside of the emulated device: what gpu_emulated.c (opening, memory, code) and emulated_streams.c (what is put on streams) share. */
#ifndef NSL_RUNTIME_EMULATED_H
#define NSL_RUNTIME_EMULATED_H

#include <pthread.h>

#include "runtime/emulate.h"
#include "runtime/gpu.h"

struct rt_gpu_function {
  nsl_device_fn *fn;
  const char *name;
};

struct rt_emulated { /* the process's one emulated device */
  pthread_mutex_t turn;
  bool begun;
  struct rt_emu_order order;
  uint64_t random, limit, used;
  uint32_t open; /* how often its context is held */
  struct rt_emu *emu;
  struct rt_emulated_part *parts;
  struct rt_gpu_stream *streams;
  int failed;
  char words[700]; /* of the last failure that has some of its own */
  int words_of;
};
extern struct rt_emulated rt_emulated;

#define GPU(name, arguments, doc) int rt_emulated_##name arguments;
#include "runtime/gpu.def"
#undef GPU

/* Every function begins and ends so: they take turns, and a failure of before comes first. */
int rt_emulated_begins(void);
int rt_emulated_ends(int result);
int rt_emulated_fails(int error, const char *words); /* with words of its own */
const char *rt_emulated_message(void); /* of the runtime, for such words */
/* A range of the device's memory, inside of one allocation? */
bool rt_emulated_inside(const char *at, size_t bytes);
/* Addresses of this device are the host's. */
static inline char *rt_emulated_pointer(rt_gpu_at at) { return (char *)(uintptr_t)at; }
int rt_emulated_streams_all(void); /* runs whatever waits */
void rt_emulated_streams_drop(void); /* with what waits on them */

#endif
