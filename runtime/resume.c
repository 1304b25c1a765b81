/* The head of a checkpoint, and the way back from one.
 *
 * A run goes on only as what it was: the same model and compiler (kernels), experiment, parameters, seed, time step and
 * data; how it is carried out (threads, processor, where synapses come from) may differ. So the command line of the
 * first run is in the head, and need not be said again. Everything is compared before the state is touched, all numbers
 * bit by bit; in the end the hash of the state must be that of the run that was left. */
#include "runtime/resume.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/checkpoint.h"
#include "runtime/error.h"
#include "runtime/quantity.h"
#include "runtime/ranks.h"

/* ---- the head */

int rt_meta_fill(struct rt_meta *m, const struct rt_sim *s, const struct rt_config *config) {
  const struct nsl_program *p = s->program;
  struct rt_mem mem = m->mem;
  *m = (struct rt_meta){.mem = mem, .compiler = p->compiler, .model_hash = p->model_hash, .experiment = s->x->name};
  m->f32 = p->f32;
  m->seed = s->seed;
  m->step = s->step;
  m->n_steps = s->n_steps;
  m->dt = s->dt;
  m->has_duration = config->has_duration;
  m->duration = config->duration;
  m->csv = config->csv;
  m->no_report = config->no_report;
  m->verify = config->verify;
  m->compare = config->compare ? config->compare : "";
  m->connectivity = config->connectivity;
  m->rows = config->rows;
  m->every_s = config->checkpoint_s;
  m->every_ms = config->checkpoint_ms;
  m->sets = config->sets;
  m->n_sets = config->n_sets;
  m->allowed = config->allowed;
  m->n_allowed = config->n_allowed;
  m->globals = s->G;
  m->n_globals = s->x->n_globals;
  m->files = s->files;
  m->n_files = s->n_files;
  m->n_params = s->x->n_params;
  m->n_units = s->ports ? s->n_ports : 0;
  m->params = rt_alloc(&m->mem, m->n_params, sizeof *m->params);
  m->units = rt_alloc(&m->mem, m->n_units, sizeof *m->units);
  if (!m->params || !m->units) return NSL_EMEMORY;
  for (uint32_t i = 0; i < m->n_params; i++) m->params[i] = s->G[s->x->params[i].slot];
  for (uint32_t i = 0; i < m->n_units; i++) m->units[i] = s->ports[i].unit;
  return 0;
}

static void numbers_walk(struct rt_archive *a, struct rt_meta *m) {
  uint64_t *whole[] = {&m->f32,        &m->several, &m->first,        &m->last, &m->next, &m->seed,    &m->step,
                       &m->n_steps,    &m->journal, &m->state_hash,   &m->csv,  &m->no_report, &m->has_duration,
                       &m->journal_checksum, &m->verify, &m->connectivity, &m->rows};
  double *real[] = {&m->dt, &m->duration, &m->every_s, &m->every_ms};
  for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) rt_archive_u64(a, "whole", whole[i]);
  for (size_t i = 0; i < sizeof real / sizeof *real; i++) rt_archive_real(a, "real", real[i]);
}

/* Room for n entries of at least one item each; 0 after an error. */
static void *list_make(struct rt_archive *a, uint64_t *n, uint64_t size) {
  rt_archive_u64(a, "list", n);
  if (a->writes || a->error) return NULL;
  if (*n > a->left / 8) rt_archive_odd(a, "a list");
  void *list = a->error ? NULL : rt_alloc(a->into, *n, size);
  if (!list && !a->error) a->error = NSL_EMEMORY;
  if (a->error) *n = 0;
  return list;
}

static void lists_walk(struct rt_archive *a, struct rt_meta *m) {
  struct rt_setting *sets = list_make(a, &m->n_sets, sizeof *sets);
  if (!a->writes) m->sets = sets;
  for (uint64_t i = 0; i < m->n_sets && !a->error; i++) {
    struct rt_setting set = m->sets[i];
    rt_archive_text(a, "set", &set.path);
    rt_archive_text(a, "value", &set.text);
    if (!a->writes) sets[i] = set;
  }
  const char **allowed = list_make(a, &m->n_allowed, sizeof *allowed);
  if (!a->writes) m->allowed = allowed;
  for (uint64_t i = 0; i < m->n_allowed && !a->error; i++) rt_archive_text(a, "folder", &m->allowed[i]);
  struct rt_file *files = list_make(a, &m->n_files, sizeof *files);
  if (!a->writes) m->files = files;
  for (uint64_t i = 0; i < m->n_files && !a->error; i++) {
    struct rt_file file = m->files[i];
    rt_archive_text(a, "file", &file.path);
    rt_archive_u64(a, "hash", &file.hash);
    if (!a->writes) files[i] = file;
  }
}

