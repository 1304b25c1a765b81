/* The command line of a compiled program, as a list of calls: options, set-up, output folder, build, run,
 * files, report.
 *
 * Exit status 0 only if everything asked for was done and every `expect` holds, 1 if not, 130 after Ctrl-C.
 * Ctrl-C ends the run after an interval; what was simulated so far is written and valid. A second one ends
 * the process at once. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/checkpoint.h"
#include "runtime/describe.h"
#include "runtime/error.h"
#include "runtime/fit.h"
#include "runtime/gather.h"
#include "runtime/gpu.h"
#include "runtime/options.h"
#include "runtime/ranks.h"
#include "runtime/report.h"
#include "runtime/resume.h"
#include "runtime/seeds.h"
#include "runtime/setup.h"
#include "runtime/threads.h"
#include "runtime/verify.h"

enum { MOST_SEEDS = 10000 }; /* as lang/check_experiment.c */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_INTERRUPTED = 130 };

static volatile int interrupted; /* a signal handler can reach nothing else */

static void on_signal(int number) { interrupted = number; }

struct signals {
  struct sigaction interrupt, terminate, size;
};

static void signals_take(struct signals *old) {
  struct sigaction stop = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND},
                   ignore = {.sa_handler = SIG_IGN};
  interrupted = 0;
  sigaction(SIGINT, &stop, &old->interrupt);
  sigaction(SIGTERM, &stop, &old->terminate);
  sigaction(SIGXFSZ, &ignore, &old->size); /* a file that is too large is an error of write() */
}

static void signals_restore(const struct signals *old) {
  sigaction(SIGINT, &old->interrupt, NULL);
  sigaction(SIGTERM, &old->terminate, NULL);
  sigaction(SIGXFSZ, &old->size, NULL);
}

struct run {
  const struct nsl_program *program;
  struct rt_config config;
  int argc;
  char **argv;
  struct rt_sim sim;
  struct rt_out out;
  struct rt_seeds seeds;
  struct rt_meta meta; /* of the checkpoint to resume; over several seeds, of the first of them */
  const struct nsl_experiment *x;
  struct rt_ranks *ranks; /* NULL: one process */
};

static bool speaks(const struct run *r) { return rt_ranks_first(r->ranks) || r->ranks->lost; }

static void say_error(struct run *r) {
  rt_progress_end(&r->sim);
  if (speaks(r)) fprintf(stderr, "%s\n", rt_error());
}

/* Files get their final names; then the table. */
static int run_files(struct run *r, const struct rt_end *end) {
  struct rt_sim *s = &r->sim;
  int e = rt_report_write(s, &r->out, end);
  return e ? e : rt_out_commit(&r->out);
}

/* After the run, whole or cut short: files, report, exit status. What is not done by the first rank alone, all do. */
static int run_end(struct run *r, int e) {
  struct rt_sim *s = &r->sim;
  bool first = rt_ranks_first(r->ranks);
  char why[1024] = "";
  if (e) {
    snprintf(why, sizeof why, "%s", rt_error());
    say_error(r);
  }
  rt_progress_end(s);
  rt_ranks_go_on(r->ranks);
  int bad = rt_collect(s);
  rt_expects_value(s);
  if (!e) e = rt_seeds_add(&r->seeds, s);
  struct rt_end end = {.argc = r->argc, .argv = r->argv, .error = e ? why : NULL};
  end.exit = e == NSL_ESTOPPED ? EXIT_INTERRUPTED : e ? EXIT_FAILED : EXIT_DONE;
  for (uint32_t i = 0; !e && i < s->n_expects; i++)
    if (!s->expects[i].holds) end.exit = EXIT_FAILED;
  if (!bad) bad = rt_record_close(s);
  if (!bad && first) bad = rt_digests_write(s, &r->out);
  if (e == NSL_ENUMBER) rt_gather_drop(s); /* numbers that mean nothing are not drawn */
  if (!bad && first) bad = run_files(r, &end);
  if (!bad && first && !(e == NSL_ESTOPPED && s->checkpoint)) rt_checkpoint_remove(r->out.folder); /* it is over */
  bad = rt_ranks_agree(r->ranks, bad);
  if (bad) {
    say_error(r);
    return EXIT_FAILED;
  }
  if (first && !r->config.quiet) {
    rt_report_table(s, stdout);
    if (fflush(stdout) != 0) end.exit = end.exit ? end.exit : EXIT_FAILED;
    char synapses[100];
    if (s->n_flows && !s->n_synapses) snprintf(synapses, sizeof synapses, "%llu continuous synapses", (unsigned long long)s->n_flows);
    else if (s->n_flows)
      snprintf(synapses, sizeof synapses, "%llu synapses and %llu continuous ones", (unsigned long long)s->n_synapses, (unsigned long long)s->n_flows);
    else snprintf(synapses, sizeof synapses, "%llu synapses", (unsigned long long)s->n_synapses);
    fprintf(stderr, "%s: %.12g ms of %s, %s, built in %.2f s, simulated in %.3f s%s; files in %s\n",
            r->program->name, (double)s->step * s->dt, s->x->name, synapses,
            s->build_s, s->simulate_s, !s->device ? "" : r->config.device == RT_DEVICE_GPU ? " on a GPU" : " on the emulated device",
            r->out.folder);
  }
  rt_ranks_tell(r->ranks, &end.exit, sizeof end.exit, 0);
  return end.exit;
}

