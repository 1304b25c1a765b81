/* Checkpoints from inside: archives and journals of which any bit is turned, states that are written and read at many
 * steps, and checkpoints with a right checksum over wrong words: errors, never a crash. */
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/checkpoint.h"
#include "runtime/gather.h"
#include "runtime/resume.h"
#include "runtime/threads.h"
#include "tests/runtime/model.h"

static char folder[64] = "/tmp/nsl-checkpoint-XXXXXX";

static const char *in(const char *name) {
  static char path[4][200];
  static int i;
  i = (i + 1) % 4;
  snprintf(path[i], sizeof path[i], "%s/%s", folder, name);
  return path[i];
}

static size_t bytes_read(const char *path, char *to, size_t size) {
  FILE *f = fopen(path, "rb");
  size_t n = f ? fread(to, 1, size, f) : 0;
  if (f) fclose(f);
  return n;
}

static void bytes_write(const char *path, const char *at, size_t n) {
  FILE *f = fopen(path, "wb");
  if (f) fwrite(at, 1, n, f);
  if (f) fclose(f);
}

/* ---- archives */

struct content {
  uint64_t whole, n;
  double real, *list;
  const char *text;
  unsigned char odd[13];
};

static int content_walk(struct rt_archive *a, struct content *c) {
  rt_archive_u64(a, "whole", &c->whole);
  rt_archive_text(a, "text", &c->text);
  rt_archive_data(a, "odd", 3, c->odd, sizeof c->odd);
  rt_archive_array(a, "list", 0, &c->list, &c->n, sizeof *c->list);
  rt_archive_real(a, "real", &c->real);
  return a->error;
}

static int content_read(const char *path, struct content *c, struct rt_mem *mem) {
  struct rt_archive a;
  int e = rt_archive_open(&a, path, mem);
  if (!e) e = content_walk(&a, c);
  rt_archive_close(&a);
  return e;
}

static void archives(void) {
  double list[] = {1, 2.5, -3};
  struct content c = {.whole = 7, .n = 3, .real = 0.1, .list = list, .text = "a text", .odd = "twelve bytes"}, back = {0};
  struct rt_archive a;
  struct rt_mem mem = {0};
  const char *path = in("archive");
  int e = rt_archive_create(&a, path);
  content_walk(&a, &c);
  e = e ? e : rt_archive_end(&a);
  ok(!e && content_read(path, &back, &mem) == 0 && back.whole == 7 && back.n == 3 && back.list[2] == -3 && back.real == 0.1 &&
         strcmp(back.text, "a text") == 0 && memcmp(back.odd, c.odd, sizeof c.odd) == 0,
     "what is written is read");
  static char whole[4096], other[4096];
  size_t n = bytes_read(path, whole, sizeof whole), found = 0, cut = 0;
  for (size_t bit = 0; bit < 8 * n; bit++) {
    memcpy(other, whole, n);
    other[bit / 8] = (char)(other[bit / 8] ^ 1 << bit % 8);
    bytes_write(path, other, n);
    found += content_read(path, &back, &mem) == NSL_EINPUT;
  }
  for (size_t k = 0; k < n; k++) {
    bytes_write(path, whole, k);
    cut += content_read(path, &back, &mem) == NSL_EINPUT;
  }
  ok(found == 8 * n && cut == n, "each of its %zu bits turned, each of its %zu beginnings: found (%zu, %zu)", 8 * n, n, found, cut);
  rt_mem_free(&mem);
}

/* ---- journals */

static int journal_count(void *context, const struct rt_journal_block *b, const void *data) {
  uint64_t *sum = context;
  *sum += b->n + b->index + ((const unsigned char *)data)[b->bytes - 1];
  return 0;
}

