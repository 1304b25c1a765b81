/* Threads that wait for jobs, and a barrier for the step loop.
 *
 * The barrier spins, since the threads' shares of an interval are nearly equal, and then sleeps on a futex.
 * How long it spins is learnt: longer than a sleeper takes to wake while that succeeds (else two threads
 * could take turns sleeping for ever), hardly at all while it fails, since on a busy machine spinning keeps
 * the one that is awaited from running; every so often the long spin is tried again. With more threads than
 * processors it does not spin. Who comes last makes a system call only if someone sleeps. */
#include "runtime/threads.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "runtime/error.h"
#include "runtime/mem.h"

enum { SPINS_FEW = 64, SPINS_MANY = 16384, GIVE_UP = 4, TRY_AGAIN = 16 };

struct worker {
  _Alignas(64) struct rt_team *team;
  uint32_t number;
  uint32_t failed, waits; /* long spins that failed, one after the other; barriers since */
  pthread_t thread;
  int result;
  char message[1024];
};

struct rt_team {
  struct rt_mem mem;
  uint32_t n;
  bool spin;
  struct worker *workers;
  int (*job)(void *, uint32_t);
  void *context;
  bool quit;
  _Alignas(64) _Atomic uint32_t arrived;
  _Alignas(64) _Atomic uint32_t round; /* the futex */
  _Atomic uint32_t sleeping;
};

uint32_t rt_processors(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return (uint32_t)CPU_COUNT(&set);
  long n = sysconf(_SC_NPROCESSORS_ONLN);
  return n > 0 ? (uint32_t)n : 1;
}

uint32_t rt_processors_each(uint32_t processes) {
  uint32_t own = rt_processors();
  bool bound = (long)own < sysconf(_SC_NPROCESSORS_ONLN);
  return bound ? own : own / processes;
}

unsigned rt_float_mode_flush(void) {
#if defined(__x86_64__)
  unsigned mode = _mm_getcsr();
  _mm_setcsr(mode | 0x8040); /* flush to zero, subnormals are zero */
  return mode;
#else
  return 0;
#endif
}

void rt_float_mode_restore(unsigned mode) {
#if defined(__x86_64__)
  _mm_setcsr(mode);
#else
  (void)mode;
#endif
}

/* true: the others have come. */
static bool spin_until(struct rt_team *t, struct worker *w, uint32_t round) {
  bool patient = w->failed < GIVE_UP || ++w->waits % TRY_AGAIN == 0;
  for (uint32_t i = 0; i < (patient ? SPINS_MANY : SPINS_FEW); i++) {
    if (atomic_load_explicit(&t->round, memory_order_acquire) != round) {
      if (patient) w->failed = 0;
      return true;
    }
#if defined(__x86_64__)
    _mm_pause();
#endif
  }
  if (patient && w->failed < GIVE_UP) w->failed++;
  return false;
}

void rt_barrier(struct rt_team *t, uint32_t thread) {
  if (t->n == 1) return;
  uint32_t round = atomic_load_explicit(&t->round, memory_order_acquire);
  if (atomic_fetch_add_explicit(&t->arrived, 1, memory_order_acq_rel) + 1 == t->n) {
    atomic_store_explicit(&t->arrived, 0, memory_order_relaxed);
    atomic_store(&t->round, round + 1);
    if (atomic_load(&t->sleeping))
      syscall(SYS_futex, (void *)&t->round, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
    return;
  }
  if (t->spin && spin_until(t, &t->workers[thread], round)) return;
  atomic_fetch_add(&t->sleeping,
                   1); /* before round is read again: who comes last sees it, or we see the new round */
  while (atomic_load(&t->round) == round)
    syscall(SYS_futex, (void *)&t->round, FUTEX_WAIT_PRIVATE, round, NULL, NULL, 0);
  atomic_fetch_sub(&t->sleeping, 1);
}

static void *worker_main(void *arg) {
  struct worker *w = arg;
  struct rt_team *t = w->team;
  rt_float_mode_flush();
  for (;;) {
    rt_barrier(t, w->number); /* a job is there */
    if (t->quit) return NULL;
    w->result = t->job(t->context, w->number);
    if (w->result) snprintf(w->message, sizeof w->message, "%s", rt_error());
    rt_barrier(t, w->number); /* it is done */
  }
}

struct rt_team *rt_team_new(uint32_t n, bool spin) {
  struct rt_mem mem = {0};
  struct rt_team *t = rt_alloc(&mem, 1, sizeof *t);
  struct worker *workers = rt_alloc(&mem, n, sizeof *workers);
  if (!t || !workers) {
    rt_mem_free(&mem);
    return NULL;
  }
  t->mem = mem;
  t->n = n;
  t->spin = spin;
  t->workers = workers;
  for (uint32_t i = 1; i < n; i++) {
    workers[i].team = t;
    workers[i].number = i;
    int e = pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]);
    if (!e) continue;
    rt_fail(NSL_EMEMORY, "cannot start thread %u of %u: %s", i + 1, n, strerror(e));
    for (uint32_t k = 1; k < i; k++) { /* they wait for the others, who will not come */
      pthread_cancel(workers[k].thread);
      pthread_join(workers[k].thread, NULL);
    }
    rt_mem_free(&mem);
    return NULL;
  }
  return t;
}

void rt_team_free(struct rt_team *t) {
  if (!t) return;
  t->quit = true;
  rt_barrier(t, 0);
  for (uint32_t i = 1; i < t->n; i++) pthread_join(t->workers[i].thread, NULL);
  struct rt_mem mem = t->mem;
  rt_mem_free(&mem);
}

int rt_team_run(struct rt_team *t, int (*job)(void *context, uint32_t thread), void *context) {
  t->job = job;
  t->context = context;
  rt_barrier(t, 0);
  int e = job(context, 0);
  rt_barrier(t, 0);
  for (uint32_t i = 1; !e && i < t->n; i++)
    if (t->workers[i].result) e = rt_fail_again(t->workers[i].result, t->workers[i].message);
  return e;
}
