/* The checked model as text: `nslc ir --after check`, the goldens of the checker, and what the model's hash
 * is taken over.
 *
 * All that has a meaning is printed, in coherent units with every digit, and nothing else: no places,
 * comments, documentation, or the way a number was written. So two files print alike exactly if they mean
 * the same. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lang/diag.h"
#include "lang/model.h"

typedef struct {
  Session *s; /* for texts of units: nothing of the model is changed */
  FILE *out;
} Print;

static const char *const dist_names[] = {[DIST_UNIFORM] = "uniform",
                                         [DIST_NORMAL] = "normal",
                                         [DIST_EXPONENTIAL] = "exponential",
                                         [DIST_LOGNORMAL] = "lognormal"};
static const char *const builtin_names[] = {
#define BUILTIN(id, text, arity, dims, ir, doc) [B_##id] = text,
#include "lang/builtins.def"
#undef BUILTIN
};

static const char *text_of(const Print *p, Name n) { return name_str(p->s, n); }

/* ---- values */

static void print_number(const Print *p, double x) {
  char text[40];
  if (isinf(x)) {
    fputs(x < 0 ? "-inf" : "inf", p->out);
    return;
  }
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, x);
    if (strtod(text, NULL) == x) break;
  }
  fputs(text, p->out);
}

static void print_unit(const Print *p, Dim dim) {
  if (!dim_none(dim)) fprintf(p->out, " : %s", dim_coherent_unit(p->s, dim));
}

static void print_expr(const Print *p, const MExpr *e);

static void print_args(const Print *p, const MExpr *e, uint32_t n) {
  fputc('(', p->out);
  for (uint32_t i = 0; i < n; i++) {
    if (i) fputs(", ", p->out);
    if (e->args[i]) print_expr(p, e->args[i]);
  }
  fputc(')', p->out);
}

static void print_call(const Print *p, const MExpr *e) {
  const char *name = builtin_names[e->builtin];
  bool word =
      (name[0] >= 'a' && name[0] <= 'z') && e->builtin != B_AND && e->builtin != B_OR && e->builtin != B_NOT;
  if (e->builtin == B_SELECT || e->builtin == B_NEG || word) {
    fputs(e->builtin == B_SELECT ? "select" : e->builtin == B_NEG ? "-" : name, p->out);
    print_args(p, e, e->n_args);
  } else if (e->n_args == 1) {
    fprintf(p->out, "%s ", name);
    print_expr(p, e->args[0]);
  } else {
    fputc('(', p->out);
    print_expr(p, e->args[0]);
    fprintf(p->out, " %s ", name);
    print_expr(p, e->args[1]);
    fputc(')', p->out);
  }
}

static void print_draw(const Print *p, const MExpr *e) {
  fputs(dist_names[e->dist], p->out);
  print_args(p, e, e->args[1] ? 2 : 1);
  if (e->n_args < 3 || (!e->args[2] && !e->args[3])) return;
  fputs(" within [", p->out);
  if (e->args[2]) print_expr(p, e->args[2]);
  else fputs("-inf", p->out);
  fputs(", ", p->out);
  if (e->args[3]) print_expr(p, e->args[3]);
  else fputs("inf", p->out);
  fputc(']', p->out);
}

static void print_expr(const Print *p, const MExpr *e);

static void print_column(const Print *p, const MColumn *column) {
  bool node = !name_none(column->node);
  fputs(column->values ? "column" : node ? "node." : "inside", p->out);
  if (node) fputs(name_str(p->s, column->node), p->out);
  if (column->from) {
    fputc('[', p->out);
    print_expr(p, column->from);
    fputs("..", p->out);
    print_expr(p, column->to);
    fputc(']', p->out);
  }
  if (!column->values) return;
  fputc('(', p->out);
  for (uint32_t i = 0; i < column->n; i++) {
    if (i) fputs(", ", p->out);
    print_number(p, column->values[i]);
  }
  fputc(')', p->out);
}

