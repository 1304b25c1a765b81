/* Digests of the state: for each population at some thousand steps of the run one number, so that two runs that should be
 * equal (threads, ranks, processors, stored or procedural, resumed) can be compared over their whole course, and the first
 * difference is found with its population and time.
 *
 * A digest is a sum over elements of hashes of what they hold (states and the spikes of the step) and of their number, so
 * each shard adds its own and neither shards nor threads show. Steps are multiples of a power of two, and the last one:
 * runs of other lengths have steps in common. With --compare DIR those of DIR are read before the run, which stops behind
 * the first batch of steps that holds a difference. */
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/mix.h"
#include "runtime/pace.h"
#include "runtime/record.h"
#include "runtime/verify.h"

enum { MOST_ROWS = 1024, MOST_DIGESTS = 1 << 16, LINE_MOST = 1200 };
static const char *const heading = "step,t_ms,population,digest\n";

struct rt_digests {
  uint64_t every, last, n_rows;   /* row i < n_rows - 1: step i * every; the last row: step `last` */
  _Atomic uint64_t *values;       /* by row, by population */
  const char *with;               /* the other run's folder, or NULL */
  uint64_t *other;                /* its values, and: */
  bool *has;                      /* by row */
  uint64_t compared, equal_until; /* rows that were looked at; the last step at which all were equal */
};

/* ---- what a shard adds */

static uint64_t reals_sum(uint64_t key, const struct rt_slice *c, const void *array, bool narrow) {
  uint32_t end = c->first + c->count < c->pop->size ? c->first + c->count : c->pop->size;
  uint64_t sum = 0;
  for (uint32_t i = c->first; i < end; i++) {
    uint64_t bits = narrow ? ((const uint32_t *)array)[i] : ((const uint64_t *)array)[i];
    sum += rt_mix(key + i * 0x9e3779b97f4a7c15u, bits);
  }
  return sum;
}

static uint64_t slice_digest(const struct rt_slice *c, uint64_t step, bool narrow) {
  const struct rt_pop *p = c->pop;
  uint64_t sum = 0;
  for (uint32_t i = 0; i < p->class->n_states; i++) sum += reals_sum(rt_mix(1, i), c, p->states[i], narrow);
  const uint64_t *spikes = p->ring + (rt_own_step(p, step) & p->ring_mask) * p->stride;
  for (uint32_t w = c->first / 64; p->class->has_spike && w < (c->first + c->count) / 64; w++)
    if (spikes[w]) sum += rt_mix(rt_mix(2, w), spikes[w]); /* padding is masked */
  return sum;
}

uint64_t rt_digest_next(const struct rt_sim *s, uint64_t step) {
  const struct rt_digests *d = s->verify ? s->verify->digests : NULL;
  if (!d || step >= d->last) return RT_NO_STEP;
  uint64_t next = (step / d->every + 1) * d->every;
  return next < d->last ? next : d->last;
}

void rt_digest_take(struct rt_shard *h, uint64_t step) {
  struct rt_sim *s = h->sim;
  struct rt_digests *d = s->verify->digests;
  uint64_t row = step == d->last ? d->n_rows - 1 : step / d->every;
  for (uint32_t i = 0; i < h->n_slices; i++)
    d->values[row * s->n_pops + h->slices[i].pop->index] += slice_digest(&h->slices[i], step, s->program->f32);
  h->next_digest = rt_digest_next(s, step);
}

/* ---- the other run's */

static int other_bad(const struct rt_digests *d, uint64_t line, const char *why) {
  return rt_fail(NSL_EINPUT, "--compare %s: line %llu of digests.csv %s", d->with, (unsigned long long)line, why);
}

/* "128,12.8,cell[L4e],0123456789abcdef" in its parts; the name may stand in quotes and hold commas. */
static bool line_read(char *text, uint64_t *ret_step, char **ret_name, uint64_t *ret_value) {
  char *end, *time = strchr(text, ','), *name = time ? strchr(time + 1, ',') : NULL, *value = strrchr(text, ',');
  if (!name || value <= name) return false;
  *ret_step = strtoull(text, &end, 10);
  if (end != time || end == text) return false;
  *ret_value = strtoull(value + 1, &end, 16);
  if (*end || end == value + 1) return false;
  *value = 0;
  size_t n = strlen(++name);
  bool quoted = n >= 2 && name[0] == '"' && name[n - 1] == '"';
  if (quoted) name[n - 1] = 0;
  *ret_name = name + quoted;
  return true;
}

/* One line into the table, if this run has its step too. */
static int line_take(const struct rt_sim *s, struct rt_digests *d, char *text, uint64_t line) {
  uint64_t step, value;
  uint32_t pop = (uint32_t)((line - 2) % s->n_pops);
  char *name;
  if (!line_read(text, &step, &name, &value)) return other_bad(d, line, "is not that of a digest");
  if (strcmp(name, s->pops[pop].def->path) != 0)
    return rt_fail(NSL_EINPUT, "--compare %s: its populations are others: %s stands where %s does here", d->with, name,
                   s->pops[pop].def->path);
  if (step > d->last || (step != d->last && step % d->every)) return 0;
  uint64_t row = step == d->last ? d->n_rows - 1 : step / d->every;
  d->other[row * s->n_pops + pop] = value;
  d->has[row] = pop + 1 == s->n_pops; /* a whole one */
  return 0;
}

