/* The files of recorded variables: SONATA reports (<record>.h5) and CSV, by one rank; share.c has what all ranks write. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "runtime/error.h"
#include "runtime/quantity.h"
#include "runtime/record.h"

/* ---- opening */

/* The SONATA mapping; `time` (begin, end, interval) follows when the end is known. */
static int mapping_write(struct rt_variable *v, struct rt_column_group *group, hid_t in) {
  uint64_t n = v->reduced ? 1 : group->cols;
  hid_t m = rt_h5_group(&v->h5, in, "mapping");
  struct rt_mem mem = {0};
  uint64_t *ids = rt_alloc(&mem, n + 1, sizeof *ids), *pointers = rt_alloc(&mem, n + 1, sizeof *pointers);
  uint32_t *elements = rt_alloc(&mem, n + 1, sizeof *elements);
  float *positions = rt_alloc(&mem, n + 1, sizeof *positions);
  int e = m < 0 ? NSL_EIO : ids && pointers && elements && positions ? 0 : NSL_EMEMORY;
  for (uint64_t i = 0; !e && i <= n; i++) {
    if (i < n && !v->reduced) ids[i] = group->ids[i];
    pointers[i] = i;
  }
  if (!e) e = rt_h5_array(&v->h5, m, "node_ids", H5T_NATIVE_UINT64, n, ids, NULL);
  if (!e) e = rt_h5_array(&v->h5, m, "index_pointers", H5T_NATIVE_UINT64, n + 1, pointers, NULL);
  if (!e) e = rt_h5_array(&v->h5, m, "element_ids", H5T_NATIVE_UINT32, n, elements, NULL);
  if (!e) e = rt_h5_array(&v->h5, m, "element_pos", H5T_NATIVE_FLOAT, n, positions, NULL);
  rt_mem_free(&mem);
  if (m >= 0) H5Gclose(m);
  return e;
}

static hid_t data_open(struct rt_sim *s, struct rt_variable *v, struct rt_column_group *group, hid_t in) {
  hid_t type = s->program->f32 && !v->reduced ? H5T_IEEE_F32LE : H5T_IEEE_F64LE;
  if (v->share.direct && group->cols)
    return rt_h5_fixed(&v->h5, in, "data", type, rt_samples_until(s, v->every, s->n_steps), group->cols, &group->place);
  return rt_h5_growing(&v->h5, in, "data", type, v->reduced ? 1 : group->cols);
}

static int report_open(struct rt_sim *s, struct rt_variable *v) {
  char name[300];
  int e = rt_h5_create(&v->h5, v->path);
  for (uint32_t g = 0; !e && g < v->n_groups; g++) {
    struct rt_column_group *group = &v->groups[g];
    snprintf(name, sizeof name, "report/%.250s", v->reduced ? v->def->name : group->pop->def->path);
    hid_t in = rt_h5_group(&v->h5, v->h5.file, name);
    if (in < 0) return NSL_EIO;
    group->set = data_open(s, v, group, in);
    if (group->set < 0) return NSL_EIO;
    e = rt_h5_text(&v->h5, group->set, "units", v->def->unit ? v->def->unit : "1");
    if (!e) e = mapping_write(v, group, in);
    H5Gclose(in);
  }
  return e || !v->share.direct ? e : rt_h5_flush(&v->h5);
}

static int csv_open(struct rt_variable *v) {
  char name[300];
  int e = rt_text_open(&v->csv, v->csv_path);
  if (e) return e;
  fputs("t_ms", v->csv.f);
  if (v->reduced) fprintf(v->csv.f, ",0");
  for (uint32_t g = 0; !v->reduced && g < v->n_groups; g++)
    for (uint64_t i = 0; i < v->groups[g].cols; i++) {
      if (v->n_groups == 1) {
        fprintf(v->csv.f, ",%u", v->groups[g].ids[i]);
        continue;
      }
      snprintf(name, sizeof name, "%.250s:%u", v->groups[g].pop->def->path, v->groups[g].ids[i]);
      fputc(',', v->csv.f);
      rt_csv_text(v->csv.f, name);
    }
  fputc('\n', v->csv.f);
  return 0;
}

int rt_sonata_open(struct rt_sim *s, struct rt_recorder *r, struct rt_variable *v) {
  int e = report_open(s, v);
  return e || !r->csv ? e : csv_open(v);
}

/* ---- rows */

