/* The emulator of a device: what kernels ask for gives closed forms in every order, what must not be relied on shows, and threads that wait for ever
 * are reported. */
#include <float.h>
#include <immintrin.h>

#include "runtime/emulate.h"
#include "tests/runtime/model.h"

enum { BLOCKS = 7, THREADS = 96, N = BLOCKS * THREADS };
static const char *const orders[] = {"forward", "reverse", "shuffled:1", "shuffled:2"};
enum { ORDERS = sizeof orders / sizeof *orders };

struct work {
  const uint64_t *in;
  uint64_t *out, sum, most;
  uint32_t *seen, next, wait_for;
  double small, *product;
};

static uint32_t place(void) { return nsl_dev_block() * nsl_dev_block_size() + nsl_dev_thread(); }

/* Sums of all before, within a block, in log2 steps: two barriers each. */
static void prefix(const void *args) {
  const struct work *w = args;
  uint64_t *sums = nsl_dev_shared();
  uint32_t t = nsl_dev_thread(), n = nsl_dev_block_size();
  sums[t] = w->in[place()];
  nsl_dev_barrier();
  for (uint32_t d = 1; d < n; d *= 2) {
    uint64_t more = t >= d ? sums[t - d] : 0;
    nsl_dev_barrier();
    sums[t] += more;
    nsl_dev_barrier();
  }
  w->out[place()] = sums[t];
}

/* The same without the barrier between reading and writing. */
static void prefix_wrong(const void *args) {
  const struct work *w = args;
  uint64_t *sums = nsl_dev_shared();
  uint32_t t = nsl_dev_thread(), n = nsl_dev_block_size();
  sums[t] = w->in[place()];
  nsl_dev_barrier();
  for (uint32_t d = 1; d < n; d *= 2) {
    sums[t] += t >= d ? sums[t - d] : 0;
    nsl_dev_barrier();
  }
  w->out[place()] = sums[t];
}

static void ballots(const void *args) {
  const struct work *w = args;
  uint32_t odd = nsl_dev_ballot(w->in[place()] & 1), large = nsl_dev_ballot(w->in[place()] > 500 ? 4 : 0);
  w->out[place()] = (uint64_t)large << 32 | odd;
}

