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

#include "runtime/describe.h"
#include "runtime/error.h"
#include "runtime/gather.h"
#include "runtime/options.h"
#include "runtime/report.h"
#include "runtime/seeds.h"
#include "runtime/setup.h"
#include "runtime/threads.h"
#include "runtime/verify.h"

enum { MOST_SEEDS = 10000 }; /* as lang/check_experiment.c */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_INTERRUPTED = 130 };

static volatile int interrupted; /* a signal handler can reach nothing else */

static void on_signal(int number) {
  (void)number;
  interrupted = 1;
}

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
};

static void say_error(const struct rt_sim *s) {
  rt_progress_end((struct rt_sim *)s);
  fprintf(stderr, "%s\n", rt_error());
}

/* After the run, whole or cut short: files, report, exit status. */
static int run_end(struct run *r, int e) {
  struct rt_sim *s = &r->sim;
  char why[1024] = "";
  if (e) {
    snprintf(why, sizeof why, "%s", rt_error());
    say_error(s);
  }
  rt_progress_end(s);
  rt_expects_value(s);
  if (!e) e = rt_seeds_add(&r->seeds, s);
  struct rt_end end = {.argc = r->argc, .argv = r->argv, .error = e ? why : NULL};
  end.exit = e == NSL_ESTOPPED ? EXIT_INTERRUPTED : e ? EXIT_FAILED : EXIT_DONE;
  for (uint32_t i = 0; !e && i < s->n_expects; i++)
    if (!s->expects[i].holds) end.exit = EXIT_FAILED;
  int bad = rt_record_close(s);
  if (!bad) bad = rt_digests_write(s, &r->out);
  if (e == NSL_ENUMBER) rt_gather_drop(s); /* numbers that mean nothing are not drawn */
  if (!bad) bad = rt_report_write(s, &r->out, &end);
  if (!bad) bad = rt_out_commit(&r->out);
  if (bad) {
    say_error(s);
    return EXIT_FAILED;
  }
  if (!r->config.quiet) {
    rt_report_table(s, stdout);
    if (fflush(stdout) != 0) end.exit = end.exit ? end.exit : EXIT_FAILED;
    fprintf(stderr, "%s: %.12g ms of %s, %llu synapses, built in %.2f s, simulated in %.3f s; files in %s\n",
            r->program->name, (double)s->step * s->dt, s->x->name, (unsigned long long)s->n_synapses,
            s->build_s, s->simulate_s, r->out.folder);
  }
  return end.exit;
}

static int run_experiment(struct run *r, const char *folder) {
  struct rt_sim *s = &r->sim;
  s->interrupt = &interrupted;
  if (!r->config.quiet && isatty(STDERR_FILENO)) s->progress = rt_progress;
  int e = rt_out_open(&r->out, folder, r->config.force);
  if (!e) e = rt_build(s, r->config.threads);
  if (!e) e = rt_record_open(s, &r->out, r->config.csv);
  if (!e && !r->config.no_report) e = rt_gather_open(s);
  if (!e && (r->config.verify || r->config.compare)) e = rt_verify_open(s, r->config.verify, r->config.compare);
  if (e) {
    say_error(s);
    return e == NSL_ESTOPPED ? EXIT_INTERRUPTED : EXIT_FAILED;
  }
  for (uint32_t i = 0; i < s->n_warnings; i++) fprintf(stderr, "warning: %s\n", s->warnings[i]);
  e = rt_run(s, s->n_steps);
  if (e && e != NSL_ENUMBER && e != NSL_ESTOPPED) {
    say_error(s);
    return EXIT_FAILED;
  }
  return run_end(r, e);
}

/* Opens for one seed, and runs; seeds = a..b of an experiment give a folder for each. */
static int run_seed(struct run *r, const char *folder) {
  r->sim.program = r->program;
  int e = rt_open(&r->sim, &r->config), exit = EXIT_FAILED;
  if (e) {
    say_error(&r->sim);
  } else if (r->config.describe) {
    rt_describe(&r->sim, stdout);
    exit = fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
  } else {
    exit = run_experiment(r, folder);
  }
  rt_close(&r->sim);
  rt_out_drop(&r->out);
  return exit;
}