static void journals(void) {
  struct rt_journal j;
  const char *path = in("journal");
  uint64_t sum = 0;
  int e = rt_journal_open(&j, path);
  for (uint32_t i = 0; !e && i < 5; i++)
    e = rt_journal_add(&j, (struct rt_journal_block){.kind = i % 3, .index = i, .n = 2, .bytes = 11}, "0123456789");
  uint64_t size = j.size, checksum = j.checksum;
  if (!e) e = rt_journal_add(&j, (struct rt_journal_block){.kind = 1, .n = 1, .bytes = 5}, "tail");
  if (!e) e = rt_journal_sync(&j);
  rt_journal_close(&j);
  static char whole[4096], other[4096];
  size_t n = bytes_read(path, whole, sizeof whole), found = 0, cut = 0;
  if (!e) e = rt_journal_open(&j, path);
  if (!e) e = rt_journal_replay(&j, size, checksum, journal_count, &sum);
  rt_journal_close(&j);
  ok(!e && sum == 5 * 2 + 10 && bytes_read(path, other, sizeof other) == size && n > size,
     "a journal gives its blocks, and what lies behind the checkpoint is cut off");
  for (size_t bit = 0; bit < 8 * n; bit++) {
    memcpy(other, whole, n);
    other[bit / 8] = (char)(other[bit / 8] ^ 1 << bit % 8);
    bytes_write(path, other, n);
    e = rt_journal_open(&j, path);
    if (!e) e = rt_journal_replay(&j, size, checksum, journal_count, &sum);
    rt_journal_close(&j);
    found += bit < 8 * size ? e == NSL_EINPUT : e == 0;
  }
  for (size_t k = 0; k < size; k++) {
    bytes_write(path, whole, k);
    e = rt_journal_open(&j, path);
    cut += !e && rt_journal_replay(&j, size, checksum, journal_count, &sum) == NSL_EINPUT;
    rt_journal_close(&j);
  }
  ok(found == 8 * n && cut == size, "each of its bits turned, each of its beginnings: found (%zu, %zu)", found, cut);
}

/* ---- runs */

static const struct nsl_program *program(void) {
  struct model *m = model_new(0.1, 40, 42);
  uint32_t e = lif_add(m, "E", 1100, 3), i = lif_add(m, "I", 300, 4);
  param_add(m, "net.w", number(m, 0.05), "mV", 1, "0 12 0 0 0 0", -10, 10);
  connect(m, e, i, NSL_PROBABILITY, 0.1, 0.05, 1)->weight = m->params[0].slot;
  double u[8] = {-0.1, 0.02, -1, 0, 1.5, 1, 0.2, 9};
  draw_both(m, connect(m, i, e, NSL_INDEGREE, 10, -0.1, 1.2), u, true, true);
  record_spikes(m, e);
  record_V(m, "V", NSL_RECORD_VALUE, e, 70, 73, 0.5);
  record_V(m, "lfp", NSL_RECORD_MEAN, e, 0, 1099, 1);
  expect(m, NSL_MEASURE_CV, i, 0, 1, "cv_isi(I) in [0, 1]", 1);
  return model_end(m);
}

struct attempt {
  struct rt_sim sim;
  struct rt_out out;
  struct rt_config config;
  struct rt_meta meta;
};

/* Everything up to the first step, or to the state of the checkpoint. */
static int begin(struct attempt *t, const struct nsl_program *p, const char *resume, uint32_t threads) {
  t->sim.program = p;
  t->config = (struct rt_config){.checkpoint_ms = 1000, .out = resume ? NULL : in("run"), .resume = resume, .threads = threads};
  int e = resume ? rt_resume_options(p, &t->config, &t->meta) : 0;
  if (!e) e = rt_open(&t->sim, &t->config);
  if (!e && resume) e = rt_resume_check(&t->sim, &t->config);
  if (!e) e = rt_out_open(&t->out, t->config.out, true);
  if (!e) e = rt_checkpoint_open(&t->sim, &t->config, t->config.out);
  if (!e) e = rt_build(&t->sim, threads);
  if (!e) e = rt_record_open(&t->sim, &t->out, false);
  if (!e) e = rt_gather_open(&t->sim);
  if (!e) e = rt_checkpoint_begin(&t->sim);
  return e || !resume ? e : rt_resume_load(&t->sim, &t->config);
}