void rt_meta_walk(struct rt_archive *a, struct rt_meta *m) {
  rt_archive_text(a, "compiler", &m->compiler);
  rt_archive_text(a, "model_hash", &m->model_hash);
  rt_archive_text(a, "experiment", &m->experiment);
  rt_archive_text(a, "compare", &m->compare);
  numbers_walk(a, m);
  lists_walk(a, m);
  rt_archive_array(a, "parameters", 0, &m->params, &m->n_params, sizeof *m->params);
  rt_archive_array(a, "globals", 0, &m->globals, &m->n_globals, sizeof *m->globals);
  rt_archive_array(a, "units", 0, &m->units, &m->n_units, sizeof *m->units);
  rt_archive_array(a, "resumed", 0, &m->resumed, &m->n_resumed, sizeof *m->resumed);
}

/* ---- the options */

/* Where the checkpoint is: a folder that holds one, or the file itself. */
static int place_find(struct rt_config *c, struct rt_mem *mem, char **ret_folder, const char **ret_path) {
  struct stat st;
  if (stat(c->resume, &st) != 0) return rt_fail(NSL_EIO, "--resume %s: %s", c->resume, strerror(errno));
  if (!(*ret_folder = rt_text(mem, c->resume))) return NSL_EMEMORY;
  for (char *end = *ret_folder + strlen(*ret_folder); end > *ret_folder + 1 && end[-1] == '/';) *--end = 0;
  *ret_path = c->resume;
  if (!S_ISDIR(st.st_mode)) {
    char *slash = strrchr(*ret_folder, '/');
    if (slash) slash[slash == *ret_folder] = 0;
    else strcpy(*ret_folder, ".");
    return 0;
  }
  if (!(*ret_path = rt_checkpoint_name(mem, *ret_folder, "checkpoint"))) return NSL_EMEMORY;
  if (access(*ret_path, F_OK) == 0) return 0;
  const char *run = rt_checkpoint_name(mem, c->resume, "run.json");
  if (run && access(run, F_OK) == 0)
    return rt_fail(NSL_EINPUT, "--resume %s: the run there is over and has no checkpoint; nothing is left to go on with",
                   c->resume);
  return rt_fail(NSL_EINPUT, "--resume %s: no checkpoint is there", c->resume);
}

/* A damaged one is an error; one before it that is whole is named, never taken unasked. */
static int head_read(const char *folder, const char *path, struct rt_archive *a, struct rt_meta *m) {
  int e = rt_archive_open(a, path, &m->mem);
  if (!e) rt_meta_walk(a, m);
  if (!e && !(e = a->error)) return 0;
  char why[1024];
  snprintf(why, sizeof why, "%s", rt_error());
  struct rt_archive older = {0};
  struct rt_meta before = {0};
  char *name = rt_checkpoint_name(&m->mem, folder, "checkpoint.before");
  if (!name || strcmp(name, path) == 0 || access(name, F_OK) != 0) return e;
  bool whole = rt_archive_open(&older, name, &before.mem) == 0;
  if (whole) rt_meta_walk(&older, &before);
  whole = whole && !older.error;
  rt_archive_close(&older);
  if (whole)
    rt_fail(e, "%s; the one before it, of t = %.12g ms, is whole: --resume %s goes on from there", why,
            (double)before.step * before.dt, name);
  else
    rt_fail(e, "%s; %s is damaged too", why, name);
  rt_mem_free(&before.mem);
  return e;
}

static int program_check(const struct nsl_program *p, const struct rt_meta *m, const char *path) {
  if (strcmp(m->model_hash, p->model_hash) != 0)
    return rt_fail(NSL_EINPUT, "%s is of another model: its model_hash is %s, that of this program %s", path, m->model_hash,
                   p->model_hash);
  if (m->f32 != p->f32)
    return rt_fail(NSL_EINPUT, "%s is of a program of precision %s, this one was built for %s", path,
                   m->f32 ? "f32" : "f64", p->f32 ? "f32" : "f64");
  if (strcmp(m->compiler, p->compiler) != 0)
    return rt_fail(NSL_EINPUT, "%s is of a program built by %s, this one by %s: the same bits are promised only for one",
                   path, m->compiler, p->compiler);
  return 0;
}

