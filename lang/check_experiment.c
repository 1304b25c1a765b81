/* An `experiment` block -> MExperiment: its subject with its own values, drives, records, runs,
 * expectations.
 *
 * The network is checked anew for each experiment, so that its globals have what the experiment sets as
 * their defaults. Needs the file's names declared; gives an experiment that a program can run as it
 * stands. */
#include "lang/net.h"

#include <math.h>
#include <string.h>

static const char experiment_has[] =
    "An experiment has one `network` or `neuron`, then `drive`, `record`, `run` and `expect`.";

Dim dim_time(int power) {
  Dim d = DIM_NONE;
  d.e[DIM_TIME] = (int16_t)(power * DIM_ONE);
  return d;
}

MExpr *net_time(Net *n, const Ast *ast, const char *who, bool positive) {
  Want want = {.has_dim = true, .dim = dim_time(1), .who = who};
  MExpr *e = check_expr(n->c, n->scope, ast, &want);
  Known k = net_known(n, e);
  if (!e || !k.known || k.value > 0 || (k.value == 0 && !positive)) return e;
  if (positive) diag_not_positive(n->s, ast->span, who, k.value);
  else diag_negative(n->s, ast->span, who, k.value, "ms");
  return NULL;
}

MExpr *net_phase_begin(Net *n, uint32_t at) {
  MExpr *sum = NULL;
  for (uint32_t i = 0; i < at && i < n->x->phases.n; i++) {
    MExpr *args[2] = {sum, n->x->phases.at[i].duration};
    sum = sum ? expr_call(n->c, B_ADD, args[1]->span, sum->dim, M_REAL, args, 2) : args[1];
  }
  return sum;
}

/* ---- the subject */

static bool block_is(const Checker *c, const Symbol *symbol, const char *what) {
  return symbol->kind == SYM_BLOCK &&
         strcmp(name_str(c->s, AST_AS(Block, symbol->ast)->what.name), what) == 0;
}

static Symbol *find_network(Checker *c, Scope *scope, const Ast *ref) {
  Symbol *found = NULL;
  if (ref->kind == AST_NAME) {
    Name name = AST_AS(NameRef, ref)->name.name;
    TextList words = {0};
    found = scope_find(scope, name);
    for (const Scope *at = scope; at; at = at->parent)
      for (uint32_t i = 0; i < at->symbols.n; i++)
        if (block_is(c, at->symbols.at[i], "network"))
          vec_push(c->arena, &words, name_str(c->s, at->symbols.at[i]->name));
    if (name_none(name)) return NULL;
    if (!found)
      diag_unknown_network(c->s, ref->span, name_str(c->s, name),
                           diag_nearest(name_str(c->s, name), words.at, words.n));
  } else {
    found = check_path(c, scope, ref);
  }
  if (!found || block_is(c, found, "network")) return found;
  diag_not_a_network(c->s, ref->span, name_str(c->s, found->name), symbol_kind_text(c, found), found->span,
                     block_is(c, found, "neuron"));
  return NULL;
}

Net *net_check_network(Checker *c, Scope *scope, const AstSubject *subject, MExperiment *x) {
  Symbol *network = find_network(c, scope, subject->component);
  if (network) x->subject_doc = AST_AS(Block, network->ast)->doc;
  return network ? net_check(c, network, x, &subject->settings) : NULL;
}

static Net *check_subject(Checker *c, Scope *scope, const AstBlock *block, MExperiment *x) {
  const AstSubject *subject = NULL;
  for (uint32_t i = 0; i < block->body.n; i++) {
    if (block->body.at[i]->kind != AST_SUBJECT) continue;
    if (subject) {
      diag_subject_twice(c->s, block->body.at[i]->span, subject->head.span);
      return NULL;
    }
    subject = AST_AS(Subject, block->body.at[i]);
  }
  if (!subject) {
    diag_subject_missing(c->s, block->name.span, name_str(c->s, block->name.name));
    return NULL;
  }
  if (!subject->component) return NULL;
  bool network = strcmp(name_str(c->s, subject->what.name), "network") == 0;
  return network ? net_check_network(c, scope, subject, x) : net_check_neuron(c, scope, subject, x);
}

