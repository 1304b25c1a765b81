/* Recorded spikes: gathered from the shards' lists after every interval in the order (step, population,
 * element), and written in large pieces to spikes.h5 (SONATA, one group for each population) and spikes.csv.
 */
#include <string.h>

#include "runtime/error.h"
#include "runtime/quantity.h"
#include "runtime/ranks.h"
#include "runtime/record.h"

enum { FLUSH_AT = 1 << 20 };

void rt_csv_text(FILE *f, const char *text) {
  if (!strpbrk(text, ",\"\n")) {
    fputs(text, f);
    return;
  }
  fputc('"', f);
  for (; *text; text++) {
    if (*text == '"') fputc('"', f);
    fputc(*text, f);
  }
  fputc('"', f);
}

void rt_csv_number(FILE *f, double v) {
  char text[40];
  rt_number_text(v, text, sizeof text);
  fputs(text, f);
}

/* ---- which */

static int ranges_find(struct rt_sim *s, struct rt_recorder *r, const struct nsl_record *def) {
  for (uint32_t i = 0; i < def->n_items; i++) {
    const struct nsl_slice *slice = &def->items[i].slice;
    struct rt_spike_pop *p = &r->spikes.pops[slice->pop];
    uint32_t first, n;
    int e = rt_slice_range(s, slice, def->place, &first, &n);
    if (e) return e;
    struct rt_range *grown = rt_alloc(&r->mem, p->n_ranges + 1, sizeof *grown);
    if (!grown) return NSL_EMEMORY;
    if (p->n_ranges) memcpy(grown, p->ranges, p->n_ranges * sizeof *grown);
    p->ranges = grown;
    if (n) p->ranges[p->n_ranges++] = (struct rt_range){first, first + n - 1};
    p->all |= n == s->pops[slice->pop].size;
    r->spikes.wanted = true;
  }
  return 0;
}

static int file_open(struct rt_sim *s, struct rt_recorder *r) {
  struct rt_spike_file *f = &r->spikes;
  int e = rt_h5_create(&f->h5, f->path);
  f->open = true;
  if (e) return e;
  for (uint32_t i = 0; !e && i < s->n_pops; i++) {
    struct rt_spike_pop *p = &f->pops[i];
    p->times = p->ids = -1;
    if (!p->ranges && !p->all) continue;
    char name[600];
    snprintf(name, sizeof name, "spikes/%.500s", s->pops[i].def->path);
    hid_t group = rt_h5_group(&f->h5, f->h5.file, name);
    if (group < 0) return NSL_EIO;
    e = rt_h5_sorting(&f->h5, group);
    p->times = rt_h5_growing(&f->h5, group, "timestamps", H5T_IEEE_F64LE, 0);
    p->ids = rt_h5_growing(&f->h5, group, "node_ids", H5T_STD_U64LE, 0);
    if (p->times < 0 || p->ids < 0) return NSL_EIO;
    if (!e) e = rt_h5_text(&f->h5, p->times, "units", "ms");
    H5Gclose(group);
  }
  if (e || !r->csv) return e;
  e = rt_text_open(&f->csv, f->csv_path);
  if (!e) fputs("t_ms,population,id\n", f->csv.f);
  return e;
}

int rt_spikes_open(struct rt_sim *s, struct rt_recorder *r) {
  struct rt_spike_file *f = &r->spikes;
  f->h5.file = -1;
  f->pops = rt_alloc(&r->mem, s->n_pops, sizeof *f->pops);
  if (!f->pops) return NSL_EMEMORY;
  if (!r->out) {
    f->wanted = true;
    for (uint32_t i = 0; i < s->n_pops; i++) f->pops[i].all = true;
    return 0;
  }
  for (uint32_t i = 0; i < s->x->n_records; i++)
    if (s->x->records[i].kind == NSL_RECORD_SPIKES) {
      int e = ranges_find(s, r, &s->x->records[i]);
      if (e) return e;
    }
  return 0;
}

int rt_spikes_names(struct rt_sim *s, struct rt_recorder *r) {
  struct rt_spike_file *f = &r->spikes;
  if (!r->out || !f->wanted) return 0;
  int e = rt_record_file(s, r, "spikes.h5", &f->path);
  return e || !r->csv ? e : rt_record_file(s, r, "spikes.csv", &f->csv_path);
}

/* Every rank has the spikes of all; one writes them. */
int rt_spikes_file(struct rt_sim *s, struct rt_recorder *r) {
  struct rt_spike_file *f = &r->spikes;
  if (!r->out || !f->wanted) return 0;
  f->wanted = !s->ranks || s->ranks->rank == rt_together_writer(s, r, 0);
  r->together.files += f->wanted;
  return f->wanted ? file_open(s, r) : 0;
}

/* ---- from the shards */