/* The old settings, then those of this command line: a value that differs is found when G is known. */
static int sets_merge(struct rt_config *c, const struct rt_meta *m, struct rt_mem *mem) {
  struct rt_setting *sets = rt_alloc(mem, m->n_sets + c->n_sets + 1, sizeof *sets);
  const char **allowed = rt_alloc(mem, m->n_allowed + c->n_allowed + 1, sizeof *allowed);
  if (!sets || !allowed) return NSL_EMEMORY;
  for (uint64_t i = 0; i < m->n_sets; i++) sets[i] = m->sets[i];
  for (uint32_t i = 0; i < c->n_sets; i++) sets[m->n_sets + i] = c->sets[i];
  for (uint64_t i = 0; i < m->n_allowed; i++) allowed[i] = m->allowed[i];
  for (uint32_t i = 0; i < c->n_allowed; i++) allowed[m->n_allowed + i] = c->allowed[i];
  c->sets = sets;
  c->n_sets += (uint32_t)m->n_sets;
  c->allowed = allowed;
  c->n_allowed += (uint32_t)m->n_allowed;
  return 0;
}

static int options_merge(struct rt_config *c, const struct rt_meta *m, const char *path) {
  if (c->experiment && strcmp(c->experiment, m->experiment) != 0)
    return rt_fail(NSL_EINPUT, "%s is of experiment %s, not of %s", path, m->experiment, c->experiment);
  if (c->has_seed && (m->several || c->seed != m->seed))
    return rt_fail(NSL_EINPUT, "%s is of seed %llu%s, not %llu", path, (unsigned long long)(m->several ? m->first : m->seed),
                   m->several ? " and those behind it" : "", (unsigned long long)c->seed);
  if (c->no_report && !m->no_report)
    return rt_fail(NSL_EINPUT, "%s has what report.html shows: --no-report cannot be asked for any more", path);
  if ((c->verify && !m->verify) || (c->compare && !m->verify && !*m->compare))
    return rt_fail(NSL_EINPUT, "%s has no digests of the state: --verify and --compare must be asked for from the start", path);
  c->experiment = m->experiment;
  c->verify = m->verify;
  if (!c->compare && *m->compare) c->compare = m->compare;
  if (!c->connectivity && m->connectivity <= NSL_PROCEDURAL) c->connectivity = (enum nsl_connectivity)m->connectivity;
  if (!c->rows && m->rows <= RT_ROWS_BY_SOURCE) c->rows = (enum rt_rows)m->rows;
  if (!m->several) {
    c->has_seed = true;
    c->seed = m->seed;
  }
  if (!c->has_duration && m->has_duration) {
    c->has_duration = true;
    c->duration = m->duration;
  }
  c->csv |= m->csv != 0;
  c->no_report = m->no_report != 0;
  if (c->checkpoint_s == 0 && c->checkpoint_ms == 0) {
    c->checkpoint_s = m->every_s;
    c->checkpoint_ms = m->every_ms;
  }
  return 0;
}