static void print_expr(const Print *p, const MExpr *e) {
  switch (e->kind) {
    case MX_NUM: print_number(p, e->num); return;
    case MX_VAR: fputs(text_of(p, e->var->name), p->out); return;
    case MX_ARG: fprintf(p->out, "arg%u", e->arg); return;
    case MX_GLOBAL: fputs(text_of(p, e->global->path), p->out); return;
    case MX_CALL: print_call(p, e); return;
    case MX_DRAW: print_draw(p, e); return;
    case MX_NOISE: fputs("white_noise()", p->out); return;
    case MX_TIME: fputs("t", p->out); return;
    case MX_PROCESS: fputs("process", p->out), print_args(p, e, 2); return;
    case MX_SAMPLE: fprintf(p->out, "sample%u", e->arg); return;
    case MX_COLUMN: print_column(p, e->column); return;
    case MX_PAIR: fprintf(p->out, "pair%u", e->arg); return;
    case MX_DT: fputs("dt", p->out); return;
    case MX_DELAYED:
      fputs("delayed(", p->out);
      print_expr(p, e->args[0]);
      fputs(", ", p->out);
      print_expr(p, e->args[1]);
      fputs(")", p->out);
      return;
  }
}

static void print_value(const Print *p, const char *before, const MExpr *e) {
  if (!e) return;
  fputs(before, p->out);
  print_expr(p, e);
}

static void print_domain(const Print *p, const MDomain *d) {
  if (!d->has) return;
  if (d->labels.n) {
    fputs(" in {", p->out);
    for (uint32_t i = 0; i < d->labels.n; i++)
      fprintf(p->out, "%s%s", i ? ", " : "", text_of(p, d->labels.at[i]));
    fputc('}', p->out);
    return;
  }
  fprintf(p->out, " in %c", d->open_lo ? '(' : '[');
  if (d->lo) print_expr(p, d->lo);
  else fputs("-inf", p->out);
  fputs(", ", p->out);
  if (d->hi) print_expr(p, d->hi);
  else fputs("inf", p->out);
  fputc(d->open_hi ? ')' : ']', p->out);
}

/* ---- components */

static void print_statements(const Print *p, MStmt *const *at, uint32_t n, int indent) {
  static const char *const ops[] = {
      [ASSIGN_SET] = "=", [ASSIGN_ADD] = "+=", [ASSIGN_SUB] = "-=", [ASSIGN_MUL] = "*=", [ASSIGN_DRAW] = "~"};
  for (uint32_t i = 0; i < n; i++) {
    const MStmt *st = at[i];
    fprintf(p->out, "%*s", indent, "");
    switch (st->kind) {
      case STMT_ASSIGN: fprintf(p->out, "%s %s ", text_of(p, st->var->name), ops[st->op]); break;
      case STMT_IF: fputs("if ", p->out); break;
      case STMT_HOLD: fprintf(p->out, "hold %s for ", text_of(p, st->var->name)); break;
      case STMT_SEND: fputs("send ", p->out); break;
    }
    print_expr(p, st->value);
    fputc('\n', p->out);
    if (st->kind != STMT_IF) continue;
    print_statements(p, st->then.at, st->then.n, indent + 2);
    if (st->other.n) fprintf(p->out, "%*selse\n", indent, "");
    print_statements(p, st->other.at, st->other.n, indent + 2);
  }
}

static void print_var(const Print *p, const MVar *v) {
  static const char *const kinds[] = {
      [VAR_PARAM] = "param", [VAR_STATE] = "state", [VAR_LET] = "let", [VAR_INPUT] = "input"};
  fprintf(p->out, "  %s %s", kinds[v->kind], text_of(p, v->name));
  print_unit(p, v->dim);
  print_value(p, v->draw ? " ~ " : " = ", v->value);
  print_domain(p, &v->domain);
  fputc('\n', p->out);
  if (!v->equation) return;
  fprintf(p->out, "    %s' = ", text_of(p, v->name));
  print_expr(p, v->equation);
  fputc('\n', p->out);
}

