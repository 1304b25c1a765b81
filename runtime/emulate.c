/* The emulator of a device. Blocks run one after the other. The threads of a block are fibres: each runs until it waits or ends; one that
 * ends leaves its stack to the next, so a kernel without barriers needs one stack. Passes go over all threads in the chosen order, again and
 * again, and let run who can: who waits or ends switches to the next. In a pass in which nobody can run, those who wait do so for ever.
 *
 * Stricter than a GPU where kernels must not rely on more: a thread that has ended does not count as one that has
 * reached a barrier; shared memory begins as garbage; nothing is said about who goes on first behind a barrier. */
#include "runtime/emulate.h"

#include <immintrin.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/error.h"
#include "runtime/mem.h"

enum { PAGE = 4096, STACK = 65 * PAGE, GARBAGE = 0xff, MASKED = 0x1f80 /* of mxcsr: no flush to zero, to nearest */ };

enum condition { FRESH, READY, AT_BARRIER, AT_BALLOT, ENDED, N_CONDITIONS };

struct fibre {
  void *top; /* of the empty stack */
  void *sp;  /* while another one runs */
};

struct thread {
  enum condition is;
  struct fibre *fibre;
  uint32_t bits; /* what the ballot has given */
};

struct warp {
  uint32_t arrived, bits;
};

struct rt_emu {
  struct rt_mem mem;
  struct rt_emu_order order;
  uint64_t launches;
  /* of the launch */
  nsl_device_fn *fn;
  const void *args;
  uint32_t blocks, n;
  uint64_t random;
  /* of the block */
  uint32_t block, at; /* at: place of the thread that runs, in `turn` */
  uint32_t thread, arrived, ended;
  bool went; /* somebody, in this pass */
  int error;
  struct thread threads[RT_EMU_THREADS];
  struct warp warps[RT_EMU_THREADS / RT_EMU_WARP];
  uint32_t turn[RT_EMU_THREADS];
  uint32_t *block_turn;
  size_t block_cap;
  char *shared;
  /* stacks: the first `made` exist; the last n_free of `idle` are not in use */
  struct fibre fibres[RT_EMU_THREADS], *idle[RT_EMU_THREADS];
  uint32_t made, n_idle;
  void *caller;
};

static _Thread_local struct rt_emu *now; /* kernels have no other way to know where they are */

/* ---- stacks */

/* Keeps what a function has to keep on this stack, and goes on where the other one stopped. */
void rt_emu_switch(void **ret_sp, void *sp);
__asm__(".text\n"
        ".p2align 4\n"
        ".hidden rt_emu_switch\n"
        ".globl rt_emu_switch\n"
        ".type rt_emu_switch, @function\n"
        "rt_emu_switch:\n"
        "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
        "  movq %rsp, (%rdi)\n"
        "  movq %rsi, %rsp\n"
        "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n  popq %rbp\n"
        "  ret\n"
        ".size rt_emu_switch, . - rt_emu_switch\n");

static void *go_on(struct rt_emu *e, struct fibre *own);

/* Runs e->thread from its beginning, and then others that are fresh. */
static void fibre_main(void) {
  for (;;) {
    struct rt_emu *e = now;
    e->fn(e->args);
    struct thread *t = &e->threads[e->thread];
    struct fibre *own = t->fibre;
    t->is = ENDED;
    e->ended++;
    void *sp = go_on(e, own);
    if (sp) rt_emu_switch(&own->sp, sp);
  }
}

/* As if rt_emu_switch had been called just before fibre_main. */
static void fibre_reset(struct fibre *f) {
  void **sp = f->top;
  *--sp = NULL; /* fibre_main's own return address */
  void (*begin)(void) = fibre_main;
  memcpy(--sp, &begin, sizeof begin);
  for (int k = 0; k < 6; k++) *--sp = NULL;
  f->sp = sp;
}

/* Makes stacks for another warp, each with a page below it that cannot be written. Their tops are at different places of
 * a page, so that they do not push each other out of the caches. */