void rt_sonata_csv(const struct rt_sim *s, struct rt_variable *v, uint64_t n) {
  for (uint64_t row = 0; v->csv.f && row < n; row++) {
    fprintf(v->csv.f, "%.12g", rt_sample_time(s, v->every, v->flushed + row));
    for (uint32_t g = 0; g < v->n_groups; g++) {
      const struct rt_column_group *group = &v->groups[g];
      uint64_t cols = v->reduced ? 1 : group->cols;
      for (uint64_t i = 0; i < cols; i++) {
        fputc(',', v->csv.f);
        if (s->program->f32 && !v->reduced)
          fprintf(v->csv.f, "%.9g", (double)((float *)group->rows)[row * cols + i]);
        else
          rt_csv_number(v->csv.f, ((double *)group->rows)[row * cols + i]);
      }
    }
    fputc('\n', v->csv.f);
  }
}

uint64_t rt_sonata_row(const struct rt_sim *s, const struct rt_variable *v, uint32_t g) {
  return (v->reduced ? 1 : v->groups[g].cols) * (v->reduced ? sizeof(double) : s->real_size);
}

int rt_sonata_rows(const struct rt_sim *s, struct rt_variable *v, uint32_t g, uint64_t had, uint64_t n) {
  struct rt_column_group *group = &v->groups[g];
  bool f32 = s->program->f32 && !v->reduced;
  if (!group->cols) return 0;
  return rt_h5_append(&v->h5, group->set, f32 ? H5T_NATIVE_FLOAT : H5T_NATIVE_DOUBLE, had, n,
                      v->reduced ? 1 : group->cols, group->rows);
}

/* ---- the end */

/* SONATA's time says where a raster begins, where it ends (the first time that is no longer in it) and its
 * step. A sample at the end of the run that is off the raster is one more row behind it: readers of SONATA take
 * the rows of the raster, and `sample_times` has the time of every row. */
static int times_write(struct rt_sim *s, struct rt_variable *v) {
  double every = (double)v->every * s->dt, time[3] = {0, (double)(s->step / v->every + 1) * every, every};
  struct rt_mem mem = {0};
  double *all = rt_alloc(&mem, v->flushed + 1, sizeof *all);
  int e = all ? 0 : NSL_EMEMORY;
  for (uint64_t i = 0; all && i < v->flushed; i++) all[i] = rt_sample_time(s, v->every, i);
  for (uint32_t g = 0; !e && g < v->n_groups; g++) {
    char name[320];
    snprintf(name, sizeof name, "report/%.250s/mapping/time",
             v->reduced ? v->def->name : v->groups[g].pop->def->path);
    e = rt_h5_array(&v->h5, v->h5.file, name, H5T_NATIVE_DOUBLE, 3, time, "ms");
    strcpy(strrchr(name, '/'), "/sample_times");
    if (!e) e = rt_h5_array(&v->h5, v->h5.file, name, H5T_NATIVE_DOUBLE, v->flushed, all, "ms");
  }
  rt_mem_free(&mem);
  return e;
}

/* A run that ended early has a file with rows that nobody has written. It is made anew, as one process makes it: pieces of
 * a dataset in one piece cannot be given back. */
static int report_cut(struct rt_sim *s, struct rt_variable *v) {
  int e = rt_h5_close(&v->h5), old = e ? -1 : open(v->path, O_RDONLY | O_CLOEXEC);
  uint64_t real = s->real_size;
  if (e) return e;
  if (old < 0 || unlink(v->path) != 0) e = rt_fail(NSL_EIO, "cannot read %s: %s", v->path, strerror(errno));
  v->share.direct = false;
  if (!e) e = report_open(s, v);
  for (uint32_t g = 0; g < v->n_groups; g++) {
    struct rt_column_group *group = &v->groups[g];
    for (uint64_t had = 0, n; !e && had < v->flushed; had += n) {
      n = v->flushed - had < v->row_cap ? v->flushed - had : v->row_cap;
      e = rt_share_read(old, v->path, group->rows, n * group->cols * real, group->place + had * group->cols * real);
      if (!e) e = rt_sonata_rows(s, v, g, had, n);
    }
  }
  if (old >= 0) close(old);
  return e;
}

int rt_sonata_close(struct rt_sim *s, struct rt_variable *v) {
  bool early = v->flushed < rt_samples_until(s, v->every, s->n_steps);
  int e = v->share.direct && early ? report_cut(s, v) : 0;
  if (!e) e = times_write(s, v);
  int a = rt_text_close(&v->csv), b = rt_h5_close(&v->h5);
  return e ? e : a ? a : b;
}