static void print_component(const Print *p, const MComponent *c) {
  static const char *const forms[] = {
      [SPIKE_WHEN] = "when", [SPIKE_PEAK] = "at peak of", [SPIKE_RATE] = "at rate"};
  fprintf(p->out, "%s %s\n", text_of(p, c->what), text_of(p, c->name));
  for (uint32_t i = 0; i < c->vars.n; i++) print_var(p, c->vars.at[i]);
  for (uint32_t i = 0; i < c->ports.n; i++) {
    const MPort *port = c->ports.at[i];
    fprintf(p->out, "  receive %s(", text_of(p, port->name));
    if (port->n_args) fputs("arg0", p->out), print_unit(p, port->arg_dim);
    fputs(")\n", p->out);
    print_statements(p, port->body.at, port->body.n, 4);
  }
  for (uint32_t i = 0; i < c->spikes.n; i++) {
    const MSpike *spike = c->spikes.at[i];
    fprintf(p->out, "  spike %s ", forms[spike->form]);
    print_expr(p, spike->cond);
    print_value(p, " above ", spike->level);
    fputc('\n', p->out);
    print_statements(p, spike->body.at, spike->body.n, 4);
  }
}

/* ---- experiments */

static void print_slice(const Print *p, const MSlice *s) {
  fputs(text_of(p, s->pop->path), p->out);
  if (!s->from) return;
  print_value(p, "[", s->from);
  print_value(p, "..", s->to);
  fputc(']', p->out);
}

static void print_global(const Print *p, const MGlobal *g) {
  fprintf(p->out, "  %s %s", g->settable ? "param" : "let", text_of(p, g->path));
  print_unit(p, g->dim);
  print_value(p, " = ", g->value);
  print_domain(p, &g->domain);
  fputc('\n', p->out);
}

static void print_population(const Print *p, const MPopulation *pop) {
  fprintf(p->out, "  population %s : %s", text_of(p, pop->path), text_of(p, pop->component->name));
  print_value(p, "[", pop->size);
  fputc(']', p->out);
  if (pop->parts > 1) fprintf(p->out, " step dt / %u", pop->parts);
  if (pop->every > 1) fprintf(p->out, " step %u * dt", pop->every);
  fputc('\n', p->out);
  for (uint32_t i = 0; i < pop->settings.n; i++) {
    const MSetting *set = &pop->settings.at[i];
    fprintf(p->out, "    %s", text_of(p, set->var->name));
    print_value(p, set->draw ? " ~ " : " = ", set->value);
    fputc('\n', p->out);
  }
}

static void print_link(const Print *p, const MExpr *weight, const MExpr *delay, const MExpr *cond) {
  print_value(p, " weight ", weight);
  print_value(p, " delay ", delay);
  print_value(p, " if ", cond);
  fputc('\n', p->out);
}

static void print_rule(const Print *p, const MProjection *j) {
  static const char *const rules[] = {
      [RULE_ALL_TO_ALL] = "all_to_all",     [RULE_ONE_TO_ONE] = "one_to_one",
      [RULE_INDEGREE] = "indegree",         [RULE_OUTDEGREE] = "outdegree",
      [RULE_TOTAL_NUMBER] = "total_number", [RULE_PROBABILITY] = "probability",
      [RULE_MATRIX] = "matrix",             [RULE_EDGES] = "edges",
      [RULE_THIRD] = "pool"};
  fprintf(p->out, " by %s", j->third && j->third->blocks ? "block" : rules[j->rule]);
  if (j->rule_arg) {
    print_value(p, "(", j->rule_arg);
    fputc(')', p->out);
  }
  if (j->third) {
    print_value(p, " share ", j->third->share);
    fprintf(p->out, " of \"%s\"", text_of(p, j->third->of->path));
  }
  if (j->chance) {
    print_value(p, "(", j->chance);
    fputc(')', p->out);
  }
  if (!name_none(j->file.path)) fprintf(p->out, " \"%s\"", text_of(p, j->file.path));
  fprintf(p->out, "%s%s", j->no_self ? ", no self" : "", j->no_multiple ? ", no multiple" : "");
  if (j->weight) print_domain(p, &j->weight_domain);
  print_link(p, j->weight, j->delay, j->cond);
}

static void print_ends(const Print *p, const MProjection *j, const char *arrow) {
  fprintf(p->out, "  connect \"%s\" ", text_of(p, j->path));
  print_slice(p, &j->source);
  fprintf(p->out, " %s ", arrow);
  print_slice(p, &j->target);
}

static void print_projection(const Print *p, const MProjection *j) {
  print_ends(p, j, "->");
  fprintf(p->out, ".%s", text_of(p, j->target.pop->component->ports.at[j->port]->name));
  print_rule(p, j);
}

