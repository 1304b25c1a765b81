/* Ranks: how they begin and end, agree on failures, and combine what each of them has.
 *
 * A failure must not leave some ranks waiting for others: wherever ranks meet they first agree on whether one of them
 * has failed. Waiting polls, so that the first rank, which has the files, gives up in time to remove them when mpirun
 * tells all to end because it finds that one is lost. */
#include "runtime/ranks.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/phases.h"

enum { MOST = 1 << 30, PIECE = 1 << 20, POLLS = 256, MESSAGE = 1024, TEXT = 64 };
static const double patience = 0.6; /* seconds: mpirun gives one from SIGTERM to SIGKILL */

extern const struct rt_wire nsl_wire __attribute__((weak));

/* ---- beginning and end */

/* As many processes as mpirun has started, by the variables of the common ones: not what this program's MPI knows. */
static unsigned started(void) {
  static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const char *text = getenv(names[i]);
    if (text && atoi(text) > 1) return (unsigned)atoi(text);
  }
  return 1;
}

int rt_ranks_begin(struct rt_mem *m, const volatile int *interrupt, struct rt_ranks **ret_ranks) {
  struct rt_ranks r = {.wire = &nsl_wire, .interrupt = interrupt};
  if (!r.wire) {
    if (started() > 1)
      return rt_fail(NSL_ECANNOT, "mpirun has started %u processes of this program, which was built without MPI; "
                                  "`nslc build --mpi` builds it so that they are one run", started());
    return 0;
  }
  if (r.wire->begin(&r.rank, &r.n, &r.here)) return rt_fail(NSL_ECANNOT, "MPI cannot begin");
  r.wire->library(r.library, sizeof r.library);
  if (r.n == 1 && started() > 1) { /* else each would be a run of its own, all in one folder */
    r.wire->end();
    return rt_fail(NSL_ECANNOT, "mpirun has started %u processes, of which this one knows nothing: the program was "
                                "built with %s, and only that one's own mpirun can start it", started(), r.library);
  }
  struct rt_ranks *own = rt_alloc(m, 1, sizeof *own);
  if (!own) return NSL_EMEMORY;
  *own = r;
  *ret_ranks = own;
  return 0;
}

void rt_ranks_end(struct rt_ranks *r, int status) {
  if (!r) return;
  if (r->lost) r->wire->stop(status ? status : 1);
  r->wire->end();
}

/* ---- waiting */

static int lost(struct rt_ranks *r) {
  r->lost = true;
  return rt_fail(NSL_EIO, "another rank does not answer: it has ended, or its machine is lost (this is rank %u of %u)",
                 r->rank, r->n);
}

int rt_ranks_wait(struct rt_ranks *r) {
  double told = 0;
  for (uint32_t polls = 1;; polls++) {
    bool done = false;
    if (r->wire->done(&done)) return lost(r);
    if (done) return 0;
    if (!r->crowded && polls % POLLS) continue;
    sched_yield();
    if (*r->interrupt != SIGTERM || r->rank) continue;
    if (told == 0) told = rt_clock();
    else if (rt_clock() - told > patience) return lost(r);
  }
}

static int finish(struct rt_ranks *r, int failed) { return failed ? lost(r) : rt_ranks_wait(r); }

/* ---- what all have */

static int combine(struct rt_ranks *r, void *at, uint64_t n, enum rt_combine how, int to) {
  uint64_t *piece = at;
  int e = 0;
  if (!r) return 0;
  if (r->lost) return lost(r);
  for (uint64_t i = 0; !e && i < n; i += PIECE)
    e = finish(r, r->wire->start_combine(piece + i, (uint32_t)(n - i < PIECE ? n - i : PIECE), how, to));
  return e;
}

int rt_ranks_combine(struct rt_ranks *r, void *at, uint64_t n, enum rt_combine how) { return combine(r, at, n, how, -1); }

int rt_ranks_collect(struct rt_ranks *r, void *at, uint64_t n, enum rt_combine how) { return combine(r, at, n, how, 0); }

int rt_ranks_tell(struct rt_ranks *r, void *at, uint32_t bytes, uint32_t from) {
  if (!r) return 0;
  return r->lost ? lost(r) : finish(r, r->wire->start_tell(at, bytes, from));
}

int rt_ranks_send(struct rt_ranks *r, const void *from, uint64_t bytes, uint32_t to) {
  int e = r->lost ? lost(r) : 0;
  for (uint64_t i = 0; !e && i < bytes; i += MOST)
    e = finish(r, r->wire->start_send((const char *)from + i, (uint32_t)(bytes - i < MOST ? bytes - i : MOST), to));
  return e;
}

int rt_ranks_receive(struct rt_ranks *r, void *at, uint64_t bytes, uint32_t from) {
  int e = r->lost ? lost(r) : 0;
  for (uint64_t i = 0; !e && i < bytes; i += MOST)
    e = finish(r, r->wire->start_receive((char *)at + i, (uint32_t)(bytes - i < MOST ? bytes - i : MOST), from));
  return e;
}

int rt_ranks_share(struct rt_ranks *r, const void *own, void *all, uint32_t bytes) {
  if (!r) return 0;
  return r->lost ? lost(r) : finish(r, r->wire->start_share(own, all, bytes));
}

/* ---- agreeing */

struct said {
  int code;
  char text[MESSAGE];
};

static int said_by(struct rt_ranks *r, uint32_t from, int code, bool all) {
  struct said said = {.code = code};
  if (r->rank == from) snprintf(said.text, sizeof said.text, "%s", rt_error());
  int e = rt_ranks_tell(r, &said, sizeof said, from);
  if (e) return e;
  size_t n = strlen(said.text);
  if (!all) snprintf(said.text + n, sizeof said.text - n, " (rank %u of %u)", from, r->n);
  return rt_fail_again(said.code, said.text);
}

int rt_ranks_agree(struct rt_ranks *r, int e) {
  if (!r || r->lost) return e;
  if (r->over) return r->over;
  uint64_t failed[2] = {e ? r->rank : r->n, e != 0};
  int bad = rt_ranks_combine(r, failed, 2, RT_MIN_U64);
  if (bad) return e ? e : bad;
  if (failed[0] == r->n) return 0;
  e = said_by(r, (uint32_t)failed[0], e, failed[1]);
  r->over = e;
  return e;
}

void rt_ranks_go_on(struct rt_ranks *r) {
  if (r) r->over = 0;
}

int rt_ranks_choose(struct rt_ranks *r, uint64_t key, int e) {
  if (!r) return key == UINT64_MAX ? 0 : e;
  uint64_t least = key, who;
  int bad = rt_ranks_combine(r, &least, 1, RT_MIN_U64);
  if (bad || least == UINT64_MAX) return bad;
  who = key == least ? r->rank : r->n;
  bad = rt_ranks_combine(r, &who, 1, RT_MIN_U64);
  return bad ? bad : said_by(r, (uint32_t)who, e, true);
}

int rt_ranks_same(struct rt_ranks *r, const char *what, const char *text) {
  if (!r) return 0;
  char own[TEXT] = "", first[TEXT];
  snprintf(own, sizeof own, "%s", text ? text : "");
  memcpy(first, own, sizeof own);
  int e = rt_ranks_tell(r, first, sizeof first, 0);
  if (e) return e;
  if (strcmp(own, first) != 0)
    e = rt_fail(NSL_EINPUT, "the ranks disagree on %s: %s on rank 0, %s here", what, first, own);
  return rt_ranks_agree(r, e);
}
