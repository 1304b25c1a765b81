/* A team of threads: one job at a time on all of them, and a barrier inside of the job. */
#ifndef NSL_RUNTIME_THREADS_H
#define NSL_RUNTIME_THREADS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct rt_team;
/* n threads, the caller's own is number 0. spin: there is a processor for each. NULL after rt_fail. */
struct rt_team *rt_team_new(uint32_t n, bool spin);
void rt_team_free(struct rt_team *t);
/* Runs job(context, thread) on all threads and waits for the last. The first failure (by thread) is the
 * result. */
int rt_team_run(struct rt_team *t, int (*job)(void *context, uint32_t thread), void *context);
/* All threads of the job meet here; each gives its number. */
void rt_barrier(struct rt_team *t, uint32_t thread);
/* For some instructions that one thread at a time may do; the lock begins as 0. */
static inline void rt_lock(_Atomic uint32_t *lock) {
  for (uint32_t open = 0; !atomic_compare_exchange_weak(lock, &open, 1); open = 0) continue;
}
static inline void rt_unlock(_Atomic uint32_t *lock) { *lock = 0; }
uint32_t rt_processors(void);
/* For each of several processes: those that it is bound to, or its share of all (0: less than one). */
uint32_t rt_processors_each(uint32_t processes);
/* Subnormal numbers as zero, in this thread; gives the mode before, for rt_float_mode_restore. */
unsigned rt_float_mode_flush(void);
void rt_float_mode_restore(unsigned mode);

#endif