/* ---- run */

/* Names of the methods that `run … with method = …` takes. */
static const char *const methods[] = {"exact",           "exponential_euler", "rk4", "rk45", "taylor", "rosenbrock",
                                      "backward_euler", "euler_maruyama",    "euler"};

enum { MOST_SEEDS = 10000 }; /* each makes a folder (runtime/main.c) */

static bool read_seeds(Net *n, const Ast *value, bool several) {
  double most = 9007199254740992.0;
  if (!several) {
    n->x->seed = net_count_expr(n, n->scope, value, "the seed", 0, most);
    return n->x->seed != NULL;
  }
  if (value->kind != AST_RANGE) {
    diag_seeds_form(n->s, value->span);
    return false;
  }
  n->x->seed = net_count_expr(n, n->scope, AST_AS(Range, value)->from, "the first seed", 0, most);
  n->x->seed_last = net_count_expr(n, n->scope, AST_AS(Range, value)->to, "the last seed", 0, most);
  Known a = net_known(n, n->x->seed), b = net_known(n, n->x->seed_last);
  if (a.known && b.known && b.value < a.value) diag_slice_empty(n->s, value->span, a.value, b.value);
  if (a.known && b.known && b.value - a.value >= MOST_SEEDS) diag_seeds_many(n->s, value->span, b.value - a.value + 1, MOST_SEEDS);
  return n->x->seed && n->x->seed_last;
}

/* The position of the word in `words`, or -1; `ret_text` is what stands there. */
static int word_read(Net *n, const Ast *value, const char *const *words, size_t n_words, const char **ret_text) {
  Session *s = n->s;
  *ret_text = value->kind == AST_NAME ? name_str(s, AST_AS(NameRef, value)->name.name)
                                      : source_span_text(s, value->span, s->arena);
  for (size_t i = 0; i < n_words; i++)
    if (strcmp(words[i], *ret_text) == 0) return (int)i;
  return -1;
}

static bool read_method(Net *n, const Ast *value) {
  const char *text;
  int i = word_read(n, value, methods, COUNT_OF(methods), &text);
  if (i >= 0) n->x->method = name_z(n->s, text);
  else
    diag_unknown_method(n->s, value->span, text, diag_nearest(text, methods, COUNT_OF(methods)), methods,
                        COUNT_OF(methods));
  return i >= 0;
}

static bool read_connectivity(Net *n, const Ast *value) {
  static const char *const kinds[] = {"stored", "procedural"};
  const char *text;
  int i = word_read(n, value, kinds, COUNT_OF(kinds), &text);
  if (i >= 0) n->x->connectivity = (MConnectivity)(CONNECTIVITY_CHOSEN + 1 + i);
  else diag_connectivity_form(n->s, value->span, text, diag_nearest(text, kinds, COUNT_OF(kinds)));
  return i >= 0;
}

static bool read_jumps(Net *n, const Ast *value) {
  static const char *const kinds[] = {"exact", "tau_leaping"};
  const char *text;
  int i = word_read(n, value, kinds, COUNT_OF(kinds), &text);
  n->x->leaps = i == 1;
  if (i < 0) diag_jumps_form(n->s, value->span, text, diag_nearest(text, kinds, COUNT_OF(kinds)));
  return i >= 0;
}

static bool read_coupling(Net *n, const Ast *value) {
  static const char *const kinds[] = {"held", "joint"};
  const char *text;
  int i = word_read(n, value, kinds, COUNT_OF(kinds), &text);
  n->x->joint = i == 1;
  if (i < 0) diag_coupling_form(n->s, value->span, text, diag_nearest(text, kinds, COUNT_OF(kinds)));
  return i >= 0;
}