static void print_coupling(const Print *p, const MCoupling *c) {
  print_ends(p, &c->link, !c->undirected ? "->" : c->reversed ? "<--" : "-->");
  fprintf(p->out, ".%s", text_of(p, c->input->name));
  print_rule(p, &c->link);
  for (uint32_t i = 0; i < c->terms.n; i++) {
    const MStreamTerm *t = &c->terms.at[i];
    print_value(p, "    flows ", t->factor);
    if (t->weighted) fputs(" weight", p->out);
    print_value(p, " pre ", t->pre);
    print_value(p, " delay ", t->delay);
    print_value(p, " post ", t->post);
    fputc('\n', p->out);
  }
}

static void print_feed(const Print *p, const MFeed *f) {
  fprintf(p->out, "  feed %s.%s with %s", text_of(p, f->to->path), text_of(p, f->input->name), f->sum ? "sum" : "mean");
  for (uint32_t i = 0; i < f->items.n; i++) {
    fputs(i ? ", " : " ", p->out);
    print_slice(p, &f->items.at[i].slice);
    fputs(": ", p->out);
    print_expr(p, f->items.at[i].value);
  }
  fputc('\n', p->out);
}

static void print_drive(const Print *p, const MDrive *d) {
  static const char *const kinds[] = {[DRIVE_POISSON] = "poisson",
                                      [DRIVE_TIMES] = "times",
                                      [DRIVE_CURRENT] = "current",
                                      [DRIVE_SPIKES] = "spikes"};
  fprintf(p->out, "  drive \"%s\" ", text_of(p, d->path));
  print_slice(p, &d->target);
  Name target = d->input ? d->input->name : d->target.pop->component->ports.at[d->port]->name;
  fprintf(p->out, ".%s with %s(", text_of(p, target), kinds[d->kind]);
  print_value(p, "", d->value);
  for (uint32_t i = 0; i < d->times.n; i++) print_value(p, i ? ", " : "", d->times.at[i]);
  for (uint32_t i = 0; i < d->weights.n; i++) print_value(p, i ? ", " : "; ", d->weights.at[i]);
  for (uint32_t i = 0; i < d->files.n; i++) {
    const MData *f = &d->files.at[i];
    fprintf(p->out, " \"%s\" %s %s", text_of(p, f->path), text_of(p, f->time), text_of(p, f->value));
  }
  fputc(')', p->out);
  print_value(p, " from ", d->from);
  print_value(p, " to ", d->to);
  print_link(p, d->weight, d->delay, d->cond);
}

static void print_record(const Print *p, const MRecord *r) {
  static const char *const kinds[] = {
      [RECORD_SPIKES] = "spikes", [RECORD_VALUE] = "value", [RECORD_SUM] = "sum", [RECORD_MEAN] = "mean",
      [RECORD_WEIGHT] = "weight"};
  fprintf(p->out, "  record %s as %s in %s", kinds[r->kind], text_of(p, r->name),
          name_none(r->unit) ? "1" : text_of(p, r->unit));
  print_value(p, " every ", r->every);
  fputc('\n', p->out);
  for (uint32_t i = 0; i < r->items.n; i++) {
    fputs("    ", p->out);
    print_slice(p, &r->items.at[i].slice);
    print_value(p, " ", r->items.at[i].value);
    fputc('\n', p->out);
  }
}

static void print_weights(const Print *p, const MExperiment *x, const MRecord *r) {
  for (uint32_t i = 0; i < r->links.n; i++) {
    const MRecorded *of = &r->links.at[i];
    const MProjection *link = of->streams ? &x->couplings.at[of->index]->link : x->projections.at[of->index];
    fprintf(p->out, "    \"%s\"%s%s\n", text_of(p, link->path), of->state ? " " : "", of->state ? text_of(p, of->state->name) : "");
  }
}

static void print_measure(const Print *p, const MMeasure *m) {
  static const char *const kinds[] = {
#define MEASURE(id, name, of, per_time, argument, doc) [MEASURE_##id] = name,
#include "lang/measures.def"
#undef MEASURE
  };
  fprintf(p->out, "  measure \"%s\" %s", text_of(p, m->global->path), kinds[m->kind]);
  for (uint32_t i = 0; i < m->items.n; i++) {
    fputc(' ', p->out);
    print_slice(p, &m->items.at[i].slice);
    print_value(p, ".", m->items.at[i].value);
  }
  print_value(p, " with ", m->argument);
  print_value(p, " after ", m->after);
  print_value(p, " until ", m->until);
  fputc('\n', p->out);
}