static int run_begin(struct run *r, const char *folder) {
  struct rt_sim *s = &r->sim;
  const struct rt_config *c = &r->config;
  bool checkpoints = c->checkpoint_s > 0 || c->checkpoint_ms > 0;
  bool first = rt_ranks_first(r->ranks);
  int e = c->resume || !first ? 0 : rt_checkpoint_look(folder, c->force);
  if (!e && first) e = rt_out_open(&r->out, folder, c->force || c->resume);
  e = rt_ranks_agree(r->ranks, e);
  if (!e && c->device) e = rt_device_open(s, c->device, c->gpu);
  if (!e && checkpoints) e = rt_checkpoint_open(s, c, folder);
  if (!e) e = rt_build(s, c->threads);
  if (!e) e = rt_record_open(s, &r->out, c->csv);
  if (!e && first && !c->no_report) e = rt_gather_open(s);
  if (!e && checkpoints) e = rt_checkpoint_begin(s);
  if (!e && c->resume) e = rt_resume_load(s, c);
  if (!e && (c->verify || c->compare)) e = rt_verify_open(s, c->verify, c->compare);
  if (!e && s->verify && s->checkpoint) e = rt_digests_take_up(s, s->checkpoint->digests, s->checkpoint->n_digests,
                                                               s->checkpoint->digest_every);
  if (!e && s->device) e = rt_device_make(s);
  if (!e && checkpoints && !c->resume) e = rt_checkpoint_write(s);
  return e;
}

static int run_experiment(struct run *r, const char *folder) {
  struct rt_sim *s = &r->sim;
  s->interrupt = &interrupted;
  bool first = rt_ranks_first(r->ranks);
  if (!r->config.quiet && first && isatty(STDERR_FILENO)) s->progress = rt_progress;
  int e = rt_ranks_agree(r->ranks, run_begin(r, folder));
  if (e) {
    say_error(r);
    return e == NSL_ESTOPPED ? EXIT_INTERRUPTED : EXIT_FAILED;
  }
  for (uint32_t i = 0; first && i < s->n_warnings; i++) fprintf(stderr, "warning: %s\n", s->warnings[i]);
  e = rt_checkpoint_run(s);
  if (e && e != NSL_ENUMBER && e != NSL_ESTOPPED) {
    say_error(r);
    if (e == NSL_EDEVICE && s->checkpoint) fprintf(stderr, "note: the last checkpoint is kept; --resume %s goes on from it, on any device\n", folder);
    return EXIT_FAILED;
  }
  return run_end(r, e);
}

/* All ranks agree on what is run, or do nothing. */
static int open_same(struct run *r) {
  rt_ranks_go_on(r->ranks);
  r->sim.program = r->program;
  r->sim.ranks = r->ranks && r->ranks->n > 1 ? r->ranks : NULL;
  int e = rt_ranks_agree(r->ranks, rt_open(&r->sim, &r->config));
  return e ? e : rt_ranks_compare(&r->sim, &r->config);
}

/* Opens for one seed, and runs; seeds = a..b of an experiment give a folder for each. */
static int run_seed(struct run *r, const char *folder) {
  int e = open_same(r), exit = EXIT_FAILED;
  if (!e && r->config.resume) e = rt_resume_check(&r->sim, &r->config);
  if (e) {
    say_error(r);
  } else if (r->config.describe) {
    if (!rt_ranks_first(r->ranks)) exit = EXIT_DONE;
    else rt_describe(&r->sim, stdout);
    if (fflush(stdout) == 0) exit = EXIT_DONE;
  } else {
    exit = run_experiment(r, folder);
  }
  rt_close(&r->sim);
  rt_out_drop(&r->out);
  return exit;
}

