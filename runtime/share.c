/* Records of several ranks. A rank has a part of every row, its own columns, side by side.
 *
 * All write: the first rank makes the dataset in one piece, of as many rows as the run will have, and tells the others
 * where it lies in the file; from then on each writes its own columns to their places, past HDF5. That asks for one
 * file that all ranks see, which is tried out before, and for rows that are wide enough that each rank has a piece worth
 * writing; sums and means are not. Checkpoints want all rows in one journal: then, too, one rank has them anyway.
 *
 * What is not written so, and what CSV files and the report show, is brought to the first rank: each sends its own
 * columns, no more. All that decides here is the same on all ranks. */
#include "runtime/share.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/error.h"
#include "runtime/gather.h"
#include "runtime/ranks.h"
#include "runtime/record.h"

enum { LEAST_PIECE = 2048, PATH = 4096 }; /* bytes of a row that a rank has at least, on average */

/* ---- one folder for all? */

struct trial { /* what the first rank tells */
  char folder[PATH];
  uint64_t token, at;
  int fd, error;
};

static uint64_t variable_bytes(const struct rt_sim *s, const struct rt_variable *v) {
  uint64_t cols = 0;
  for (uint32_t g = 0; g < v->n_groups; g++) cols += v->groups[g].cols;
  return cols * rt_samples_until(s, v->every, s->n_steps) * s->real_size;
}

static void trial_name(const struct trial *t, char *to) { snprintf(to, PATH + 20, "%s/.ranks.part", t->folder); }

/* A file as long as the largest record can be, full of holes. */
static void trial_make(const struct rt_sim *s, struct rt_recorder *r, struct trial *t) {
  char path[PATH + 20];
  *t = (struct trial){.fd = -1, .error = ENAMETOOLONG};
  for (uint32_t i = 0; i < r->n_variables; i++) {
    uint64_t bytes = variable_bytes(s, &r->variables[i]);
    t->at = bytes > t->at ? bytes : t->at;
  }
  if (strlen(r->out->folder) >= sizeof t->folder) return;
  strcpy(t->folder, r->out->folder);
  t->token = (uint64_t)(rt_clock() * 1e9) << 16 ^ (uint64_t)getpid(); /* a file of another run has others */
  trial_name(t, path);
  t->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  t->error = t->fd < 0 || ftruncate(t->fd, (off_t)(t->at + s->ranks->n * sizeof t->token)) != 0 ? errno : 0;
}

static void trial_write(const struct rt_sim *s, const struct trial *t) {
  char path[PATH + 20];
  uint64_t token = t->token + s->ranks->rank;
  trial_name(t, path);
  int fd = t->error ? -1 : open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return; /* then the first rank misses the token */
  if (pwrite(fd, &token, sizeof token, (off_t)(t->at + s->ranks->rank * sizeof token)) < 0) errno = 0;
  close(fd);
}

static void trial_read(const struct rt_sim *s, struct rt_together *g, const struct trial *t, int fd) {
  char path[PATH + 20];
  uint32_t rank = 0;
  for (; !t->error && rank < s->ranks->n; rank++) {
    uint64_t token;
    if (pread(fd, &token, sizeof token, (off_t)(t->at + rank * sizeof token)) != sizeof token || token != t->token + rank) break;
  }
  g->shared = !t->error && rank == s->ranks->n;
  if (t->error) snprintf(g->why, sizeof g->why, "the first rank writes: a file of %.3g GB: %s", (double)t->at * 1e-9, strerror(t->error));
  else if (!g->shared) snprintf(g->why, sizeof g->why, "the first rank writes: rank %u does not see its output folder", rank);
  else snprintf(g->why, sizeof g->why, "all ranks see the output folder");
  trial_name(t, path);
  if (fd >= 0) close(fd);
  unlink(path);
}

int rt_together_find(struct rt_sim *s, struct rt_recorder *r) {
  struct rt_together *g = &r->together;
  if (!s->ranks || !r->out) return 0;
  bool first = rt_ranks_first(s->ranks);
  if (s->checkpoint) {
    snprintf(g->why, sizeof g->why, "the first rank writes: it has all that is recorded, for the checkpoints");
    return 0;
  }
  struct trial *t = rt_alloc(&r->mem, 1, sizeof *t);
  int e = rt_ranks_agree(s->ranks, t ? 0 : NSL_EMEMORY);
  if (e) return e;
  if (first) trial_make(s, r, t);
  int fd = t->fd;
  e = rt_ranks_tell(s->ranks, t, sizeof *t, 0);
  if (!e) trial_write(s, t);
  e = rt_ranks_agree(s->ranks, e);
  if (!e && first) trial_read(s, g, t, fd);
  if (!e) e = rt_ranks_tell(s->ranks, g, sizeof *g, 0);
  g->folder = t->folder;
  return e;
}

