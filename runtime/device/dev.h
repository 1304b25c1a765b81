/* What functions for a device are written with: where a thread is, and what it may do to memory that others write too.
 *
 * A function is `DEV_KERNEL(name) { … }` (args.h), or `DEV_FUNCTION(name) { … }` if its arguments are no struct dev_args, with a row in device.def; its argument lies in the device's memory and stays the same
 * for the whole run (args.h). The same source becomes PTX, code for the emulator, and (tests of this folder) plain C. No libc, no
 * recursion, no static data that is written, no floating-point atomics: sums that several threads add to are integers, so the order
 * in which they come does not show. */
#ifndef NSL_RUNTIME_DEVICE_DEV_H
#define NSL_RUNTIME_DEVICE_DEV_H

#include <stdint.h>

#ifdef __clang__ /* so that no call moves to where only some threads come by */
#define DEV_TOGETHER __attribute__((convergent))
#else
#define DEV_TOGETHER
#endif
#define ASK(result, name, arguments, doc) DEV_TOGETHER result nsl_dev_##name arguments;
#include "runtime/device/asks.def"
#undef ASK

#define DEV_FUNCTION(name) \
  void rt_dev_##name(const void *arguments); \
  void rt_dev_##name(const void *arguments)
#define DEV_WARP 32

/* Relaxed: nobody waits for them within a launch. */
static inline void dev_add_i64(int64_t *to, int64_t x) { __atomic_fetch_add(to, x, __ATOMIC_RELAXED); }
static inline void dev_add_i32(int32_t *to, int32_t x) { __atomic_fetch_add(to, x, __ATOMIC_RELAXED); }
static inline uint32_t dev_take_u32(uint32_t *from, uint32_t n) { return __atomic_fetch_add(from, n, __ATOMIC_RELAXED); }

#endif