/* The seeds to run; *ret_last < *ret_first after a failure. */
static void seeds_find(struct run *r, uint64_t *ret_first, uint64_t *ret_last) {
  struct rt_sim *s = &r->sim;
  *ret_first = 1;
  *ret_last = 0;
  int e = open_same(r);
  if (!e && r->config.resume && r->meta.several) e = rt_resume_check(s, &r->config);
  double last = e || r->config.has_seed ? -1 : rt_value(s, s->x->seed_last, -1);
  bool several = !e && last > (double)s->seed, asked = !e && s->x->seed_last != NSL_NONE && !r->config.has_seed;
  if (asked && !(last >= (double)s->seed))
    e = rt_fail(NSL_EMODEL, "%s: `seeds`: there is nothing from %.0f to %.0f", s->x->name, (double)s->seed, last);
  if (several && last - (double)s->seed >= MOST_SEEDS)
    e = rt_fail(NSL_EMODEL, "%s: `seeds` means %.0f runs, at most %d are done at once; run parts of it with --seed",
                s->x->name, last - (double)s->seed + 1, MOST_SEEDS);
  if (!e && several && !r->config.resume) e = rt_meta_fill(&r->meta, s, &r->config);
  if (e) {
    say_error(r);
  } else {
    r->x = s->x;
    *ret_first = *ret_last = s->seed;
    if (several) *ret_last = (uint64_t)last;
  }
  rt_close(s);
}

static struct rt_fit_call fit_call(const struct run *r) {
  return (struct rt_fit_call){r->program, &r->config, &interrupted, r->argc, r->argv};
}

static int run_fit(struct run *r) {
  struct rt_fit_call call = fit_call(r);
  if (!r->ranks || r->ranks->n == 1) return rt_fit_main(&call);
  rt_fail(NSL_ECANNOT, "a fit runs in one process; it uses all threads there");
  if (rt_ranks_first(r->ranks)) say_error(r);
  return EXIT_FAILED;
}

/* All fits, or the one that was named. */
static int describe_fits(struct run *r) {
  struct rt_fit_call call = fit_call(r);
  if (!rt_ranks_first(r->ranks)) return EXIT_DONE;
  int e = r->config.fit && !rt_fit_named(r->program, r->config.fit) ? NSL_EINPUT : 0;
  for (uint32_t i = 0; !e && i < r->program->n_fits; i++) {
    if (r->config.fit && strcmp(r->config.fit, r->program->fits[i].name) != 0) continue;
    if (!r->config.fit && (i || r->program->n_experiments)) putchar('\n');
    e = rt_fit_describe(&call, &r->program->fits[i], stdout);
  }
  if (e) say_error(r);
  return e ? EXIT_FAILED : EXIT_DONE;
}

/* All experiments, or the one that was named. */
static int describe_all(struct run *r) {
  int exit = EXIT_DONE;
  if (r->config.device && rt_device_describe(r->program, &r->config, stdout)) {
    say_error(r);
    return EXIT_FAILED;
  }
  for (uint32_t i = 0; i < r->program->n_experiments && exit == EXIT_DONE; i++) {
    if (i && rt_ranks_first(r->ranks)) putchar('\n');
    r->config.experiment = r->program->experiments[i].name;
    exit = run_seed(r, "");
  }
  r->config.experiment = NULL;
  return exit ? exit : describe_fits(r);
}

static void folder_name(const struct run *r, char *folder, size_t size) {
  const char *name = r->program->name;
  if (r->config.out) snprintf(folder, size, "%s", r->config.out);
  else if (r->program->n_experiments > 1) snprintf(folder, size, "%s.%s.out", name, r->config.experiment);
  else snprintf(folder, size, "%s.out", name);
}

/* As the first rank sees it: what is there may change while another looks. */
static bool holds_checkpoint(const struct run *r, const char *folder) {
  char path[4300];
  snprintf(path, sizeof path, "%s/checkpoint", folder);
  int holds = access(path, F_OK) == 0;
  rt_ranks_tell(r->ranks, &holds, sizeof holds, 0);
  return holds;
}

/* One of several seeds; *ret_over: it is over, and not to be resumed. Of a run that is resumed, those that are over are
 * read from their run.json, and the next may have a checkpoint. */
static int seed_of_several(struct run *r, const char *folder, uint64_t seed, bool *ret_over) {
  char own[4200], from[4300], other[4200];
  snprintf(own, sizeof own, "%s/seed-%llu", folder, (unsigned long long)seed);
  snprintf(from, sizeof from, "%s/checkpoint", own);
  r->config.has_seed = true;
  r->config.seed = seed;
  if (r->config.resume && seed < r->meta.next) {
    int exit = EXIT_FAILED;
    *ret_over = rt_seeds_read(&r->seeds, r->x, seed, own, &exit) == 0;
    if (!*ret_over && speaks(r)) fprintf(stderr, "%s\n", rt_error());
    return exit;
  }
  const char *resume = r->config.resume, *with = r->config.compare; /* --compare: each with its own */
  snprintf(other, sizeof other, "%s/seed-%llu", with ? with : "", (unsigned long long)seed);
  r->config.compare = with ? other : NULL;
  bool force = r->config.force;
  r->config.resume = resume && holds_checkpoint(r, own) ? from : NULL;
  r->config.force |= resume != NULL; /* the folder is of the run that is resumed */
  if (!r->config.quiet && rt_ranks_first(r->ranks)) printf("seed %llu\n", (unsigned long long)seed);
  int exit = run_seed(r, own);
  r->config.resume = resume;
  r->config.force = force;
  r->config.compare = with;
  *ret_over = !holds_checkpoint(r, own);
  return exit;
}