static void print_expect(const Print *p, const MExpect *e) {
  fputs("  expect ", p->out);
  print_expr(p, e->value);
  print_domain(p, &e->interval);
  fputc('\n', p->out);
}

static void print_steps(const Print *p, const MExperiment *x) {
  print_value(p, "  dt ", x->dt);
  print_value(p, "\n  seed ", x->seed);
  print_value(p, " to ", x->seed_last);
  if (!name_none(x->method)) fprintf(p->out, "\n  method %s", text_of(p, x->method));
  if (x->tolerance > 0) fputs("\n  tolerance ", p->out), print_number(p, x->tolerance);
  if (x->leaps) fprintf(p->out, "\n  jumps tau_leaping");
  if (x->joint) fprintf(p->out, "\n  coupling joint");
  if (x->connectivity) fprintf(p->out, "\n  connectivity %s", x->connectivity == CONNECTIVITY_STORED ? "stored" : "procedural");
  fputc('\n', p->out);
}

static void print_experiment(const Print *p, const MExperiment *x) {
  fprintf(p->out, "experiment %s of %s\n", text_of(p, x->name), text_of(p, x->subject));
  for (uint32_t i = 0; i < x->globals.n; i++) print_global(p, x->globals.at[i]);
  for (uint32_t i = 0; i < x->populations.n; i++) print_population(p, x->populations.at[i]);
  for (uint32_t i = 0; i < x->projections.n; i++) print_projection(p, x->projections.at[i]);
  for (uint32_t i = 0; i < x->couplings.n; i++) print_coupling(p, x->couplings.at[i]);
  for (uint32_t i = 0; i < x->drives.n; i++) print_drive(p, x->drives.at[i]);
  for (uint32_t i = 0; i < x->feeds.n; i++) print_feed(p, x->feeds.at[i]);
  for (uint32_t i = 0; i < x->records.n; i++) {
    print_record(p, x->records.at[i]);
    print_weights(p, x, x->records.at[i]);
  }
  for (uint32_t i = 0; i < x->phases.n; i++) {
    const MPhase *phase = &x->phases.at[i];
    fputs("  run ", p->out);
    print_expr(p, phase->duration);
    if (!name_none(phase->name)) fprintf(p->out, " as %s", text_of(p, phase->name));
    for (uint32_t k = 0; k < phase->frozen.n; k++)
      fprintf(p->out, " frozen \"%s\"", text_of(p, x->projections.at[phase->frozen.at[k]]->path));
    fputc('\n', p->out);
  }
  print_steps(p, x);
  for (uint32_t i = 0; i < x->measures.n; i++) print_measure(p, x->measures.at[i]);
  for (uint32_t i = 0; i < x->expects.n; i++) print_expect(p, x->expects.at[i]);
}

/* ---- fits */

static void print_sweeps(const Print *p, const char *word, const MSweepList *list) {
  for (uint32_t i = 0; i < list->n; i++) {
    fprintf(p->out, "    %s \"%s\"", word, text_of(p, list->at[i].path));
    if (!name_none(list->at[i].sweep)) fprintf(p->out, " \"%s\"", text_of(p, list->at[i].sweep));
    if (list->at[i].cell) fprintf(p->out, " of cell %u", list->at[i].cell + 1);
    fputc('\n', p->out);
  }
}