static bool is_recorded(const struct rt_spike_pop *p, uint32_t id) {
  for (uint32_t i = 0; i < p->n_ranges; i++)
    if (id >= p->ranges[i].from && id <= p->ranges[i].to) return true;
  return p->all;
}

static int part_take(struct rt_spike_file *f, const struct rt_spike_pop *p, uint32_t pop, const uint32_t *ids,
                     uint64_t n, uint64_t step) {
  int e = rt_grow(&f->marks, &f->cap, f->n + n, sizeof *f->marks);
  for (uint64_t i = 0; !e && i < n; i++)
    if (p->all || is_recorded(p, ids[i])) f->marks[f->n++] = (struct rt_mark){(uint32_t)step, pop, ids[i]};
  return e;
}

int rt_record_spikes(struct rt_sim *s, uint64_t from, uint32_t n_steps, uint32_t parity) {
  struct rt_recorder *r = s->recorder;
  if (!r || !r->spikes.wanted) return 0;
  for (uint32_t j = 0; j < n_steps; j++)
    for (uint32_t i = 0; i < s->n_pops; i++) {
      const struct rt_spike_pop *p = &r->spikes.pops[i];
      if (!p->all && !p->n_ranges) continue;
      for (uint32_t k = 0; k < s->pops[i].n_parts; k++) {
        const struct rt_shard *h = &s->shards[s->pops[i].parts[k].shard];
        size_t at = (size_t)j * h->n_slices + s->pops[i].parts[k].slice;
        uint64_t begin = at ? h->spikes[parity].ends[at - 1] : 0, end = h->spikes[parity].ends[at];
        if (begin == end) continue;
        int e = part_take(&r->spikes, p, i, h->spikes[parity].ids + begin, end - begin, from + j);
        if (e) return e;
      }
    }
  int e = 0;
  while (!e && r->out && r->spikes.n >= FLUSH_AT) e = rt_spikes_flush(s, r, FLUSH_AT); /* whatever the batches: same files */
  return e;
}

void rt_spikes_cut(struct rt_recorder *r, uint64_t step) {
  while (r->spikes.n && r->spikes.marks[r->spikes.n - 1].step > step) r->spikes.n--;
}

/* ---- to the files */

static int pop_flush(struct rt_sim *s, struct rt_spike_file *f, uint32_t pop, size_t n_marks) {
  struct rt_spike_pop *p = &f->pops[pop];
  if (rt_grow(&f->times, &f->times_cap, n_marks, sizeof *f->times) ||
      rt_grow(&f->ids, &f->ids_cap, n_marks, sizeof *f->ids))
    return NSL_EMEMORY;
  uint64_t n = 0;
  for (size_t i = 0; i < n_marks; i++)
    if (f->marks[i].pop == pop) {
      f->times[n] = (double)f->marks[i].step * s->dt;
      f->ids[n++] = f->marks[i].id;
    }
  int e = rt_h5_append(&f->h5, p->times, H5T_NATIVE_DOUBLE, p->had, n, 0, f->times);
  if (!e) e = rt_h5_append(&f->h5, p->ids, H5T_NATIVE_UINT64, p->had, n, 0, f->ids);
  p->had += n;
  return e;
}

static int marks_keep(struct rt_journal *j, const struct rt_mark *marks, size_t n) {
  struct rt_journal_block b = {.kind = RT_JOURNAL_SPIKES, .n = n, .bytes = n * sizeof *marks};
  return j ? rt_journal_add(j, b, marks) : 0;
}

int rt_spikes_flush(struct rt_sim *s, struct rt_recorder *r, size_t n) {
  struct rt_spike_file *f = &r->spikes;
  if (!f->open || !n) return 0;
  double began = rt_clock();
  int e = marks_keep(r->journal, f->marks, n);
  for (uint32_t i = 0; !e && i < s->n_pops; i++)
    if (f->pops[i].times >= 0) e = pop_flush(s, f, i, n);
  char time[40] = "";
  uint32_t last = 0;
  for (size_t i = 0; !e && f->csv.f && i < n; i++) {
    if (!i || f->marks[i].step != last)
      snprintf(time, sizeof time, "%.12g", (double)f->marks[i].step * s->dt);
    last = f->marks[i].step;
    fprintf(f->csv.f, "%s,", time);
    rt_csv_text(f->csv.f, s->pops[f->marks[i].pop].def->path);
    fprintf(f->csv.f, ",%u\n", f->marks[i].id);
  }
  memmove(f->marks, f->marks + n, (f->n - n) * sizeof *f->marks);
  f->n -= n;
  s->output_s += rt_clock() - began;
  return e;
}

int rt_spikes_close(struct rt_recorder *r) {
  struct rt_spike_file *f = &r->spikes;
  int e = rt_text_close(&f->csv);
  if (!f->open) return e;
  f->open = false;
  int e2 = rt_h5_close(&f->h5);
  return e ? e : e2;
}