uint32_t rt_together_writer(const struct rt_sim *s, const struct rt_recorder *r, uint32_t which) {
  return r->together.shared ? s->ranks->n - 1 - which % s->ranks->n : 0;
}

int rt_together_sum(struct rt_sim *s, struct rt_recorder *r) {
  struct rt_together *g = &r->together;
  uint64_t writes = g->bytes > 0;
  if (rt_ranks_first(s->ranks)) g->bytes = g->files = 0;
  uint64_t sums[3] = {g->bytes, g->files, writes};
  int e = rt_ranks_collect(s->ranks, sums, 3, RT_SUM_U64);
  g->bytes = sums[0];
  g->files = sums[1];
  g->writers = (uint32_t)sums[2];
  return e;
}

/* ---- whose columns */

static uint64_t real_of(const struct rt_sim *s, const struct rt_variable *v) { return v->reduced ? sizeof(double) : s->real_size; }

/* Those of an item in one part of its population. */
static struct rt_columns columns_of(const struct rt_sim *s, const struct rt_variable *v, const struct rt_column_item *item,
                                    const struct rt_part *part) {
  const struct rt_slice *c = &s->shards[part->shard].slices[part->slice];
  uint32_t end = item->first + item->n, from = c->first > item->first ? c->first : item->first;
  uint32_t to = c->first + c->count < end ? c->first + c->count : end;
  if (from >= to) return (struct rt_columns){.group = item->group};
  if (v->reduced) return (struct rt_columns){item->group, item->column + from / 64, (to + 63) / 64 - from / 64};
  return (struct rt_columns){item->group, item->column + (from - item->first), to - from};
}

/* A rank's shards follow each other, their parts do so in a circle (rt_part_of): of an item it has at most two pieces. */
static int list_make(const struct rt_sim *s, struct rt_mem *mem, const struct rt_variable *v, uint32_t rank, struct rt_columns_list *l) {
  uint32_t h0 = s->ranks ? rt_ranks_shard(s->ranks, s->n_shards, rank) : 0;
  uint32_t h1 = s->ranks ? rt_ranks_shard(s->ranks, s->n_shards, rank + 1) : s->n_shards;
  if (!(l->at = rt_alloc(mem, 2 * (uint64_t)v->n_items, sizeof *l->at))) return NSL_EMEMORY;
  for (uint32_t i = 0; i < v->n_items; i++)
    for (uint32_t k = 0; k < v->items[i].pop->n_parts; k++) {
      const struct rt_part *part = &v->items[i].pop->parts[k];
      if (part->shard < h0 || part->shard >= h1) continue;
      struct rt_columns c = columns_of(s, v, &v->items[i], part), *last = l->n ? &l->at[l->n - 1] : NULL;
      if (last && last->group == c.group && last->first + last->n == c.first) last->n += c.n;
      else if (c.n) l->at[l->n++] = c;
    }
  return 0;
}

/* Of those, the few that the report shows. */
static int shown_make(struct rt_sim *s, struct rt_mem *mem, const struct rt_variable *v, const struct rt_columns_list *of,
                      struct rt_columns_list *l) {
  bool shown = (size_t)(v - s->recorder->variables) < RT_TRACES_SHOWN;
  uint32_t n = shown ? rt_series_shown(v) : 0;
  if (!(l->at = rt_alloc(mem, n, sizeof *l->at))) return NSL_EMEMORY;
  for (uint32_t i = 0; i < n; i++) {
    struct rt_columns c = {.n = 1};
    rt_series_column(v, i, &c.group, &c.first);
    for (uint32_t k = 0; k < of->n; k++)
      if (of->at[k].group == c.group && c.first >= of->at[k].first && c.first < of->at[k].first + of->at[k].n) l->at[l->n++] = c;
  }
  return 0;
}

static uint64_t list_columns(const struct rt_columns_list *l) {
  uint64_t n = 0;
  for (uint32_t i = 0; i < l->n; i++) n += l->at[i].n;
  return n;
}

static bool is_direct(const struct rt_sim *s, const struct rt_recorder *r, const struct rt_variable *v) {
  uint64_t row = variable_bytes(s, v) / rt_samples_until(s, v->every, s->n_steps);
  return r->together.shared && !v->reduced && row >= (uint64_t)LEAST_PIECE * s->ranks->n;
}

int rt_share_make(struct rt_sim *s, struct rt_recorder *r, struct rt_variable *v) {
  struct rt_share *share = &v->share;
  uint64_t most = 0;
  share->direct = is_direct(s, r, v);
  int e = list_make(s, &r->mem, v, s->ranks ? s->ranks->rank : 0, &share->own);
  if (e || !s->ranks) return e;
  if (!(share->sent = rt_alloc(&r->mem, s->ranks->n, sizeof *share->sent))) return NSL_EMEMORY;
  for (uint32_t k = 1; !e && k < s->ranks->n; k++) {
    struct rt_columns_list all = {0};
    if (s->ranks->rank && k != s->ranks->rank) continue; /* it need not know of others */
    e = list_make(s, &r->mem, v, k, &all);
    if (!e && share->direct && !r->csv) e = shown_make(s, &r->mem, v, &all, &share->sent[k]);
    else share->sent[k] = all;
    uint64_t n = list_columns(&share->sent[k]);
    most = n > most ? n : most;
  }
  if (!e && !(share->buffer = rt_alloc(&r->mem, v->row_cap * most, real_of(s, v)))) e = NSL_EMEMORY;
  return e;
}