static int stacks_add(struct rt_emu *e) {
  uint64_t bytes = (uint64_t)RT_EMU_WARP * STACK;
  char *at = rt_reserve(&e->mem, bytes, 0);
  if (!at) return NSL_EMEMORY;
  madvise(at, bytes, MADV_NOHUGEPAGE);
  for (uint32_t k = 0; k < RT_EMU_WARP; k++, at += STACK) {
    if (mprotect(at, PAGE, PROT_NONE) != 0) return rt_fail(NSL_EMEMORY, "emulator: the system has no more stacks for threads");
    struct fibre *f = &e->fibres[e->made++];
    f->top = at + STACK - e->made % 16 * 256;
    fibre_reset(f);
    e->idle[e->n_idle++] = f;
  }
  return 0;
}

/* ---- order */

int rt_emu_order_read(const char *text, struct rt_emu_order *ret) {
  static const char shuffled[] = "shuffled:";
  char *end;
  *ret = (struct rt_emu_order){RT_EMU_FORWARD, 0};
  if (!text || strcmp(text, "forward") == 0) return 0;
  if (strcmp(text, "reverse") == 0) return ret->way = RT_EMU_REVERSE, 0;
  if (strncmp(text, shuffled, sizeof shuffled - 1) == 0 && text[sizeof shuffled - 1] >= '0' && text[sizeof shuffled - 1] <= '9') {
    *ret = (struct rt_emu_order){RT_EMU_SHUFFLED, strtoull(text + sizeof shuffled - 1, &end, 10)};
    if (!*end) return 0;
  }
  return rt_fail(NSL_EINPUT, "NSL_EMULATED_ORDER=%s: forward, reverse or shuffled:SEED is expected, such as shuffled:7", text);
}

