/* Checkpoints of a run: when, where, and in what order things reach the disk.
 *
 * A checkpoint is taken between two intervals, while all threads wait: nothing is half done there. It is written beside
 * its place, made sure of (fsync), and put there by a rename: whenever the process ends, the last complete one is there,
 * and the one before it too. Recorded data are in the journal, which is on the disk before the checkpoint that counts on
 * it. Network rows are not stored, nor spikes under way: the spikes of the last max_delay steps are, and are sent again
 * along rows that the rules make again. The first checkpoint is written before the first step, so that a full disk is
 * found at once. */
#include "runtime/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/error.h"
#include "runtime/ranks.h"
#include "runtime/resume.h"

static const char *const names[] = {"checkpoint", "checkpoint.before", ".checkpoint.part", "checkpoint.data"};
enum { LAST, BEFORE, PART, DATA, NAMES };

char *rt_checkpoint_name(struct rt_mem *mem, const char *folder, const char *name) {
  size_t n = strlen(folder) + strlen(name) + 2;
  char *path = rt_alloc(mem, n, 1);
  if (path) snprintf(path, n, "%s/%s", folder, name);
  return path;
}

/* ---- the folder */

int rt_checkpoint_look(const char *folder, bool force) {
  struct rt_mem mem = {0};
  const char *path = rt_checkpoint_name(&mem, folder, names[LAST]);
  int e = path ? 0 : NSL_EMEMORY;
  if (!e && !force && access(path, F_OK) == 0)
    e = rt_fail(NSL_EIO, "%s holds a checkpoint of a run that is not over; go on with it by --resume %s, or begin anew with --force",
                folder, folder);
  rt_mem_free(&mem);
  return e;
}

void rt_checkpoint_remove(const char *folder) {
  struct rt_mem mem = {0};
  for (int i = 0; i < NAMES; i++) {
    const char *path = rt_checkpoint_name(&mem, folder, names[i]);
    if (path) unlink(path);
  }
  rt_mem_free(&mem);
}