static void atomics(const void *args) {
  struct work *w = (struct work *)args;
  __atomic_fetch_add(&w->sum, w->in[place()], __ATOMIC_RELAXED);
  uint64_t old = __atomic_load_n(&w->most, __ATOMIC_RELAXED), mine = w->in[place()];
  while (old < mine && !__atomic_compare_exchange_n(&w->most, &old, mine, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
    ;
}

/* Who comes when, before and behind a barrier. */
static void turns(const void *args) {
  struct work *w = (struct work *)args;
  w->seen[w->next++] = place();
  nsl_dev_barrier();
  w->seen[w->next++] = place();
}

static void simple(const void *args) {
  struct work *w = (struct work *)args;
  w->seen[w->next++] = place();
}

static void denormal(const void *args) {
  const struct work *w = args;
  w->product[place()] = w->small * 0.25;
}

static void half_wait(const void *args) {
  const struct work *w = args;
  if (nsl_dev_block() != 2 || nsl_dev_thread() != w->wait_for) nsl_dev_barrier();
}

static void mixed_wait(const void *args) {
  (void)args;
  if (nsl_dev_thread() < 40)
    nsl_dev_barrier();
  else
    nsl_dev_ballot(1);
}

static void garbage(const void *args) {
  struct work *w = (struct work *)args;
  uint64_t *shared = nsl_dev_shared();
  __atomic_fetch_add(&w->sum, shared[nsl_dev_thread()] != 0, __ATOMIC_RELAXED);
  nsl_dev_barrier();
  shared[nsl_dev_thread()] = 0;
}

static uint64_t in[N], out[N], want[N];
static uint32_t seen[2 * N], seen_before[2 * N];
static double product[N];

static struct rt_emu *opened(const char *text) {
  struct rt_emu_order order;
  return rt_emu_order_read(text, &order) == 0 ? rt_emu_open(order) : NULL;
}

/* Runs a kernel in each order; in how many what came out is `want`. */
static int agree(nsl_device_fn *fn, struct work *w) {
  int equal = 0;
  for (int k = 0; k < ORDERS; k++) {
    struct rt_emu *e = opened(orders[k]);
    memset(out, 0, sizeof out);
    int bad = !e || rt_emu_launch(e, fn, w, BLOCKS, THREADS, THREADS * sizeof(uint64_t));
    equal += !bad && memcmp(out, want, sizeof out) == 0;
    rt_emu_close(e);
  }
  return equal;
}

static void results(void) {
  struct work w = {.in = in, .out = out};
  for (int i = 0; i < N; i++) in[i] = (uint64_t)i * 7919 % 1009;
  for (int i = 0; i < N; i++) want[i] = in[i] + (i % THREADS ? want[i - 1] : 0);
  ok(agree(prefix, &w) == ORDERS, "prefix sums over blocks of %d threads, in every order", THREADS);
  int right = agree(prefix_wrong, &w);
  ok(right < ORDERS, "without one of the barriers: wrong in %d of %d orders", ORDERS - right, ORDERS);
  for (int i = 0; i < N; i++) {
    want[i] = 0;
    for (int k = i / 32 * 32; k < i / 32 * 32 + 32; k++)
      want[i] |= (uint64_t)(in[k] > 500) << (32 + k % 32) | (in[k] & 1) << k % 32;
  }
  ok(agree(ballots, &w) == ORDERS, "ballots of warps, one after the other");

  uint64_t sum = 0, most = 0;
  for (int i = 0; i < N; i++) sum += in[i], most = in[i] > most ? in[i] : most;
  int equal = 0;
  for (int k = 0; k < ORDERS; k++) {
    struct rt_emu *e = opened(orders[k]);
    w.sum = w.most = 0;
    equal += rt_emu_launch(e, atomics, &w, BLOCKS, THREADS, 0) == 0 && w.sum == sum && w.most == most;
    rt_emu_close(e);
  }
  ok(equal == ORDERS, "sums and maxima by atomics");
}

static bool all_once(const uint32_t *list) {
  static bool had[N];
  memset(had, 0, sizeof had);
  for (int i = 0; i < N; i++) {
    if (had[list[i]]) return false;
    had[list[i]] = true;
  }
  return true;
}

static void order(void) {
  struct work w = {.seen = seen};
  struct rt_emu *e = opened("forward");
  rt_emu_launch(e, simple, &w, BLOCKS, THREADS, 0);
  bool right = w.next == N;
  for (uint32_t i = 0; i < N; i++) right &= seen[i] == i;
  rt_emu_close(e);
  ok(right, "forward: from the first thread to the last");

  e = opened("reverse");
  w.next = 0;
  rt_emu_launch(e, turns, &w, BLOCKS, THREADS, 0);
  right = w.next == 2 * N;
  for (uint32_t b = 0; b < BLOCKS; b++)
    for (uint32_t t = 0; t < 2 * THREADS; t++)
      right &= seen[2 * THREADS * b + t] == (BLOCKS - 1 - b) * THREADS + THREADS - 1 - t % THREADS;
  rt_emu_close(e);
  ok(right, "reverse: from the last block to the first, its threads from the last to the first, behind the barrier too");

  bool all = true, same = true, differ = true;
  for (int k = 0; k < 3; k++) {
    e = opened(k < 2 ? "shuffled:5" : "shuffled:6");
    w.next = 0;
    rt_emu_launch(e, simple, &w, BLOCKS, THREADS, 0);
    all &= w.next == N && all_once(seen);
    if (k == 1) same = memcmp(seen, seen_before, N * sizeof *seen) == 0;
    if (k == 2) differ = memcmp(seen, seen_before, N * sizeof *seen) != 0;
    memcpy(seen_before, seen, sizeof seen);
    w.next = 0;
    rt_emu_launch(e, simple, &w, BLOCKS, THREADS, 0);
    differ &= memcmp(seen, seen_before, N * sizeof *seen) != 0;
    rt_emu_close(e);
  }
  ok(all && same && differ, "shuffled: everybody once, the same for a seed, different for another seed and the next launch");

  struct rt_emu_order read;
  ok(rt_emu_order_read("backwards", &read) == NSL_EINPUT && strstr(rt_error(), "shuffled:SEED") &&
         rt_emu_order_read("shuffled:", &read) == NSL_EINPUT && rt_emu_order_read("shuffled:1x", &read) == NSL_EINPUT,
     "an order that there is not: %s", rt_error());
}

static void never_ends(void) {
  struct work w = {.wait_for = 5, .in = in, .out = out};
  for (int k = 0; k < ORDERS; k++) {
    struct rt_emu *e = opened(orders[k]);
    int bad = rt_emu_launch(e, half_wait, &w, BLOCKS, THREADS, 0);
    ok(bad == NSL_EDEVICE && strstr(rt_error(), "block 2 ") && strstr(rt_error(), "95 at a barrier (the first: thread 0)") &&
           strstr(rt_error(), "1 have ended (the first: thread 5)"),
       "%s: one thread ends, the others wait: %s", orders[k], rt_error());
    bad = rt_emu_launch(e, mixed_wait, &w, 1, THREADS, 0);
    ok(bad == NSL_EDEVICE && strstr(rt_error(), "40 at a barrier (the first: thread 0)") &&
           strstr(rt_error(), "24 at a ballot of their warp (the first: thread 40)"),
       "%s: a warp that is at two places: %s", orders[k], rt_error());
    for (int i = 0; i < N; i++) want[i] = in[i] + (i % THREADS ? want[i - 1] : 0);
    memset(out, 0, sizeof out);
    bad = rt_emu_launch(e, prefix, &w, BLOCKS, THREADS, THREADS * sizeof(uint64_t));
    ok(bad == 0 && memcmp(out, want, sizeof out) == 0, "%s: the next launch is as if nothing had been", orders[k]);
    rt_emu_close(e);
  }
}

static void numbers(void) {
  struct work w = {.small = DBL_MIN, .product = product};
  struct rt_emu *e = opened(NULL);
  unsigned mode = _mm_getcsr();
  _mm_setcsr(mode | 0x8040); /* as the run's threads: results and operands flushed */
  int bad = rt_emu_launch(e, denormal, &w, BLOCKS, THREADS, 0);
  bool kept = _mm_getcsr() >> 15 & 1;
  _mm_setcsr(mode);
  ok(bad == 0 && kept && product[0] == DBL_MIN / 4 && product[N - 1] == DBL_MIN / 4,
     "denormal results are computed, whatever the caller's mode, which is kept");
  w.sum = 0;
  bad = rt_emu_launch(e, garbage, &w, BLOCKS, THREADS, THREADS * sizeof(uint64_t));
  ok(bad == 0 && w.sum == N, "shared memory holds garbage when a block begins");
  rt_emu_close(e);
}

int main(void) {
  results();
  order();
  never_ends();
  numbers();
  return done();
}