/* The seeds to run; *ret_last < *ret_first after a failure. */
static void seeds_find(struct run *r, uint64_t *ret_first, uint64_t *ret_last) {
  r->sim.program = r->program;
  *ret_first = 1;
  *ret_last = 0;
  if (rt_open(&r->sim, &r->config)) {
    say_error(&r->sim);
  } else {
    double last = r->config.has_seed ? -1 : rt_value(&r->sim, r->sim.x->seed_last, -1);
    if (last - (double)r->sim.seed >= MOST_SEEDS) {
      fprintf(stderr, "error: %s: `seeds` means %.0f runs, at most %d are done at once; run parts of it with --seed\n",
              r->sim.x->name, last - (double)r->sim.seed + 1, MOST_SEEDS);
    } else {
      *ret_first = *ret_last = r->sim.seed;
      if (last > (double)r->sim.seed) *ret_last = (uint64_t)last;
    }
  }
  rt_close(&r->sim);
}

/* All experiments, or the one that was named. */
static int describe_all(struct run *r) {
  int exit = EXIT_DONE;
  for (uint32_t i = 0; i < r->program->n_experiments && exit == EXIT_DONE; i++) {
    if (i) putchar('\n');
    r->config.experiment = r->program->experiments[i].name;
    exit = run_seed(r, "");
  }
  return exit;
}

static int run_all(struct run *r) {
  uint64_t first, last;
  char folder[4096], own[4200], other[4200];
  const char *with = r->config.compare; /* --compare: of many seeds, each with its own */
  if (r->config.describe) return r->config.experiment ? run_seed(r, "") : describe_all(r);
  seeds_find(r, &first, &last);
  if (last < first) return EXIT_FAILED;
  if (r->config.out)
    snprintf(folder, sizeof folder, "%s", r->config.out);
  else if (r->program->n_experiments > 1)
    snprintf(folder, sizeof folder, "%s.%s.out", r->program->name, r->config.experiment);
  else
    snprintf(folder, sizeof folder, "%s.out", r->program->name);
  if (first == last) return run_seed(r, folder);
  if (mkdir(folder, 0777) != 0 && access(folder, W_OK) != 0) {
    fprintf(stderr, "error: cannot make the output folder %s\n", folder);
    return EXIT_FAILED;
  }
  int exit = EXIT_DONE;
  for (uint64_t seed = first; seed <= last && exit != EXIT_INTERRUPTED; seed++) {
    r->config.has_seed = true;
    r->config.seed = seed;
    snprintf(own, sizeof own, "%s/seed-%llu", folder, (unsigned long long)seed);
    snprintf(other, sizeof other, "%s/seed-%llu", with ? with : "", (unsigned long long)seed);
    r->config.compare = with ? other : NULL;
    if (!r->config.quiet) printf("seed %llu\n", (unsigned long long)seed);
    int now = run_seed(r, own);
    exit = now ? now : exit;
  }
  if (rt_seeds_report(&r->seeds, folder, r->config.quiet ? NULL : stdout)) {
    fprintf(stderr, "%s\n", rt_error());
    exit = exit ? exit : EXIT_FAILED;
  }
  return exit;
}

int nsl_main_under(const struct nsl_program *program, int argc, char **argv, int skip) {
  struct run r = {.program = program, .argc = argc, .argv = argv};
  struct rt_mem mem = {0};
  struct signals old;
  int exit = EXIT_FAILED;
  if (rt_options_read(program, argc - skip, argv + skip, &mem, &r.config)) {
    fprintf(stderr, "%s\n", rt_error());
  } else if (r.config.help) {
    rt_help(program, stdout);
    exit = fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
  } else {
    unsigned mode = rt_float_mode_flush(); /* kernels of set-up and start run in this thread too */
    signals_take(&old);
    exit = run_all(&r);
    signals_restore(&old);
    rt_float_mode_restore(mode);
  }
  rt_mem_free(&r.seeds.mem);
  rt_mem_free(&mem);
  return exit;
}

int nsl_main(const struct nsl_program *program, int argc, char **argv) {
  return nsl_main_under(program, argc, argv, 0);
}