/* The names of a folder are on the disk. */
static void folder_sync(const char *folder) {
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

int rt_checkpoint_place(const char *folder, const char *part, const char *path, const char *before) {
  struct rt_mem mem = {0};
  const char *second = before ? rt_checkpoint_name(&mem, folder, ".checkpoint.link") : NULL;
  int e = 0;
  if (second) { /* under two names for a moment: at no time is there none */
    unlink(second);
    if (link(path, second) == 0 && rename(second, before) != 0) unlink(second);
  }
  if (rename(part, path) != 0) e = rt_fail(NSL_EIO, "cannot rename %s: %s", part, strerror(errno));
  folder_sync(folder);
  rt_mem_free(&mem);
  return e;
}

/* ---- beginning and end */

static int paths_make(struct rt_checkpoint *c, const char *folder) {
  c->folder = rt_text(&c->mem, folder);
  c->path = rt_checkpoint_name(&c->mem, folder, names[LAST]);
  c->before = rt_checkpoint_name(&c->mem, folder, names[BEFORE]);
  c->part = rt_checkpoint_name(&c->mem, folder, names[PART]);
  return c->folder && c->path && c->before && c->part ? 0 : NSL_EMEMORY;
}

static bool is_due(struct rt_sim *s, uint64_t step) {
  (void)step;
  const struct rt_checkpoint *c = s->checkpoint;
  return c->every_s > 0 && rt_clock() - c->last >= c->every_s;
}

int rt_checkpoint_open(struct rt_sim *s, const struct rt_config *config, const char *folder) {
  struct rt_checkpoint *c = s->checkpoint = rt_alloc(&s->mem, 1, sizeof *c);
  if (!c) return NSL_EMEMORY;
  c->journal.fd = -1;
  c->config = config;
  c->every_s = config->checkpoint_s;
  double steps = rt_steps(config->checkpoint_ms, s->dt);
  c->every_steps = steps < 1 ? config->checkpoint_ms > 0 : steps < 4e9 ? (uint64_t)steps : 0;
  int e = paths_make(c, folder);
  const char *journal = e ? NULL : rt_checkpoint_name(&c->mem, folder, names[DATA]);
  if (!e && !journal) e = NSL_EMEMORY;
  if (!e && rt_ranks_first(s->ranks)) e = rt_journal_open(&c->journal, journal);
  return rt_ranks_agree(s->ranks, e);
}

int rt_checkpoint_begin(struct rt_sim *s) {
  struct rt_checkpoint *c = s->checkpoint;
  bool first = rt_ranks_first(s->ranks);
  c->journaled = rt_alloc(&c->mem, s->n_measures, sizeof *c->journaled);
  c->whole = s->ranks ? rt_alloc(&c->mem, rt_state_largest(s), 1) : NULL;
  if (!c->journaled || (s->ranks && !c->whole)) return NSL_EMEMORY;
  s->recorder->journal = first ? &c->journal : NULL;
  s->pause = first ? is_due : NULL; /* all pause when one does */
  c->last = rt_clock();
  if (c->config->resume || !first) return 0;
  unlink(c->path); /* of a run that is replaced */
  unlink(c->before);
  return rt_journal_clear(&c->journal);
}

void rt_checkpoint_drop(struct rt_sim *s) {
  struct rt_checkpoint *c = s->checkpoint;
  if (!c) return;
  rt_journal_close(&c->journal);
  rt_drop(&c->recent);
  rt_mem_free(&c->mem);
  s->checkpoint = NULL;
}

/* ---- spikes that may be under way */

int rt_checkpoint_spikes(struct rt_sim *s, uint64_t from, uint32_t n_steps, uint32_t parity) {
  struct rt_checkpoint *c = s->checkpoint;
  uint64_t keep = 0, end = from + n_steps - 1;
  while (keep < c->n_recent && c->recent[keep].step + (uint64_t)s->max_delay <= end) keep++; /* have arrived */
  if (keep) memmove(c->recent, c->recent + keep, (c->n_recent - keep) * sizeof *c->recent);
  c->n_recent -= keep;
  for (uint32_t j = 0; j < n_steps; j++)
    for (uint32_t i = 0; i < s->n_pops; i++)
      for (uint32_t k = 0; k < s->pops[i].n_parts; k++) {
        const struct rt_shard *h = &s->shards[s->pops[i].parts[k].shard];
        const struct rt_spikes *in = &h->spikes[parity];
        size_t at = (size_t)j * h->n_slices + s->pops[i].parts[k].slice;
        uint64_t begin = at ? in->ends[at - 1] : 0, n = in->ends[at] - begin;
        if (!n || from + j + s->max_delay <= end) continue;
        if (rt_grow(&c->recent, &c->recent_cap, c->n_recent + n, sizeof *c->recent)) return NSL_EMEMORY;
        for (uint64_t m = 0; m < n; m++)
          c->recent[c->n_recent++] = (struct rt_mark){(uint32_t)(from + j), i, in->ids[begin + m]};
      }
  return 0;
}

/* ---- writing one */

/* Spikes that measures keep go to the journal as they come, so that a checkpoint does not grow with the run. */
static int marks_keep(struct rt_sim *s) {
  struct rt_checkpoint *c = s->checkpoint;
  int e = 0;
  for (uint32_t i = 0; !e && i < s->n_measures; i++) {
    const struct rt_meter *m = s->measures[i].meter;
    uint64_t n = m ? m->n_marks - c->journaled[i] : 0;
    if (!n) continue;
    struct rt_journal_block b = {.kind = RT_JOURNAL_MARKS, .index = i, .n = n, .bytes = n * sizeof *m->marks};
    e = rt_journal_add(&c->journal, b, m->marks + c->journaled[i]);
    c->journaled[i] = m->n_marks;
  }
  return e ? e : rt_journal_sync(&c->journal);
}

static void meta_complete(struct rt_sim *s, struct rt_meta *m) {
  const struct rt_checkpoint *c = s->checkpoint;
  m->state_hash = rt_state_hash(s);
  m->journal = c->journal.size;
  m->journal_checksum = c->journal.checksum;
  m->resumed = c->resumed;
  m->n_resumed = c->n_resumed;
}

static int file_write(struct rt_sim *s, struct rt_meta *m) {
  struct rt_checkpoint *c = s->checkpoint;
  struct rt_archive a;
  uint64_t n = c->n_recent;
  struct stat st;
  bool first = rt_ranks_first(s->ranks);
  rt_archive_create(&a, first ? c->part : NULL); /* a failure shows at the end, for all ranks */
  rt_meta_walk(&a, m);
  rt_archive_array(&a, "under way", 0, &c->recent, &n, sizeof *c->recent);
  rt_state_shared(&a, s);
  rt_state_elements(&a, s);
  int e = rt_archive_end(&a);
  rt_archive_close(&a);
  if (!first) return e;
  if (!e) e = rt_checkpoint_place(c->folder, c->part, c->path, c->before);
  if (e) unlink(c->part);
  else if (stat(c->path, &st) == 0) c->bytes = (uint64_t)st.st_size;
  return e;
}

int rt_checkpoint_write(struct rt_sim *s) {
  struct rt_checkpoint *c = s->checkpoint;
  struct rt_meta m = {0};
  double began = rt_clock();
  rt_ranks_go_on(s->ranks);
  int e = rt_ranks_first(s->ranks) ? marks_keep(s) : 0;
  if (!e) e = rt_meta_fill(&m, s, c->config);
  e = rt_ranks_agree(s->ranks, e);
  if (!e) meta_complete(s, &m);
  if (!e) e = rt_ranks_agree(s->ranks, file_write(s, &m));
  rt_mem_free(&m.mem);
  c->written += !e;
  c->last = rt_clock();
  c->seconds += c->last - began;
  s->output_s += c->last - began;
  return e;
}

/* ---- the run */

static int pieces_run(struct rt_sim *s, const struct rt_checkpoint *c) {
  for (;;) {
    s->pause_at = c->every_steps ? (s->step / c->every_steps + 1) * c->every_steps : 0;
    int e = rt_run(s, s->n_steps);
    if (s->step >= s->n_steps || (e && e != NSL_ESTOPPED)) return e;
    int failed = rt_checkpoint_write(s); /* only failures write a message: that of rt_run stays */
    if (e || failed) return failed ? failed : e;
  }
}

int rt_checkpoint_run(struct rt_sim *s) {
  if (!s->checkpoint) return rt_run(s, s->n_steps);
  int e = pieces_run(s, s->checkpoint);
  s->recorder->journal = NULL; /* what is written from here on belongs to the files alone */
  return e;
}