static void print_recording(const Print *p, const MRecording *r) {
  static const char *const forms[] = {[SWEEPS_CSV] = "csv", [SWEEPS_HDF5] = "hdf5", [SWEEPS_NWB] = "nwb"};
  fprintf(p->out, "  data %s as %s%s%s\n", text_of(p, r->name), forms[r->form], name_none(r->index) ? "" : " per ",
          text_of(p, r->index));
  if (!name_none(r->cell_index)) fprintf(p->out, "    %u cells per %s\n", r->cells, text_of(p, r->cell_index));
  for (uint32_t i = 0; i < r->columns.n; i++) {
    const MSweepColumn *column = &r->columns.at[i];
    fprintf(p->out, "    %s %s", column->time ? "times" : "column", text_of(p, column->name));
    print_unit(p, column->dim);
    fputs(" of ", p->out);
    print_number(p, column->unit_scale);
    fputc('\n', p->out);
  }
  for (uint32_t i = 0; i < r->events.n; i++) {
    const MSweepEvents *e = &r->events.at[i];
    fprintf(p->out, "    events %s ", text_of(p, e->name));
    if (e->crossings) fprintf(p->out, "where sample%u rises through ", e->column);
    else fputs("times of ", p->out);
    print_number(p, e->crossings ? e->level : e->unit_scale);
    fputc('\n', p->out);
  }
  print_sweeps(p, "sweep", &r->sweeps);
  print_sweeps(p, "validate", &r->validation);
}

static void print_course(const Print *p, const MTerm *t) {
  print_value(p, " ", t->value);
  print_value(p, " given ", t->given);
  if (!t->given) fputs(" given ", p->out), print_number(p, t->number);
  fputs(" level ", p->out), print_number(p, t->level);
  fputs(" smooth ", p->out), print_number(p, t->smooth);
}

static void print_term(const Print *p, const MTerm *t) {
  static const char *const features[] = {
#define FEATURE(id, word, takes, moves, counts, doc) [FEATURE_##id] = word,
#include "lang/features.def"
#undef FEATURE
  };
  fprintf(p->out, "    %s", text_of(p, t->global->path));
  print_unit(p, t->global->dim);
  if (t->kind == TERM_RESIDUAL) {
    fprintf(p->out, " residual of %s given sample%u", text_of(p, t->state->name), t->column);
    print_value(p, " over ", t->over);
  }
  if (t->kind == TERM_FEATURE) fprintf(p->out, " %s of", features[t->feature]);
  if (term_is_course(t)) print_course(p, t);
  else if (t->kind == TERM_FEATURE) fprintf(p->out, " spikes given events%u tau ", t->events), print_number(p, t->tau);
  if (t->kind == TERM_LOGLIK) fprintf(p->out, " loglik of spikes given events%u", t->events);
  if (t->kind == TERM_CONSTRAINT) {
    print_value(p, " constraint of ", t->value);
    fputs(" in [", p->out), print_number(p, t->lo), fputs(", ", p->out), print_number(p, t->hi);
    fputs("] by ", p->out), print_number(p, t->scale);
    if (t->state) fprintf(p->out, " along %s", text_of(p, t->state->name));
  } else if (t->kind != TERM_FEATURE) {
    print_value(p, " mean of ", t->value);
  }
  print_value(p, " square of ", t->root);
  print_value(p, " after ", t->from);
  print_value(p, " until ", t->to);
  print_value(p, " except ", t->around[0]);
  print_value(p, " to ", t->around[1]);
  if (t->around[0]) fprintf(p->out, " around events%u", t->except);
  fputc('\n', p->out);
}

static void print_stage(const Print *p, const MStage *stage) {
  static const char *const optimizers[] = {
#define OPTIMIZER(id, name, squares, doc) [OPTIMIZER_##id] = name,
#define OPTION(id, name, least, most, given, doc)
#include "lang/optimizers.def"
#undef OPTIMIZER
#undef OPTION
  };
  fprintf(p->out, "  stage %s\n", text_of(p, stage->name));
  for (uint32_t i = 0; i < stage->terms.n; i++) print_term(p, stage->terms.at[i]);
  for (uint32_t i = 0; i < stage->forces.n; i++) {
    const MForce *force = &stage->forces.at[i];
    fprintf(p->out, "    force %s towards sample%u", text_of(p, force->state->name), force->column);
    print_value(p, " at ", force->rate);
    fputc('\n', p->out);
  }
  for (uint32_t i = 0; i < stage->searched.n; i++) fprintf(p->out, "    free%u\n", stage->searched.at[i]);
  print_value(p, "    minimize ", stage->objective);
  fprintf(p->out, "\n    by %s", optimizers[stage->by]);
  for (uint32_t i = 0; i < stage->options.n; i++) {
    fprintf(p->out, " %s ", text_of(p, stage->options.at[i].name));
    print_number(p, stage->options.at[i].value);
  }
  if (stage->starts) fprintf(p->out, " from %u", stage->starts);
  fputc('\n', p->out);
}