static void drop(struct attempt *t) {
  rt_close(&t->sim);
  rt_out_drop(&t->out);
  rt_mem_free(&t->meta.mem);
  *t = (struct attempt){0};
}

/* A checkpoint of a step, whole else thrown away. */
static int leave(const struct nsl_program *p, uint64_t step) {
  struct attempt t = {0};
  int e = begin(&t, p, NULL, 2);
  if (!e) e = rt_run(&t.sim, step);
  if (!e) e = rt_checkpoint_write(&t.sim);
  drop(&t);
  return e;
}

static void runs(void) {
  const struct nsl_program *p = program();
  struct attempt t = {0};
  int e = begin(&t, p, NULL, 1);
  if (!e) e = rt_run(&t.sim, t.sim.n_steps);
  uint64_t hash = e ? 0 : rt_state_hash(&t.sim), spikes = e ? 0 : t.sim.pop_meters[0]->spikes;
  ok(!e && spikes > 1000, "uninterrupted: %s", e ? rt_error() : "");
  drop(&t);
  static const uint64_t steps[] = {0, 1, 9, 10, 63, 64, 65, 129, 200, 399};
  for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
    e = leave(p, steps[k]);
    if (!e) e = begin(&t, p, in("run"), 1 + k % 3);
    if (!e) e = rt_run(&t.sim, t.sim.n_steps);
    ok(!e && rt_state_hash(&t.sim) == hash && t.sim.pop_meters[0]->spikes == spikes, "from step %d on, %zu threads%s%s",
       (int)steps[k], 1 + k % 3, e ? ": " : "", e ? rt_error() : "");
    drop(&t);
  }
}

/* ---- words that are wrong below a checksum that is right */

enum { TRIES = 400, AT_ONCE = 100 };

static uint64_t forge(char *data, size_t n, uint64_t i) {
  static const uint64_t words[] = {0, 1, 2, 255, 1u << 31, (uint64_t)1 << 32, INT64_MAX, UINT64_MAX, 0x7ff8000000000000};
  uint64_t key = nslm_key(5, i), last = n - 8;
  uint64_t at = nslm_draw_index_u64(key, 0, 0, 0, (i % 2 ? last : 4096) / 8) * 8;
  uint64_t which = nslm_draw_index_u64(key, 0, 0, 1, sizeof words / sizeof *words + 1), word = key;
  if (which < sizeof words / sizeof *words) word = words[which];
  memcpy(data + at, &word, sizeof word);
  uint64_t sum = rt_checksum(0, data, last);
  memcpy(data + last, &sum, sizeof sum);
  return at;
}

static void forgeries(void) {
  const struct nsl_program *p = program();
  int e = leave(p, 150);
  static char whole[1 << 22], made[1 << 22];
  size_t n = bytes_read(in("run/checkpoint"), whole, sizeof whole), crashed = 0;
  ok(!e && n > 8192 && n < sizeof whole, "a checkpoint of %zu bytes", n);
  fflush(stdout);
  for (uint64_t from = 0; from < TRIES; from += AT_ONCE) {
    pid_t pid = fork();
    for (uint64_t i = from; !pid && i < from + AT_ONCE; i++) {
      struct attempt t = {0};
      memcpy(made, whole, n);
      forge(made, n, i);
      bytes_write(in("run/checkpoint"), made, n);
      alarm(20);
      if (begin(&t, p, in("run"), 1) == 0 && t.sim.step < t.sim.n_steps) rt_run(&t.sim, t.sim.step + 1);
      drop(&t);
    }
    if (!pid) _exit(0);
    int status;
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
    crashed++;
    printf("# one of %d..%d: status %x\n", (int)from, (int)from + AT_ONCE, (unsigned)status);
  }
  ok(!crashed, "%d checkpoints with a wrong word and a right checksum: no crash, no end", TRIES);
}

int main(void) {
  if (!mkdtemp(folder)) return 1;
  unsigned mode = rt_float_mode_flush();
  archives();
  journals();
  runs();
  forgeries();
  rt_float_mode_restore(mode);
  char command[100];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  if (system(command)) return 1;
  return done();
}