static int seeds_begin(struct run *r, const char *folder) {
  if (!rt_ranks_first(r->ranks)) return 0;
  if (mkdir(folder, 0777) != 0 && access(folder, W_OK) != 0)
    return rt_fail(NSL_EIO, "cannot make the output folder %s", folder);
  return r->config.resume ? 0 : rt_checkpoint_look(folder, r->config.force);
}

static int run_seeds(struct run *r, const char *folder, uint64_t first, uint64_t last) {
  bool checkpoints = r->config.checkpoint_s > 0 || r->config.checkpoint_ms > 0, over = true;
  int exit = EXIT_DONE, e = rt_ranks_agree(r->ranks, seeds_begin(r, folder));
  r->meta.several = 1;
  r->meta.first = first;
  r->meta.last = last;
  for (uint64_t seed = first; !e && seed <= last && exit != EXIT_INTERRUPTED && over; seed++) {
    if (checkpoints && !(r->config.resume && seed < r->meta.next)) {
      r->meta.next = seed;
      e = rt_ranks_agree(r->ranks, rt_ranks_first(r->ranks) ? rt_resume_seeds_write(&r->meta, folder) : 0);
    }
    int now = e ? EXIT_FAILED : seed_of_several(r, folder, seed, &over);
    exit = now ? now : exit;
  }
  bool writes = rt_ranks_first(r->ranks);
  if (!e && writes) e = rt_seeds_report(&r->seeds, folder, r->config.quiet ? NULL : stdout);
  if (!e && writes && over && exit != EXIT_INTERRUPTED) rt_checkpoint_remove(folder);
  if (e) say_error(r);
  return e && !exit ? EXIT_FAILED : exit;
}

static int run_all(struct run *r) {
  uint64_t first, last;
  char folder[4096];
  bool fits = r->config.fit || (!r->program->n_experiments && r->program->n_fits && !r->config.experiment);
  if (r->config.describe && r->config.fit) return describe_fits(r);
  if (r->config.describe) return r->config.experiment ? run_seed(r, "") : describe_all(r);
  if (fits) return run_fit(r);
  if (r->config.profile) {
    rt_fail(NSL_ECANNOT, "--profile: only a fit has free parameters; choose one with --fit");
    say_error(r);
    return EXIT_FAILED;
  }
  if (r->config.resume && rt_ranks_agree(r->ranks, rt_resume_options(r->program, &r->config, &r->meta))) {
    if (speaks(r)) fprintf(stderr, "%s\n", rt_error());
    return EXIT_FAILED;
  }
  seeds_find(r, &first, &last);
  if (last < first) return EXIT_FAILED;
  folder_name(r, folder, sizeof folder);
  return first == last ? run_seed(r, folder) : run_seeds(r, folder, first, last);
}

static int main_run(struct run *r, struct rt_mem *mem, int skip) {
  int exit = EXIT_FAILED;
  struct signals old;
  signals_take(&old);
  int e = rt_ranks_begin(mem, &interrupted, &r->ranks);
  if (!e) e = rt_ranks_program(r->ranks, r->program);
  if (!e) e = rt_ranks_agree(r->ranks, rt_options_read(r->program, r->argc - skip, r->argv + skip, mem, &r->config));
  if (!e) e = rt_ranks_agree(r->ranks, rt_ranks_options(r->ranks, &r->config));
  if (e) {
    say_error(r);
  } else if (r->config.help) {
    if (rt_ranks_first(r->ranks)) rt_help(r->program, stdout);
    exit = fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
  } else {
    unsigned mode = rt_float_mode_flush(); /* kernels of set-up and start run in this thread too */
    exit = run_all(r);
    rt_float_mode_restore(mode);
  }
  rt_ranks_end(r->ranks, exit);
  signals_restore(&old);
  return exit;
}

int nsl_main_under(const struct nsl_program *program, int argc, char **argv, int skip) {
  struct run r = {.program = program, .argc = argc, .argv = argv};
  struct rt_mem mem = {0};
  int exit = main_run(&r, &mem, skip);
  rt_mem_free(&r.seeds.mem);
  rt_mem_free(&r.meta.mem);
  rt_mem_free(&mem);
  return exit;
}

int nsl_main(const struct nsl_program *program, int argc, char **argv) {
  return nsl_main_under(program, argc, argv, 0);
}