static void print_spikes(const Print *p, const MFitSpikes *f) {
  static const char *const shapes[] = {
#define SURROGATE(id, word, doc, step) [SURROGATE_##id] = word,
#include "lang/surrogates.def"
#undef SURROGATE
  };
  if (f->gradient == SPIKES_LOCATED) fputs("  spikes located\n", p->out);
  if (f->gradient != SPIKES_SURROGATE) return;
  fprintf(p->out, "  spikes %s", shapes[f->shape]);
  print_value(p, " over ", f->width);
  fputs(f->detached ? ", reset detached\n" : "\n", p->out);
}

static void print_fit(const Print *p, const MFit *f) {
  static const char *const gradients[] = {[GRADIENT_CHOSEN] = "", [GRADIENT_FORWARD] = "forward", [GRADIENT_REVERSE] = "reverse"};
  const MExperiment *x = f->x;
  fprintf(p->out, "fit %s of %s\n", text_of(p, f->name), text_of(p, x->subject));
  for (uint32_t i = 0; i < x->populations.n; i++) print_population(p, x->populations.at[i]);
  print_recording(p, &f->data);
  for (uint32_t i = 0; i < f->drives.n; i++) {
    const MFitDrive *d = &f->drives.at[i];
    fprintf(p->out, "  drive %s with ", text_of(p, d->input->name));
    if (d->value) print_expr(p, d->value);
    if (d->column != UINT32_MAX) fprintf(p->out, "sample%u", d->column);
    print_value(p, d->column != UINT32_MAX ? " + " : "", d->field);
    fputc('\n', p->out);
  }
  if (f->spikes != MODEL_NO_EVENTS) fprintf(p->out, "  drive spikes with events%d\n", f->spikes);
  for (uint32_t i = 0; i < f->free.n; i++) {
    fprintf(p->out, "  free %s", text_of(p, f->free.at[i].path));
    print_domain(p, &f->free.at[i].domain);
    print_value(p, " mean ", f->free.at[i].mean);
    print_value(p, " sd ", f->free.at[i].sd);
    fputs(f->free.at[i].per_sweep ? " per sweep\n" : f->free.at[i].per_cell ? " per cell\n" : "\n", p->out);
  }
  for (uint32_t i = 0; i < f->stages.n; i++) print_stage(p, f->stages.at[i]);
  if (f->gradient) fprintf(p->out, "  gradient %s\n", gradients[f->gradient]);
  print_spikes(p, &f->own_spikes);
  print_steps(p, x);
}

/* ---- the model */

typedef VEC(const MComponent *) ComponentList;

static void list_component(const Print *p, ComponentList *list, const MComponent *c) {
  for (uint32_t i = 0; i < list->n; i++)
    if (list->at[i] == c) return;
  vec_push(p->s->arena, list, c);
}

void model_print(const Session *s, const Model *m, FILE *out) {
  Print p = {(Session *)s, out};
  ComponentList components = {0};
  for (uint32_t i = 0; i < m->components.n; i++) list_component(&p, &components, m->components.at[i]);
  for (uint32_t i = 0; i < m->experiments.n; i++)
    for (uint32_t k = 0; k < m->experiments.at[i]->populations.n; k++)
      list_component(&p, &components, m->experiments.at[i]->populations.at[k]->component);
  for (uint32_t i = 0; i < m->fits.n; i++)
    for (uint32_t k = 0; k < m->fits.at[i]->x->populations.n; k++)
      list_component(&p, &components, m->fits.at[i]->x->populations.at[k]->component);
  for (uint32_t i = 0; i < components.n; i++) print_component(&p, components.at[i]);
  for (uint32_t i = 0; i < m->experiments.n; i++) print_experiment(&p, m->experiments.at[i]);
  for (uint32_t i = 0; i < m->fits.n; i++) print_fit(&p, m->fits.at[i]);
}

/* FNV-1a over the bytes: not against an adversary, only to tell models apart. */
uint64_t model_hash_bytes(const char *bytes, size_t n) {
  uint64_t h = 14695981039346656037u;
  for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)bytes[i]) * 1099511628211u;
  return h;
}