/* A number that no param can change: the compiler builds it in. */
static bool read_tolerance(Net *n, const Ast *value) {
  Want want = {.has_dim = true, .dim = DIM_NONE, .who = "the tolerance"};
  MExpr *e = check_expr(n->c, n->scope, value, &want);
  if (!e) return false;
  Known k = known_literal(e);
  if (!k.known || !(k.value >= 1e-13 && k.value <= 0.5)) {
    diag_tolerance(n->s, value->span, k.known, k.value);
    return false;
  }
  n->x->tolerance = k.value;
  n->x->tolerance_span = value->span;
  return true;
}

static bool run_setting(Net *n, AstWord word, const Ast *value, bool fit, NetRunSeen *seen) {
  Session *s = n->s;
  static const char *const words[] = {"dt", "seed", "method", "tolerance", "seeds", "connectivity", "jumps", "coupling"};
  Span *const spans[] = {&seen->dt,        &seen->seed,  &seen->method,
                         &seen->tolerance, &seen->seeds, &seen->connectivity, &seen->jumps, &seen->coupling};
  enum { DT, SEED, METHOD, TOLERANCE, SEEDS, CONNECTIVITY, JUMPS, COUPLING };
  const char *name = name_str(s, word.name);
  size_t which = 0, n_words = fit ? SEEDS : COUNT_OF(words);
  while (which < n_words && strcmp(words[which], name) != 0) which++;
  if (which == n_words) {
    diag_unknown_run_setting(s, word.span, name, diag_nearest(name, words, n_words), fit);
    return false;
  }
  Span before = spans[which]->to ? *spans[which]
                : which == SEED  ? seen->seeds
                : which == SEEDS ? seen->seed
                                 : (Span){0, 0};
  if (before.to) {
    diag_setting_twice(s, word.span, name, before);
    return false;
  }
  *spans[which] = word.span;
  if (which == DT) n->x->dt = net_time(n, value, "dt", true);
  if (which == DT) n->dt = net_known(n, n->x->dt);
  if (which == METHOD) return read_method(n, value);
  if (which == TOLERANCE) return read_tolerance(n, value);
  if (which == CONNECTIVITY) return read_connectivity(n, value);
  if (which == JUMPS) return read_jumps(n, value);
  if (which == COUPLING) return read_coupling(n, value);
  return which == DT ? n->x->dt != NULL : read_seeds(n, value, which == SEEDS);
}

bool net_run_settings(Net *n, const AstList *settings, bool fit, NetRunSeen *seen) {
  bool good = true;
  for (uint32_t i = 0; i < settings->n; i++) {
    const Ast *st = settings->at[i];
    if (st->kind == AST_NAMED) {
      good &= run_setting(n, AST_AS(Named, st)->name, AST_AS(Named, st)->value, fit, seen);
    } else if (st->kind == AST_ASSIGN && AST_AS(Assign, st)->target->kind == AST_NAME &&
               AST_AS(Assign, st)->op == ASSIGN_SET) {
      good &=
          run_setting(n, AST_AS(NameRef, AST_AS(Assign, st)->target)->name, AST_AS(Assign, st)->value, fit, seen);
    } else {
      net_misplaced(n, st, "the settings of a run", "Settings of a run look like `dt = 0.1 ms, seed = 1`.");
      good = false;
    }
  }
  return good;
}