static int other_read(struct rt_sim *s, struct rt_digests *d) {
  char path[4300], text[LINE_MOST];
  snprintf(path, sizeof path, "%s/digests.csv", d->with);
  FILE *f = fopen(path, "re");
  if (!f)
    return rt_fail(NSL_EIO, "--compare %s: there is no digests.csv; a run with --verify leaves one", d->with);
  int e = fgets(text, sizeof text, f) && strcmp(text, heading) == 0 ? 0 : other_bad(d, 1, "is not the heading");
  for (uint64_t line = 2; !e && fgets(text, sizeof text, f); line++) {
    text[strcspn(text, "\n")] = 0;
    e = line_take(s, d, text, line);
  }
  fclose(f);
  return e;
}

/* ---- before the run */

static uint64_t every_choose(const struct rt_sim *s) {
  uint64_t most = MOST_DIGESTS / (s->n_pops ? s->n_pops : 1), every = 1;
  most = most > MOST_ROWS ? MOST_ROWS : most < 4 ? 4 : most;
  while (s->n_steps / every > most) every *= 2;
  return every;
}

int rt_digests_open(struct rt_sim *s, const char *compare, struct rt_digests **ret) {
  struct rt_mem *mem = &s->verify->mem;
  struct rt_digests *d = rt_alloc(mem, 1, sizeof *d);
  if (!d) return NSL_EMEMORY;
  d->every = every_choose(s);
  d->last = s->n_steps;
  d->n_rows = (d->last + d->every - 1) / d->every + 1;
  d->with = compare;
  uint64_t n = d->n_rows * s->n_pops;
  d->values = rt_alloc(mem, n, sizeof *d->values);
  d->other = rt_alloc(mem, n, sizeof *d->other);
  d->has = rt_alloc(mem, d->n_rows, sizeof *d->has);
  if (!d->values || !d->other || !d->has) return NSL_EMEMORY;
  *ret = d;
  for (uint32_t i = s->own0; i < s->own1; i++) {
    if (s->step % d->every == 0 || s->step == d->last) rt_digest_take(&s->shards[i], s->step);
    else s->shards[i].next_digest = (s->step / d->every + 1) * d->every;
  }
  d->compared = (s->step + d->every - 1) / d->every;
  int e = compare ? other_read(s, d) : 0;
  return e ? e : rt_digests_compare(s, d, s->step);
}

/* ---- in the run, and behind it */

static uint64_t row_step(const struct rt_digests *d, uint64_t row) {
  return row == d->n_rows - 1 ? d->last : row * d->every;
}

static int row_differs(const struct rt_sim *s, const struct rt_digests *d, uint64_t row) {
  uint32_t n = 0, first = 0;
  for (uint32_t i = s->n_pops; i-- > 0;)
    if (d->values[row * s->n_pops + i] != d->other[row * s->n_pops + i]) n++, first = i;
  if (!n) return 0;
  char before[100] = "", more[60] = "";
  if (row)
    snprintf(before, sizeof before, "; at t = %.12g ms all was equal", (double)d->equal_until * s->dt);
  if (n > 1) snprintf(more, sizeof more, " and of %u other populations", n - 1);
  return rt_fail_at(NSL_EVERIFY, s->pops[first].def->place,
                    "the state of %s%s differs from that of the run in %s at step %llu (t = %.12g ms)%s",
                    s->pops[first].def->path, more, d->with, (unsigned long long)row_step(d, row),
                    (double)row_step(d, row) * s->dt, before);
}

int rt_digests_compare(struct rt_sim *s, struct rt_digests *d, uint64_t until) {
  for (; d->with && d->compared < d->n_rows && row_step(d, d->compared) <= until; d->compared++) {
    if (!d->has[d->compared]) continue;
    int e = row_differs(s, d, d->compared);
    if (e) return e;
    d->equal_until = row_step(d, d->compared);
  }
  return 0;
}

int rt_digests_write(struct rt_sim *s, struct rt_out *out) {
  if (!s->verify) return 0;
  const struct rt_digests *d = s->verify->digests;
  const char *path = rt_out_file(out, "digests.csv");
  struct rt_text_file file = {0};
  int e = path ? rt_text_open(&file, path) : NSL_EIO;
  if (e) return e;
  fputs(heading, file.f);
  for (uint64_t row = 0; row < d->n_rows && row_step(d, row) <= s->step; row++)
    for (uint32_t i = 0; i < s->n_pops; i++) {
      fprintf(file.f, "%llu,%.12g,", (unsigned long long)row_step(d, row), (double)row_step(d, row) * s->dt);
      rt_csv_text(file.f, s->pops[i].def->path);
      fprintf(file.f, ",%016llx\n", (unsigned long long)d->values[row * s->n_pops + i]);
    }
  return rt_text_close(&file);
}

/* ---- checkpoints */

uint64_t *rt_digests_so_far(const struct rt_sim *s, uint64_t *ret_n, uint64_t *ret_every) {
  const struct rt_digests *d = s->verify->digests;
  uint64_t rows = 0;
  while (rows < d->n_rows && row_step(d, rows) <= s->step) rows++;
  *ret_n = rows * s->n_pops;
  *ret_every = d->every;
  return (uint64_t *)d->values; /* all shards rest */
}

int rt_digests_take_up(struct rt_sim *s, const uint64_t *values, uint64_t n, uint64_t every) {
  struct rt_digests *d = s->verify->digests;
  if (n && (!every || d->every % every))
    return rt_fail(NSL_EINPUT, "with --verify a run can be resumed for its own time or a longer one, not for a shorter");
  for (uint64_t i = 0; i < n; i++) {
    uint64_t step = i / s->n_pops * every;
    if (step % d->every == 0 && step / d->every < d->n_rows)
      d->values[step / d->every * s->n_pops + i % s->n_pops] = values[i];
  }
  return 0;
}
