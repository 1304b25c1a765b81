/* Runs kernels for devices on the host: blocks and threads one after the other, in an order that is meant to find what depends on
 * it. A thread that waits at a barrier or a ballot leaves its stack for the others. */
#ifndef NSL_RUNTIME_EMULATE_H
#define NSL_RUNTIME_EMULATE_H

#include <stdint.h>

#include "runtime/abi.h"
#include "runtime/device/dev.h" /* what kernels call: the emulator defines it */

enum rt_emu_way { RT_EMU_FORWARD, RT_EMU_REVERSE, RT_EMU_SHUFFLED };
struct rt_emu_order {
  enum rt_emu_way way;
  uint64_t seed; /* shuffled: anew in each launch, and each time that threads go on, but always the same for the same seed */
};
/* forward, reverse, shuffled:SEED; NULL: forward. 0, or NSL_EINPUT. */
int rt_emu_order_read(const char *text, struct rt_emu_order *ret);
/* The next number of a stream that begins with *state. */
uint64_t rt_emu_draw(uint64_t *state);

enum { RT_EMU_THREADS = 1024, RT_EMU_SHARED = 48 << 10, RT_EMU_WARP = 32 };

struct rt_emu;
struct rt_emu *rt_emu_open(struct rt_emu_order order); /* NULL after rt_fail */
void rt_emu_close(struct rt_emu *e);
/* At most RT_EMU_THREADS threads a block and RT_EMU_SHARED bytes, which hold garbage at first. 0, or NSL_EDEVICE if threads wait for ever.
 * Denormal numbers are computed with, as on a GPU, whatever the caller's mode. */
int rt_emu_launch(struct rt_emu *e, nsl_device_fn *fn, const void *args, uint32_t blocks, uint32_t threads, uint32_t shared);

#endif