static bool is_same_folder(const char *a, const char *b) {
  struct stat x, y;
  return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int rt_resume_options(const struct nsl_program *program, struct rt_config *c, struct rt_meta *m) {
  struct rt_archive a = {.fd = -1};
  char *folder = NULL;
  const char *path = NULL;
  int e = place_find(c, &m->mem, &folder, &path);
  if (!e && c->out && !is_same_folder(c->out, folder))
    e = rt_fail(NSL_EINPUT, "--resume %s goes on in its own folder; leave out --out", c->resume);
  if (!e) e = head_read(folder, path, &a, m);
  if (!e) e = program_check(program, m, path);
  if (!e) e = options_merge(c, m, path);
  if (!e) e = sets_merge(c, m, &m->mem);
  rt_archive_close(&a);
  c->out = folder;
  c->resume = path;
  return e;
}

/* ---- is it the same run? */

static int param_differs(const struct rt_sim *s, const struct nsl_param *p, double was) {
  char here[80], there[80];
  rt_quantity_text(s->G[p->slot] / p->unit_scale, p->unit, here, sizeof here);
  rt_quantity_text(was / p->unit_scale, p->unit, there, sizeof there);
  return rt_fail(NSL_EINPUT, "%s is %s here, and was %s when the checkpoint was written", p->path, here, there);
}

static int run_check(const struct rt_sim *s, const struct rt_meta *m) {
  if (m->n_params != s->x->n_params) return rt_fail(NSL_EINPUT, "the checkpoint has other parameters than this program");
  for (uint32_t i = 0; i < s->x->n_params; i++)
    if (memcmp(&m->params[i], &s->G[s->x->params[i].slot], sizeof(double)) != 0)
      return param_differs(s, &s->x->params[i], m->params[i]);
  if (m->dt != s->dt)
    return rt_fail(NSL_EINPUT, "dt is %.12g ms here, and was %.12g ms when the checkpoint was written", s->dt, m->dt);
  if (m->step <= s->n_steps) return 0;
  return rt_fail(NSL_EINPUT, "the run would end at %.12g ms, before the checkpoint, which is of t = %.12g ms", s->duration,
                 (double)m->step * m->dt);
}

int rt_resume_check(const struct rt_sim *s, const struct rt_config *config) {
  struct rt_archive a = {.fd = -1};
  struct rt_meta m = {0};
  int e = rt_archive_open(&a, config->resume, &m.mem);
  if (!e) rt_meta_walk(&a, &m);
  if (!e) e = a.error;
  if (!e) e = program_check(s->program, &m, config->resume);
  if (!e) e = run_check(s, &m);
  rt_archive_close(&a);
  rt_mem_free(&m.mem);
  return e;
}

static int files_check(const struct rt_sim *s, const struct rt_meta *m) {
  if (m->n_files != s->n_files) return rt_fail(NSL_EINPUT, "the run reads other files than when the checkpoint was written");
  for (uint32_t i = 0; i < s->n_files; i++)
    if (strcmp(m->files[i].path, s->files[i].path) != 0 || m->files[i].hash != s->files[i].hash)
      return rt_fail(NSL_EINPUT, "%s has changed since the checkpoint was written", s->files[i].path);
  return 0;
}

/* What was computed from the parameters, and the units of accumulators, which depend on the length of the run where a
 * rate changes in it. */
static int numbers_check(const struct rt_sim *s, const struct rt_meta *m) {
  bool units = m->n_units == s->n_ports;
  for (uint32_t i = 0; units && i < s->n_ports; i++) units = m->units[i] == s->ports[i].unit;
  if (!units && m->n_steps != s->n_steps)
    return rt_fail(NSL_EINPUT,
                   "a run of %.12g ms sums its input in other units than one of %.12g ms, of which the checkpoint is; "
                   "it can only go on to that time",
                   (double)s->n_steps * s->dt, (double)m->n_steps * m->dt);
  if (!units || m->n_globals != s->x->n_globals || memcmp(m->globals, s->G, m->n_globals * sizeof *s->G) != 0)
    return rt_fail(NSL_EINPUT, "numbers computed before the run are others than when the checkpoint was written");
  return 0;
}

/* ---- going on */

/* Spikes of the past go under way again, in the lists of their shards, step by step; what arrives before the run
 * goes on passes. Element states are loaded behind this. */
static uint64_t slice_fill(const struct rt_slice *c, const struct rt_mark *marks, uint64_t n, uint32_t *ids, uint64_t end) {
  for (uint64_t i = 0; i < n; i++)
    if (marks[i].pop == c->pop->index && marks[i].id >= c->first && marks[i].id - c->first < c->count)
      ids[end++] = marks[i].id;
  return end;
}

static void lists_fill(struct rt_sim *s, const struct rt_mark *marks, uint64_t n) {
  for (uint32_t i = 0; i < s->n_shards; i++) {
    struct rt_shard *h = &s->shards[i];
    uint64_t end = 0;
    for (uint32_t k = 0; k < h->n_slices; k++)
      h->spikes[0].ends[k] = end = n ? slice_fill(&h->slices[k], marks, n, h->spikes[0].ids, end) : end;
  }
}

static int send_again(struct rt_sim *s, const struct rt_mark *marks, uint64_t n) {
  uint64_t step = s->step > s->max_delay ? s->step - s->max_delay + 1 : 1, at = 0;
  int e = 0;
  for (; !e && s->max_delay && step <= s->step; step++) {
    uint64_t from = at;
    while (at < n && marks[at].step == step) at++;
    lists_fill(s, marks + from, at - from);
    for (uint32_t i = s->own0; i < s->own1; i++) rt_arrivals_pass(&s->shards[i], step);
    for (uint32_t i = s->own0; !e && i < s->own1; i++) e = rt_exchange(&s->shards[i], step, 0, 1, 0);
  }
  return e;
}

static void recent_walk(struct rt_archive *a, struct rt_sim *s) {
  struct rt_checkpoint *c = s->checkpoint;
  uint64_t n = 0, last = s->step > s->max_delay ? s->step - s->max_delay : 0;
  struct rt_mark *marks = NULL;
  rt_archive_array(a, "under way", 0, &marks, &n, sizeof *marks);
  for (uint64_t i = 0; i < n && !a->error; last = marks[i++].step)
    if (marks[i].pop >= s->n_pops || marks[i].id >= s->pops[marks[i].pop].size || marks[i].step < last ||
        marks[i].step > s->step || !marks[i].step)
      rt_archive_odd(a, "a spike under way");
  if (!a->error && rt_grow(&c->recent, &c->recent_cap, n, sizeof *marks)) a->error = NSL_EMEMORY;
  if (a->error) return;
  if (n) memcpy(c->recent, marks, n * sizeof *marks);
  c->n_recent = n;
  a->error = send_again(s, c->recent, n);
}

static int resumed_note(struct rt_sim *s, const struct rt_meta *m) {
  struct rt_checkpoint *c = s->checkpoint;
  c->resumed = rt_alloc(&c->mem, m->n_resumed + 1, sizeof *c->resumed);
  if (!c->resumed) return NSL_EMEMORY;
  if (m->n_resumed) memcpy(c->resumed, m->resumed, m->n_resumed * sizeof *c->resumed);
  c->n_resumed = m->n_resumed;
  c->resumed[c->n_resumed++] = (double)s->step * s->dt;
  return 0;
}

/* The first rank makes the files anew. */
static int records_read(struct rt_sim *s, const struct rt_meta *m) {
  struct rt_checkpoint *c = s->checkpoint;
  if (!rt_ranks_first(s->ranks)) return 0;
  s->recorder->journal = NULL; /* what is replayed is in it */
  int e = rt_journal_replay(&c->journal, m->journal, m->journal_checksum, rt_state_replay, s);
  s->recorder->journal = &c->journal;
  for (uint32_t i = 0; i < s->n_measures; i++)
    if (s->measures[i].meter) c->journaled[i] = s->measures[i].meter->n_marks;
  return e;
}

static int state_read(struct rt_sim *s, struct rt_archive *a, const struct rt_meta *m) {
  int e = files_check(s, m);
  if (!e) e = numbers_check(s, m);
  s->step = m->step;
  if (!e) e = records_read(s, m);
  if (e) return e;
  recent_walk(a, s);
  rt_state_shared(a, s);
  rt_state_elements(a, s);
  if (!a->error) rt_state_settle(s);
  return a->error;
}

int rt_resume_load(struct rt_sim *s, const struct rt_config *config) {
  struct rt_archive a = {.fd = -1};
  struct rt_meta m = {0};
  int e = rt_archive_open(&a, config->resume, &m.mem);
  if (!e) rt_meta_walk(&a, &m);
  if (!e && !(e = a.error)) e = state_read(s, &a, &m);
  rt_archive_close(&a);
  e = rt_ranks_agree(s->ranks, e);
  if (!e && rt_state_hash(s) != m.state_hash)
    e = rt_fail(NSL_EINPUT, "%s does not give back the state of t = %.12g ms: its state_hash is another", config->resume,
                (double)m.step * m.dt);
  if (!e) e = resumed_note(s, &m);
  rt_mem_free(&m.mem);
  /* the one before, taken because the last was damaged, is the last from now on */
  if (!e && rt_ranks_first(s->ranks) && strcmp(config->resume, s->checkpoint->before) == 0)
    rename(config->resume, s->checkpoint->path);
  return rt_ranks_agree(s->ranks, e);
}

/* ---- seeds */

int rt_resume_seeds_write(struct rt_meta *m, const char *folder) {
  struct rt_mem mem = {0};
  const char *path = rt_checkpoint_name(&mem, folder, "checkpoint");
  const char *part = rt_checkpoint_name(&mem, folder, ".checkpoint.part");
  struct rt_archive a = {.fd = -1};
  int e = path && part ? rt_archive_create(&a, part) : NSL_EMEMORY;
  if (!e) rt_meta_walk(&a, m);
  if (!e) e = rt_archive_end(&a);
  if (!e) e = rt_checkpoint_place(folder, part, path, NULL);
  else if (part) unlink(part);
  rt_archive_close(&a);
  rt_mem_free(&mem);
  return e;
}