uint64_t rt_emu_draw(uint64_t *state) { /* SplitMix64 */
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

static void turn_make(struct rt_emu *e, uint32_t *turn, uint32_t n) {
  for (uint32_t k = 0; k < n; k++) turn[k] = e->order.way == RT_EMU_REVERSE ? n - 1 - k : k;
  if (e->order.way != RT_EMU_SHUFFLED) return;
  for (uint32_t k = n; k > 1; k--) {
    uint32_t other = (uint32_t)(((rt_emu_draw(&e->random) >> 32) * k) >> 32), last = turn[k - 1];
    turn[k - 1] = turn[other];
    turn[other] = last;
  }
}

/* ---- a block */

/* One of each kind, and how many they are. */
static int never(const struct rt_emu *e) {
  static const char *const words[N_CONDITIONS] = {[AT_BARRIER] = "at a barrier", [AT_BALLOT] = "at a ballot of their warp", [ENDED] = "have ended"};
  char text[300] = "";
  for (int c = AT_BARRIER; c < N_CONDITIONS; c++) {
    uint32_t n = 0, first = 0;
    for (uint32_t k = e->n; k-- > 0;)
      if (e->threads[k].is == (enum condition)c) n++, first = k;
    size_t at = strlen(text);
    if (n) snprintf(text + at, sizeof text - at, "%s%u %s (the first: thread %u)", at ? ", " : "", n, words[c], first);
  }
  return rt_fail(NSL_EDEVICE, "threads of block %u wait for others that never come; of %u threads: %s", e->block, e->n, text);
}

/* The next thread of this pass that can run: where it goes on. `own`: the stack of one that has ended, which is free now; NULL
 * if a fresh thread goes on there. At the end of the pass: the caller. */
static void *go_on(struct rt_emu *e, struct fibre *own) {
  while (++e->at < e->n) {
    struct thread *t = &e->threads[e->turn[e->at]];
    if (t->is > READY) continue;
    e->went = true;
    e->thread = e->turn[e->at];
    if (t->is == READY) {
      if (own) e->idle[e->n_idle++] = own;
      return t->fibre->sp;
    }
    t->is = READY;
    if (own) return t->fibre = own, NULL;
    if (!e->n_idle && (e->error = stacks_add(e))) return e->caller;
    t->fibre = e->idle[--e->n_idle];
    return t->fibre->sp;
  }
  if (own) e->idle[e->n_idle++] = own;
  return e->caller;
}

static int block_run(struct rt_emu *e, uint32_t shared) {
  memset(e->threads, 0, e->n * sizeof *e->threads);
  memset(e->warps, 0, sizeof e->warps);
  memset(e->shared, GARBAGE, shared);
  e->arrived = e->ended = 0;
  e->error = 0;
  while (e->ended < e->n) {
    if (e->order.way == RT_EMU_SHUFFLED) turn_make(e, e->turn, e->n);
    e->at = UINT32_MAX; /* before the first */
    e->went = false;
    void *sp = go_on(e, NULL);
    if (e->went && !e->error) rt_emu_switch(&e->caller, sp);
    if (e->error) return e->error;
    if (!e->went) return never(e);
  }
  return 0;
}

/* The stacks of threads that will not go on. */
static void fibres_forget(struct rt_emu *e) {
  e->n_idle = 0;
  for (uint32_t k = 0; k < e->made; k++) {
    fibre_reset(&e->fibres[k]);
    e->idle[e->n_idle++] = &e->fibres[k];
  }
}

int rt_emu_launch(struct rt_emu *e, nsl_device_fn *fn, const void *args, uint32_t blocks, uint32_t threads, uint32_t shared) {
  int err = rt_grow(&e->block_turn, &e->block_cap, blocks, sizeof *e->block_turn);
  if (err) return err;
  struct rt_emu *outer = now;
  unsigned mode = _mm_getcsr();
  _mm_setcsr(MASKED);
  now = e;
  e->fn = fn;
  e->args = args;
  e->blocks = blocks;
  e->n = threads;
  e->random = e->order.seed ^ ++e->launches << 32;
  turn_make(e, e->block_turn, blocks);
  turn_make(e, e->turn, threads);
  for (uint32_t b = 0; b < blocks && !err; b++) {
    e->block = e->block_turn[b];
    err = block_run(e, shared);
  }
  if (err) fibres_forget(e);
  now = outer;
  _mm_setcsr(mode);
  return err;
}

struct rt_emu *rt_emu_open(struct rt_emu_order order) {
  struct rt_mem mem = {0};
  struct rt_emu *e = rt_alloc(&mem, 1, sizeof *e);
  char *shared = e ? rt_alloc(&mem, 1, RT_EMU_SHARED) : NULL;
  if (!shared) {
    rt_mem_free(&mem);
    return NULL;
  }
  e->mem = mem;
  e->order = order;
  e->shared = shared;
  return e;
}

void rt_emu_close(struct rt_emu *e) {
  if (!e) return;
  struct rt_mem mem = e->mem;
  rt_drop(&e->block_turn);
  rt_mem_free(&mem);
}

/* ---- what kernels call */

uint32_t nsl_dev_thread(void) { return now->thread; }
uint32_t nsl_dev_block(void) { return now->block; }
uint32_t nsl_dev_block_size(void) { return now->n; }
uint32_t nsl_dev_blocks(void) { return now->blocks; }
void *nsl_dev_shared(void) { return now->shared; }

static void leave(struct rt_emu *e, struct thread *t) { rt_emu_switch(&t->fibre->sp, go_on(e, NULL)); }

void nsl_dev_barrier(void) {
  struct rt_emu *e = now;
  struct thread *t = &e->threads[e->thread];
  t->is = AT_BARRIER;
  if (++e->arrived == e->n) {
    e->arrived = 0;
    for (uint32_t k = 0; k < e->n; k++) e->threads[k].is = READY;
  }
  leave(e, t);
}

uint32_t nsl_dev_ballot(uint32_t condition) {
  struct rt_emu *e = now;
  struct thread *t = &e->threads[e->thread];
  uint32_t first = e->thread / RT_EMU_WARP * RT_EMU_WARP, in_warp = e->n - first < RT_EMU_WARP ? e->n - first : RT_EMU_WARP;
  struct warp *w = &e->warps[e->thread / RT_EMU_WARP];
  t->is = AT_BALLOT;
  w->bits |= (uint32_t)(condition != 0) << (e->thread - first);
  if (++w->arrived == in_warp) {
    for (uint32_t k = first; k < first + in_warp; k++) e->threads[k].is = READY, e->threads[k].bits = w->bits;
    *w = (struct warp){0};
  }
  leave(e, t);
  return t->bits;
}