/* ---- to the first rank */

/* Between n rows of the buffers and what is sent, row by row. */
static void rows_pass(const struct rt_sim *s, const struct rt_variable *v, const struct rt_columns_list *l, uint64_t n, bool packs) {
  uint64_t real = real_of(s, v);
  char *at = v->share.buffer;
  for (uint64_t row = 0; row < n; row++)
    for (uint32_t i = 0; i < l->n; i++) {
      const struct rt_column_group *group = &v->groups[l->at[i].group];
      char *there = (char *)group->rows + (row * group->cols + l->at[i].first) * real;
      uint64_t bytes = l->at[i].n * real;
      memcpy(packs ? at : there, packs ? there : at, bytes);
      at += bytes;
    }
}

int rt_share_collect(struct rt_sim *s, struct rt_variable *v, uint64_t n) {
  const struct rt_share *share = &v->share;
  uint32_t own = s->ranks ? s->ranks->rank : 0;
  int e = 0;
  for (uint32_t k = own ? own : 1; !e && s->ranks && k < (own ? own + 1 : s->ranks->n); k++) {
    uint64_t bytes = n * list_columns(&share->sent[k]) * real_of(s, v);
    if (own) rows_pass(s, v, &share->sent[k], n, true);
    e = own ? rt_ranks_send(s->ranks, share->buffer, bytes, 0) : rt_ranks_receive(s->ranks, share->buffer, bytes, k);
    if (!own && !e) rows_pass(s, v, &share->sent[k], n, false);
  }
  return e;
}

/* ---- straight into the file */

int rt_share_open(struct rt_sim *s, struct rt_variable *v) {
  struct rt_share *share = &v->share;
  if (!share->direct) return 0;
  for (uint32_t g = 0; g < v->n_groups; g++) {
    int e = rt_ranks_tell(s->ranks, &v->groups[g].place, sizeof v->groups[g].place, 0);
    if (e) return e;
  }
  share->fd = open(v->path, O_WRONLY | O_CLOEXEC);
  return share->fd >= 0 ? 0 : rt_fail(NSL_EIO, "cannot write %s: %s", v->path, strerror(errno));
}

static int bytes_write(const struct rt_variable *v, const char *from, uint64_t bytes, uint64_t place) {
  while (bytes) {
    ssize_t n = pwrite(v->share.fd, from, bytes, (off_t)place);
    if (n < 0 && errno == EINTR) continue;
    if (n == 0) errno = ENOSPC;
    if (n <= 0) return rt_fail(NSL_EIO, "cannot write %s: %s", v->path, strerror(errno));
    from += n;
    place += (uint64_t)n;
    bytes -= (uint64_t)n;
  }
  return 0;
}

int rt_share_read(int fd, const char *path, void *to, uint64_t bytes, uint64_t place) {
  char *at = to;
  while (bytes) {
    ssize_t n = pread(fd, at, bytes, (off_t)place);
    if (n < 0 && errno == EINTR) continue;
    if (n == 0) errno = EIO; /* shorter than what was written */
    if (n <= 0) return rt_fail(NSL_EIO, "cannot read %s: %s", path, strerror(errno));
    at += n;
    place += (uint64_t)n;
    bytes -= (uint64_t)n;
  }
  return 0;
}

int rt_share_write(struct rt_sim *s, struct rt_variable *v, uint64_t had, uint64_t n) {
  uint64_t real = real_of(s, v);
  int e = 0;
  for (uint32_t i = 0; i < v->share.own.n; i++) {
    const struct rt_columns *c = &v->share.own.at[i];
    const struct rt_column_group *group = &v->groups[c->group];
    uint64_t rows = c->n == group->cols ? n : 1; /* at once */
    for (uint64_t row = 0; !e && row < n; row += rows) {
      const char *from = (const char *)group->rows + (row * group->cols + c->first) * real;
      e = bytes_write(v, from, rows * c->n * real, group->place + ((had + row) * group->cols + c->first) * real);
    }
    s->recorder->together.bytes += n * c->n * real;
  }
  return e;
}

/* What a network file system has not taken before shows here. */
int rt_share_close(struct rt_variable *v) {
  int fd = v->share.fd;
  v->share.fd = -1;
  return fd < 0 || close(fd) == 0 ? 0 : rt_fail(NSL_EIO, "cannot write %s: %s", v->path, strerror(errno));
}