void net_run(Net *n, const AstRun *run, NetRunSeen *seen) {
  Session *s = n->s;
  MPhase phase = {.name = run->alias.name, .span = run->head.span};
  for (uint32_t i = 0; i < run->body.n; i++) {
    if (run->body.at[i]->kind == AST_FREEZE) net_freeze(n, AST_AS(Freeze, run->body.at[i]), &phase);
    else if (run->body.at[i]->kind != AST_DRIVE)
      net_misplaced(n, run->body.at[i], "a phase", "A phase can have drives of its own, and `freeze weight of LABEL`.");
  }
  bool good = net_run_settings(n, &run->settings, false, seen);
  if (run->duration) phase.duration = net_time(n, run->duration, "the duration", true);
  if (good && !seen->dt.to) {
    diag_dt_missing(s, run->head.span);
    seen->dt = run->head.span;
  }
  for (uint32_t i = 0; i < n->x->phases.n; i++)
    if (!name_none(phase.name) && name_eq(n->x->phases.at[i].name, phase.name))
      diag_declared_twice(s, run->alias.span, name_str(s, phase.name), n->x->phases.at[i].span);
  if (!phase.duration) return;
  uint32_t at = n->x->phases.n;
  vec_push(s->arena, &n->x->phases, phase);
  for (uint32_t i = 0; i < run->body.n; i++)
    if (run->body.at[i]->kind == AST_DRIVE)
      net_drive(n, AST_AS(Drive, run->body.at[i]), net_phase_begin(n, at), net_phase_begin(n, at + 1));
}

/* A delay is rounded to the nearest step, half up; less than one step is an error. */
void net_check_delays(Net *n) {
  for (uint32_t i = 0; n->dt.known && i < n->x->projections.n; i++) {
    const MProjection *p = n->x->projections.at[i];
    Known delay = net_known(n, p->delay);
    if (delay.known && floor(delay.value / n->dt.value + 0.5) < 1)
      diag_delay_below_step(n->s, p->delay->span, delay.value, n->dt.value, n->x->dt->span);
  }
}

/* What does not go with populations that have a step of their own. */
void net_check_steps(Net *n, bool fit) {
  for (uint32_t i = 0; i < n->x->populations.n; i++) {
    const MPopulation *p = n->x->populations.at[i];
    const char *name = name_str(n->s, p->path);
    if (p->parts <= 1 && p->every <= 1) continue;
    if (fit) diag_own_step_with(n->s, p->span, name, "fits of networks have one step for all");
    if (n->x->joint) diag_own_step_with(n->s, p->span, name, "`coupling = joint` has one step for all");
  }
}

/* ---- the block */

static void experiment_statement(Net *n, const Ast *st, NetRunSeen *seen, int pass) {
  if (st->kind == AST_SUBJECT) return;
  if (st->kind == AST_DRIVE) {
    if (pass == 0) net_drive(n, AST_AS(Drive, st), NULL, NULL);
  } else if (st->kind == AST_RUN) {
    if (pass == 0) net_run(n, AST_AS(Run, st), seen);
  } else if (st->kind == AST_RECORD) {
    if (pass == 1) net_record(n, AST_AS(Record, st));
  } else if (st->kind == AST_EXPECT) {
    if (pass == 1) net_expect(n, AST_AS(Expect, st));
  } else if (pass == 0) {
    net_misplaced(n, st, "an experiment", experiment_has);
  }
}

void check_experiment(Checker *c, Symbol *experiment) {
  const AstBlock *block = AST_AS(Block, experiment->ast);
  MExperiment *x = NEW(c->arena, MExperiment);
  NetRunSeen seen = {0};
  x->name = block->name.name;
  x->doc = block->doc;
  x->span = block->name.span;
  vec_push(c->arena, &c->model->experiments, x);
  Net *n = check_subject(c, experiment->scope, block, x);
  if (!n) return;
  if (n->neuron && x->populations.n) x->subject_doc = x->populations.at[0]->component->doc;
  for (int pass = 0; pass < 2; pass++)
    for (uint32_t i = 0; i < block->body.n; i++) experiment_statement(n, block->body.at[i], &seen, pass);
  bool runs = false;
  for (uint32_t i = 0; i < block->body.n; i++) runs |= block->body.at[i]->kind == AST_RUN;
  if (!runs) diag_run_missing(c->s, block->name.span, name_str(c->s, block->name.name));
  if (seen.coupling.to && !x->couplings.n) diag_coupling_unused(c->s, seen.coupling, name_str(c->s, block->name.name));
  net_check_delays(n);
  net_check_steps(n, false);
  net_check_feeds(n);
  net_close_signals(n);
}
