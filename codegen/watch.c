/* A second line against LLVM: a unit that takes a thousand times what units take ends the process with a
 * message, since LLVM's combiners may rewrite something back and forth for ever, and nothing can stop them
 * from outside.
 *
 * One thread looks now and then how much processor time each worker has spent on its unit (so that a busy
 * machine does no harm) and says what the worker is at. The process ends at once, without handlers of `exit`,
 * which would take LLVM apart under the workers. Where no thread can be had, nobody watches. */
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "codegen/unit.h"

struct CgWatch {
  pthread_t watcher;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool over;
  double patience; /* seconds for a unit, and a thousandth of it for each of its instructions */
  unsigned n;
  struct {
    clockid_t clock; /* processor time of the worker */
    const CgUnit *unit;
    double began;
  } worker[CG_MAX_THREADS];
};

static double seconds(clockid_t clock) {
  struct timespec t;
  return clock_gettime(clock, &t) ? 0 : (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

__attribute__((format(printf, 2, 3))) static void say(const CgUnit *u, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  bug_say(u->s, u->kernels.at[0]->ins.n ? u->kernels.at[0]->ins.at[0].span : (Span){0, 0}, __FILE__, __LINE__,
          fmt, args);
  va_end(args);
}

static void give_up(const CgUnit *u, double spent) {
  char names[500] = ""; /* the unit's arena is the worker's */
  for (uint32_t i = 0, n = 0; i < u->kernels.n && n < sizeof names; i++)
    n += (uint32_t)snprintf(names + n, sizeof names - n, "%s%s", i ? ", " : "",
                            name_str(u->s, u->kernels.at[i]->name));
  say(u, "LLVM does not come to an end over the kernels %s for %s (%.0f s of processor time)", names,
      u->target->text, spent);
  _exit(70);
}

static double patience(const CgWatch *w, const CgUnit *u) {
  double instructions = 0;
  for (uint32_t i = 0; i < u->kernels.n; i++) instructions += u->kernels.at[i]->ins.n;
  return w->patience * (1 + instructions / 1000);
}

/* With the lock: no worker ends its unit meanwhile. */
static void look(CgWatch *w) {
  for (unsigned i = 0; i < w->n; i++) {
    const CgUnit *u = w->worker[i].unit;
    if (!u || u->kernels.n == 0) continue;
    double spent = seconds(w->worker[i].clock) - w->worker[i].began;
    if (spent > patience(w, u)) give_up(u, spent);
  }
}

static void *watch(void *arg) {
  CgWatch *w = arg;
  long wait = (long)(w->patience < 1 ? w->patience * 1e9 : 999999999);
  pthread_mutex_lock(&w->lock);
  while (!w->over) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += wait;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&w->changed, &w->lock, &until);
    look(w);
  }
  pthread_mutex_unlock(&w->lock);
  return NULL;
}

CgWatch *cg_watch_begin(Arena *a, double patience_s) {
  CgWatch *w = NEW(a, CgWatch);
  w->patience = patience_s > 0 ? patience_s : 60;
  pthread_mutex_init(&w->lock, NULL);
  pthread_cond_init(&w->changed, NULL);
  return pthread_create(&w->watcher, NULL, watch, w) ? NULL : w;
}

unsigned cg_watch_worker(CgWatch *w) {
  unsigned me = CG_MAX_THREADS;
  if (!w) return me;
  pthread_mutex_lock(&w->lock);
  if (w->n < CG_MAX_THREADS && !pthread_getcpuclockid(pthread_self(), &w->worker[w->n].clock)) me = w->n++;
  pthread_mutex_unlock(&w->lock);
  return me;
}

void cg_watch_unit(CgWatch *w, unsigned worker, const CgUnit *u) {
  if (!w || worker == CG_MAX_THREADS) return;
  pthread_mutex_lock(&w->lock);
  w->worker[worker].began = seconds(w->worker[worker].clock);
  w->worker[worker].unit = u;
  pthread_mutex_unlock(&w->lock);
}

void cg_watch_end(CgWatch *w) {
  if (!w) return;
  pthread_mutex_lock(&w->lock);
  w->over = true;
  pthread_cond_signal(&w->changed);
  pthread_mutex_unlock(&w->lock);
  pthread_join(w->watcher, NULL);
}
