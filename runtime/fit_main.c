/* A fit from the command line: `PROG --fit NAME`, or the only one of a program that holds nothing else.
 *
 * Exit status 0 if all stages were done, 1 if not, 130 after Ctrl-C; what was found so far is written in any case, if
 * a stage has found anything. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/describe.h"
#include "runtime/error.h"
#include "runtime/fit_device.h"
#include "runtime/fit_shown.h"
#include "runtime/quantity.h"
#include "runtime/report.h"
#include "runtime/threads.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_INTERRUPTED = 130 };

const struct nsl_fit *rt_fit_named(const struct nsl_program *p, const char *name) {
  char names[600] = "";
  for (uint32_t i = 0; i < p->n_fits; i++)
    if (name ? strcmp(p->fits[i].name, name) == 0 : p->n_fits == 1) return &p->fits[i];
  for (uint32_t i = 0; i < p->n_fits && strlen(names) < 500; i++)
    snprintf(names + strlen(names), sizeof names - strlen(names), "%s%.64s", i ? ", " : "", p->fits[i].name);
  if (!p->n_fits) rt_fail(NSL_ECANNOT, "--fit %s: this program holds no fit", name ? name : "");
  else if (name) rt_fail(NSL_EINPUT, "no fit `%s`; this program holds: %s", name, names);
  else rt_fail(NSL_EINPUT, "this program holds several fits; choose one with --fit: %s", names);
  return NULL;
}

/* What says nothing to a fit is refused. */
static int options_check(const struct rt_config *c, bool network) {
  const struct {
    bool given;
    const char *name, *why;
  } all[] = {{c->has_duration && !network, "--duration", "its sweeps say how long it runs"},
             {c->experiment != NULL, "--experiment", "one of the two is run at a time"},
             {c->csv, "--csv", "a fit records nothing"},
             {c->checkpoint_s > 0 || c->checkpoint_ms > 0, "--checkpoint", "a fit keeps none"},
             {c->resume != NULL, "--resume", "a fit keeps no checkpoints"},
             {c->verify, "--verify", "it is for the run of an experiment"},
             {c->compare != NULL, "--compare", "a fit leaves no digests"},
             {c->connectivity != NSL_CONNECTIVITY_CHOSEN && !network, "--connectivity", "a fit has no synapses"}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (all[i].given) return rt_fail(NSL_ECANNOT, "%s and --fit: %s", all[i].name, all[i].why);
  return 0;
}

static int sim_open(const struct rt_fit_call *c, const struct nsl_fit *def, struct rt_sim *s) {
  s->program = c->program;
  s->allowed = c->config->allowed;
  s->n_allowed = c->config->n_allowed;
  s->interrupt = c->interrupt;
  s->x = &def->x;
  int e = rt_level_choose(s);
  return e ? e : rt_setup(s, c->config);
}

static void folder_name(const struct rt_fit_call *c, const struct nsl_fit *def, char *folder, size_t size) {
  const char *name = c->program->name;
  if (c->config->out) snprintf(folder, size, "%s", c->config->out);
  else if (c->program->n_fits + c->program->n_experiments > 1) snprintf(folder, size, "%s.%s.out", name, def->name);
  else snprintf(folder, size, "%s.out", name);
}

int rt_fit_team(struct rt_sim *s, uint32_t threads) {
  s->threads = threads ? threads : rt_processors();
  s->team = rt_team_new(s->threads, s->threads <= rt_processors());
  return s->team ? 0 : NSL_EMEMORY;
}

/* Files that the fit is as good without. */
static void missing_say(struct rt_sim *s, const char *file) {
  rt_warn(s, "no %s: %s", file, strncmp(rt_error(), "error: ", 7) == 0 ? rt_error() + 7 : rt_error());
}

static int files_write(const struct rt_fit_call *c, struct rt_fit_end *end, const struct rt_end *how, struct rt_out *out) {
  struct rt_showing showing;
  bool page = !c->config->no_report;
  int e = rt_fit_show(end, &showing), drawn = !e && page ? rt_fit_figure(end, &showing, out) : e;
  if (drawn == NSL_ECANNOT) missing_say(end->f->s, "fit.svg, no report.html"), page = false;
  else e = drawn;
  if (!e) e = rt_fit_text(end, out);
  if (e == NSL_ECANNOT) missing_say(end->f->s, "fitted .nsl"), e = 0;
  if (!e) e = rt_weights_write(end, out);
  if (!e) e = rt_fit_report(end, &showing, how, page, out);
  return e ? e : rt_out_commit(out);
}

static void say_error(struct rt_sim *s) {
  rt_progress_end(s);
  s->progress_last = 0;
  fprintf(stderr, "%s\n", rt_error());
}

static unsigned long long runs_of(const struct rt_fit *f) {
  unsigned long long n = 0;
  for (int i = 0; i < RT_ORDERS; i++) n += f->evaluations[i];
  return n;
}

/* The search, and its files whatever has come of it. */
static int fit_run(const struct rt_fit_call *c, struct rt_fit *f, struct rt_out *out) {
  struct rt_fit_end end;
  char why[1024] = "";
  struct rt_sim *s = f->s;
  if (!c->config->quiet && isatty(STDERR_FILENO)) s->progress = rt_progress;
  int e = rt_fit_run(f, &end);
  if (e) {
    snprintf(why, sizeof why, "%s", rt_error());
    say_error(s);
  }
  rt_progress_end(s);
  struct rt_end how = {.argc = c->argc, .argv = c->argv, .error = e ? why : NULL};
  how.exit = e == NSL_ESTOPPED ? EXIT_INTERRUPTED : e ? EXIT_FAILED : EXIT_DONE;
  if (!end.last) return how.exit;
  if (files_write(c, &end, &how, out)) {
    say_error(s);
    return EXIT_FAILED;
  }
  for (uint32_t i = 0; i < s->n_warnings; i++) fprintf(stderr, "warning: %s\n", s->warnings[i]);
  if (c->config->quiet) return how.exit;
  rt_fit_table(&end, stdout);
  if (fflush(stdout) != 0 && !how.exit) how.exit = EXIT_FAILED;
  fprintf(stderr, "%s: fit %s, ", c->program->name, f->def->name);
  if (f->def->network) fprintf(stderr, "%llu runs of %s", runs_of(f), f->def->x.subject);
  else fprintf(stderr, "%u sweeps", f->n_fitted);
  fprintf(stderr, ", %.2f s; files in %s\n", end.seconds, out->folder);
  return how.exit;
}

/* device: opened before recordings are read, to be closed in any case. */
static int fit_all(const struct rt_fit_call *c, struct rt_sim *s, struct rt_out *out, struct rt_fit_device **device) {
  const struct nsl_fit *def = rt_fit_named(c->program, c->config->fit);
  struct rt_fit f;
  char folder[4096];
  int e = def ? 0 : NSL_EINPUT;
  if (!e) e = options_check(c->config, def->network);
  if (!e) e = sim_open(c, def, s);
  if (!e && c->config->device) e = rt_fit_device_open(s, def, c->config, device);
  if (!e) e = rt_fit_team(s, c->config->threads);
  if (!e) e = rt_fit_open(&f, s, def);
  f.profile = c->config->profile;
  if (!e && f.profile) e = rt_profile_check(&f, f.profile);
  if (!e && *device) e = rt_fit_device_make(*device, &f);
  if (!e) folder_name(c, def, folder, sizeof folder);
  if (!e) e = rt_out_open(out, folder, c->config->force);
  if (!e) return fit_run(c, &f, out);
  say_error(s);
  return e == NSL_ESTOPPED ? EXIT_INTERRUPTED : EXIT_FAILED;
}

int rt_fit_main(const struct rt_fit_call *c) {
  struct rt_sim s = {0};
  struct rt_out out = {0};
  struct rt_fit_device *device = NULL;
  int exit = fit_all(c, &s, &out, &device);
  rt_out_drop(&out);
  rt_fit_device_close(device);
  rt_close(&s);
  return exit;
}

/* ---- --describe */

static void free_describe(const struct rt_sim *s, const struct nsl_free *def, FILE *out) {
  char value[80], lo[80], hi[80];
  if (def->n_weights) {
    fprintf(out, "  %s, of each synapse, in %s\n", def->path, def->unit);
    return;
  }
  rt_quantity_text(s->G[def->value] / def->unit_scale, def->unit, value, sizeof value);
  rt_quantity_text(rt_value(s, def->lo, 0) / def->unit_scale, def->unit, lo, sizeof lo);
  rt_quantity_text(rt_value(s, def->hi, 0) / def->unit_scale, def->unit, hi, sizeof hi);
  bool bounded = def->lo != NSL_NONE || def->hi != NSL_NONE;
  fprintf(out, "  %s = %s", def->path, value);
  if (bounded) fprintf(out, "  in [%s, %s]", def->lo == NSL_NONE ? "-inf" : lo, def->hi == NSL_NONE ? "inf" : hi);
  fprintf(out, "%s\n", def->per_sweep ? "  per sweep" : def->per_cell ? "  per cell" : "");
}

int rt_fit_describe(const struct rt_fit_call *c, const struct nsl_fit *def, FILE *out) {
  struct rt_sim s = {0};
  int e = sim_open(c, def, &s);
  if (!e) {
    fprintf(out, "fit %s of %s", def->name, def->x.subject);
    if (def->doc && *def->doc) fprintf(out, "  ## %s", def->doc);
    fprintf(out, "\n  dt = %.12g ms, seed = %llu\n", s.dt, (unsigned long long)s.seed);
    if (def->network) fprintf(out, "  runs of %.12g ms\n", s.duration);
    else fprintf(out, "sweeps\n");
    for (uint32_t i = 0; i < def->data.n_sweeps; i++) {
      const struct nsl_sweep *sweep = &def->data.sweeps[i];
      fprintf(out, "  %s%s%s%s\n", sweep->path, sweep->name && *sweep->name ? ", " : "", sweep->name ? sweep->name : "",
              sweep->validation ? "  (validation)" : "");
    }
    fprintf(out, "free\n");
    for (uint32_t i = 0; i < def->n_free; i++) free_describe(&s, &def->free[i], out);
    rt_describe_params(&s, out);
  }
  rt_close(&s);
  return e;
}
