/* What the compiler has chosen, and why, for `nslc explain`: for each class the integrator of every state,
 * ports, holds, the work of one step and what was hoisted out of it; for each population its size and memory;
 * for each projection its rule, the number of synapses that it comes to and how they are stored. Sizes are
 * those of the default parameters: the setup kernel is evaluated. Text for people, or one JSON object a line;
 * both are written from the same facts. */
#include <math.h>
#include <string.h>

#include "ir/explain.h"
#include "lang/session.h"


/* ---- one fact: a row of JSON fields, or nothing in text form */

void fact_begin(Explain *e, const char *fact) { fprintf(e->out, "{\"fact\":\"%s\"", fact); }
void fact_text(Explain *e, const char *key, const char *value) {
  fprintf(e->out, ",\"%s\":", key);
  text_json(e->out, value);
}
void fact_number(Explain *e, const char *key, double value) {
  if (isfinite(value)) fprintf(e->out, ",\"%s\":%.17g", key, value);
  else fprintf(e->out, ",\"%s\":null", key);
}
void fact_end(Explain *e) { fputs("}\n", e->out); }

static const char *str(const Explain *e, Name n) { return name_str(e->s, n); }

/* 12345678 as "12,345,678" */
const char *fact_grouped(Explain *e, double value) {
  if (!isfinite(value) || fabs(value) > 1e15) return "?";
  char *plain = arena_printf(e->s->arena, "%.0f", value), *r = arena_text(e->s->arena, "", 0);
  size_t n = strlen(plain);
  for (size_t i = 0; i < n; i++)
    r = arena_printf(e->s->arena, "%s%s%c", r, i && (n - i) % 3 == 0 ? "," : "", plain[i]);
  return r;
}

const char *fact_memory(Explain *e, double bytes) {
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t u = 0;
  while (u + 1 < COUNT_OF(units) && bytes >= 1024) bytes /= 1024, u++;
  return isfinite(bytes) ? arena_printf(e->s->arena, u ? "%.1f %s" : "%.0f %s", bytes, units[u]) : "?";
}

/* ---- classes */

static void explain_states(Explain *e, const IrClass *c) {
  for (uint32_t i = 0; i < c->states.n; i++) {
    const IrState *st = &c->states.at[i];
    if (st->counter || !name_none(st->failure)) continue; /* of the compiler */
    if (e->json) {
      fact_begin(e, "state");
      fact_text(e, "class", str(e, c->name));
      fact_text(e, "state", str(e, st->var->name));
      fact_text(e, "method", str(e, st->method));
      fact_text(e, "reason", str(e, st->reason));
      fact_end(e);
    } else {
      fprintf(e->out, "  state %-10s %-18s %s\n", str(e, st->var->name), str(e, st->method),
              str(e, st->reason));
    }
  }
}

static const char *law_text(Explain *e, const IrClass *c, const IrLaw *law) {
  const char *sum = "";
  for (uint32_t i = 0; i < law->members.n; i++) {
    const IrLawMember *m = &law->members.at[i];
    const char *sign = m->weight < 0 ? (i ? " - " : "-") : i ? " + " : "";
    const char *factor = m->weight == 1 || m->weight == -1 ? "" : arena_printf(e->s->arena, "%d * ", m->weight < 0 ? -m->weight : m->weight);
    sum = arena_printf(e->s->arena, "%s%s%s%s", sum, sign, factor, str(e, c->states.at[m->state].var->name));
  }
  return sum;
}

/* Why the law is kept to the last digit, or how far it is. */
static const char *law_reason(Explain *e, const IrClass *c, const IrLaw *law) {
  if (law->used)
    return arena_printf(e->s->arena, "to the last digit: %s is what the others leave of it", str(e, c->states.at[law->dependent].var->name));
  if (c->states.at[law->members.at[0].state].var->counts) return "exactly: its members are whole numbers";
  return "but for the rounding of each step";
}

static void explain_laws(Explain *e, const IrClass *c) {
  for (uint32_t i = 0; i < c->laws.n; i++) {
    const IrLaw *law = &c->laws.at[i];
    const char *what = law_text(e, c, law), *reason = law_reason(e, c, law);
    if (e->json) {
      fact_begin(e, "law");
      fact_text(e, "class", str(e, c->name));
      fact_text(e, "constant", what);
      fact_text(e, "dependent", law->used ? str(e, c->states.at[law->dependent].var->name) : "");
      fact_text(e, "reason", reason);
      fact_end(e);
    } else {
      fprintf(e->out, "  conserved by the reactions: %s, %s\n", what, reason);
    }
  }
}

static void explain_params(Explain *e, const IrClass *c) {
  for (uint32_t i = 0; i < c->elem_params.n; i++) {
    const char *why = "one value for each element: it is drawn, from a file, or depends on one that is";
    if (e->json) {
      fact_begin(e, "param");
      fact_text(e, "class", str(e, c->name));
      fact_text(e, "param", str(e, c->elem_params.at[i]->name));
      fact_text(e, "reason", why);
      fact_end(e);
    } else {
      fprintf(e->out, "  param %-10s %-18s %s\n", str(e, c->elem_params.at[i]->name), "per element", why);
    }
  }
}

static void explain_pasts(Explain *e, const IrClass *c) {
  const char *why = "its value at every step is kept for as long as the delay; equations see the mean over the step";
  for (uint32_t i = 0; i < c->pasts.n; i++) {
    const char *what = str(e, c->pasts.at[i].name);
    if (e->json) {
      fact_begin(e, "delayed");
      fact_text(e, "class", str(e, c->name));
      fact_text(e, "value", what);
      fact_text(e, "reason", why);
      fact_end(e);
    } else {
      fprintf(e->out, "  %-16s %-18s %s\n", what, "ring of the past", why);
    }
  }
}

static void explain_ports(Explain *e, const IrClass *c) {
  for (uint32_t i = 0; i < c->ports.n; i++) {
    bool straight = c->ports.at[i].straight != IR_NONE;
    const char *why = str(e, c->ports.at[i].reason);
    const char *how = straight ? "no accumulator" : c->ports.at[i].additive ? "summed per step" : "each event";
    if (straight)
      why = arena_printf(e->s->arena, "all weights are equal and only %s reads them: each event adds to it",
                         str(e, c->states.at[c->ports.at[i].straight].var->name));
    if (e->json) {
      fact_begin(e, "port");
      fact_text(e, "class", str(e, c->name));
      fact_text(e, "port", str(e, c->ports.at[i].port->name));
      fact_text(e, "method", how);
      fact_text(e, "reason", why);
      fact_end(e);
    } else {
      fprintf(e->out, "  port  %-10s %-18s %s\n", str(e, c->ports.at[i].port->name), how, why);
    }
  }
}

static const char *names_of(Explain *e, const IrClass *c, bool kept) {
  const char *all = "";
  for (uint32_t i = 0; i < c->lumped_states.n; i++) {
    const IrPair *pair = &c->lumped_states.at[i];
    all = arena_printf(e->s->arena, "%s%s%s", all, i ? ", " : "",
                       str(e, c->states.at[kept ? pair->kept : pair->gone].var->name));
  }
  return all;
}

/* States that a run may advance as their sum. */
static void explain_lumped(Explain *e, const IrClass *c) {
  if (!c->lumped) return;
  const char *gone = names_of(e, c, false), *into = arena_printf(e->s->arena, "added to %s", names_of(e, c, true));
  const char *why = c->lumped_equal.n ? "in runs whose parameters give both the same equations: one state and one port for both"
                                      : "both have the same equations: one state and one port for both";
  if (e->json) {
    fact_begin(e, "lumped");
    fact_text(e, "class", str(e, c->name));
    fact_text(e, "states", gone);
    fact_text(e, "method", into);
    fact_text(e, "reason", why);
    fact_end(e);
  } else {
    fprintf(e->out, "  %-16s %-18s %s\n", gone, into, why);
  }
}

static void explain_holds(Explain *e, const IrClass *c, double *u) {
  for (uint32_t i = 0; i < c->holds.n; i++) {
    const IrHold *h = &c->holds.at[i];
    bool counted = h->left != IR_NONE;
    double steps = u && !counted ? u[h->steps_u] : NAN;
    const char *how = counted ? "steps left are counted for each element" : "kept as spike masks, no counter";
    const char *name = str(e, c->states.at[h->states.at[0]].var->name);
    if (e->json) {
      fact_begin(e, "hold");
      fact_text(e, "class", str(e, c->name));
      fact_text(e, "state", name);
      fact_number(e, "steps", steps);
      fact_text(e, "method", how);
      fact_end(e);
    } else {
      const char *n = counted ? "each its own" : arena_printf(e->s->arena, "%s steps", fact_grouped(e, steps));
      fprintf(e->out, "  hold  %-10s %-18s no equation or handler changes it; %s\n", name, n, how);
    }
  }
}

typedef struct {
  uint32_t functions, divisions, draws, others;
  uint32_t turn_functions, turn_divisions, turn_others; /* in each turn of a loop */
} Work;

static Work work_of(Work w, const IrKernel *k) {
  bool turn = false;
  for (uint32_t i = 0; k && i < k->ins.n; i++) {
    const IrIns *ins = &k->ins.at[i];
    turn = (turn && ins->op != IR_AGAIN) || ins->op == IR_LOOP;
    if (ir_ops[ins->op].flags & IRF_CONTROL) continue;
    bool moves = ins->op == IR_CONST || ins->op == IR_LOAD || ins->op == IR_STORE || ins->op == IR_DT ||
                 ins->op == IR_TIME;
    if (ir_ops[ins->op].flags & IRF_DRAW) w.draws++;
    else if (ins->op == IR_DIV || ins->op == IR_SQRT) turn ? w.turn_divisions++ : w.divisions++;
    else if (ir_ops[ins->op].ulp && ins->op != IR_TAKE) turn ? w.turn_functions++ : w.functions++;
    else if (!moves) turn ? w.turn_others++ : w.others++;
  }
  return w;
}

static uint32_t hoisted(const Explain *e, const IrClass *c) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < c->uniforms.n; i++) n += !strncmp(str(e, c->uniforms.at[i].name), "%k", 2);
  return n;
}

static void explain_events(Explain *e, const IrClass *c) {
  for (uint32_t i = 0; i < c->receive.n; i++) {
    if (!c->receive.at[i]) continue;
    Work w = work_of((Work){0}, c->receive.at[i]);
    if (e->json) {
      fact_begin(e, "event");
      fact_text(e, "class", str(e, c->name));
      fact_text(e, "port", str(e, c->ports.at[i].port->name));
      fact_number(e, "functions", w.functions);
      fact_number(e, "divisions", w.divisions);
      fact_number(e, "draws", w.draws);
      fact_number(e, "others", w.others);
      fact_end(e);
    } else {
      fprintf(e->out, "  one event at %s: %u exp and the like, %u divisions, %u random numbers, %u others\n",
              str(e, c->ports.at[i].port->name), w.functions, w.divisions, w.draws, w.others);
    }
  }
}

static void explain_work(Explain *e, const IrClass *c) {
  Work w = work_of(work_of((Work){0}, c->step), c->finish);
  uint32_t n = hoisted(e, c);
  if (e->json) {
    fact_begin(e, "work");
    fact_text(e, "class", str(e, c->name));
    fact_number(e, "functions", w.functions);
    fact_number(e, "divisions", w.divisions);
    fact_number(e, "draws", w.draws);
    fact_number(e, "others", w.others);
    if (w.turn_others) {
      fact_number(e, "turn_functions", w.turn_functions);
      fact_number(e, "turn_divisions", w.turn_divisions);
      fact_number(e, "turn_others", w.turn_others);
    }
    fact_number(e, "hoisted", n);
    fact_end(e);
    return;
  }
  fprintf(
      e->out,
      "  one step of one element: %u exp and the like, %u divisions, %u random numbers, %u others\n",
      w.functions, w.divisions, w.draws, w.others);
  if (w.turn_others)
    fprintf(e->out, "  and for each step of the method within it: %u exp and the like, %u divisions, %u others\n",
            w.turn_functions, w.turn_divisions, w.turn_others);
  fprintf(e->out,
          "  computed once for each parameter set, in float64: %u values (propagators, reciprocals, …)\n", n);
}

/* In a float64 program. Masks: holds, the spike condition before, the spikes. */
static double bytes_per_element(const IrClass *c) {
  uint32_t reals = c->states.n + c->elem_params.n + c->inputs.n + c->ports.n;
  return 8.0 * reals + (c->holds.n + c->has_prev + c->has_spike) / 8.0;
}

/* Whether blocks of cells at rest are passed over. */
static void explain_rest(Explain *e, const IrClass *c) {
  const char *why = ir_never_rests(c);
  if (!c->step) return;
  if (e->json) {
    fact_begin(e, "rest");
    fact_text(e, "class", str(e, c->name));
    fact_text(e, "method", why ? "none" : "passed over");
    fact_text(e, "reason", why ? why : "a step depends on states, inputs and arrivals alone");
    fact_end(e);
  } else if (why) {
    fprintf(e->out, "  every cell is computed in every step: %s\n", why);
  } else {
    fprintf(e->out, "  cells in which a step changes no bit are passed over until something arrives\n");
  }
}

double *explain_uniforms(Explain *e, const IrPopulation *p) {
  const IrClass *c = p->class;
  double *u = NEW_ARRAY(e->s->arena, double, c->uniforms.n + 1);
  memcpy(u, e->g + p->block, c->uniforms.n * sizeof *u);
  IrEnv env = {.u = u, .dt = ir_own_step(p->pop, e->g[e->x->dt])};
  if (c->derive) ir_eval(c->derive, &env);
  return u;
}

static void explain_class(Explain *e, const IrClass *c) {
  const IrPopulation *first = NULL;
  if (!e->json) fprintf(e->out, "\n%s %s\n", str(e, c->component->what), str(e, c->name));
  for (uint32_t i = 0; e->x && i < e->x->populations.n && !first; i++)
    if (e->x->populations.at[i].class == c) first = &e->x->populations.at[i];
  double *u = first && c->derive ? explain_uniforms(e, first) : NULL;
  explain_states(e, c);
  explain_laws(e, c);
  explain_params(e, c);
  explain_pasts(e, c);
  explain_ports(e, c);
  explain_lumped(e, c);
  explain_holds(e, c, u);
  if (!c->synaptic) explain_work(e, c);
  if (!c->synaptic && !c->component->gated) explain_rest(e, c);
  explain_events(e, c);
}

/* ---- an experiment */

static double global(const Explain *e, uint32_t slot) { return slot == IR_NONE ? NAN : e->g[slot]; }

static void explain_population(Explain *e, const IrPopulation *p) {
  double size = global(e, p->size), bytes = bytes_per_element(p->class);
  if (e->json) {
    fact_begin(e, "population");
    fact_text(e, "experiment", str(e, e->x->experiment->name));
    fact_text(e, "population", str(e, p->pop->path));
    fact_text(e, "class", str(e, p->class->name));
    fact_number(e, "size", size);
    fact_number(e, "bytes_per_element", bytes);
    fact_number(e, "step", ir_own_step(p->pop, global(e, e->x->dt)));
    fact_end(e);
  } else {
    fprintf(e->out, "  %-14s %s x %s, %.4g bytes each, %s\n", str(e, p->pop->path), fact_grouped(e, size),
            str(e, p->class->name), bytes, fact_memory(e, bytes * size));
    if (p->pop->parts > 1)
      fprintf(e->out, "    %u steps of %g ms in each of the run's; what flows and arrives stays on the run's grid\n", p->pop->parts,
              ir_own_step(p->pop, global(e, e->x->dt)));
    if (p->pop->every > 1)
      fprintf(e->out, "    one step of %g ms for %u of the run's: what arrives waits for its end, inputs are means over it\n",
              ir_own_step(p->pop, global(e, e->x->dt)), p->pop->every);
  }
}

static double slice_size(const Explain *e, const IrSlice *s) {
  if (s->from != IR_NONE && s->to != IR_NONE) return global(e, s->to) - global(e, s->from) + 1;
  return global(e, e->x->populations.at[s->pop].size);
}

double explain_synapses(const Explain *e, const IrProjection *p) {
  double from = slice_size(e, &p->source), to = slice_size(e, &p->target), n = global(e, p->rule_arg);
  if (p->cond != IR_NONE && global(e, p->cond) == 0) return 0;
  bool numbered = p->proj->rule == RULE_INDEGREE || p->proj->rule == RULE_OUTDEGREE || p->proj->rule == RULE_TOTAL_NUMBER;
  if (p->chance && !numbered) return NAN;
  switch (p->proj->rule) {
    case RULE_ALL_TO_ALL: return from * to;
    case RULE_ONE_TO_ONE: return from;
    case RULE_INDEGREE: return n * to;
    case RULE_OUTDEGREE: return n * from;
    case RULE_TOTAL_NUMBER: return n;
    case RULE_PROBABILITY: return n * from * to;
    case RULE_THIRD: return explain_synapses(e, &e->x->projections.at[p->proj->third->of->index]) * (p->share == IR_NONE ? 1 : global(e, p->share));
    case RULE_EDGES:
    case RULE_MATRIX: return NAN; /* the file's, which is read when the program starts */
  }
  return NAN;
}

static const char *rule_text(Explain *e, const IrProjection *p) {
  static const char *const rules[] = {
      [RULE_ALL_TO_ALL] = "all_to_all",     [RULE_ONE_TO_ONE] = "one_to_one",
      [RULE_INDEGREE] = "indegree",         [RULE_OUTDEGREE] = "outdegree",
      [RULE_TOTAL_NUMBER] = "total_number", [RULE_PROBABILITY] = "probability",
      [RULE_MATRIX] = "matrix",             [RULE_EDGES] = "edges",
      [RULE_THIRD] = "pool"};
  const char *rule = rules[p->proj->rule];
  if (p->proj->third && p->proj->third->blocks) rule = "block";
  if (!name_none(p->proj->file.path)) return arena_printf(e->s->arena, "%s(\"%s\")", rule, str(e, p->proj->file.path));
  return p->rule_arg == IR_NONE ? rule : arena_printf(e->s->arena, "%s(%.6g)", rule, global(e, p->rule_arg));
}

/* What synapses with memory see of their third parts, "G.h, G.x"; NULL: nothing. */
static const char *third_text(Explain *e, const IrProjection *p) {
  const IrPopulation *of = &e->x->populations.at[p->third ? p->third->source.pop : p->target.pop];
  const char *text = NULL;
  for (uint32_t i = 0; i < p->seen.n; i++) {
    if (p->seen.at[i].side != SIDE_THIRD || p->seen.at[i].outer == IR_NONE) continue;
    const char *one = arena_printf(e->s->arena, "%s.%s", str(e, of->pop->path), str(e, of->class->states.at[p->seen.at[i].outer].var->name));
    text = text ? arena_printf(e->s->arena, "%s, %s", text, one) : one;
  }
  return text;
}

/* Of a synapse with memory: its target and its third part, its number where it sends to a handler that does more than add, its own states and
 * drawn params. */
static double memory_bytes(const IrClass *c, bool third) {
  double n = c->elem_params.n;
  for (uint32_t i = 0; i < c->states.n; i++) n += c->states.at[i].var->per == PER_ELEMENT;
  return 4 + (c->component->apart ? 4 : 0) + (third ? 4 : 0) + 8 * n;
}

static const char *memory_format(const IrClass *c) {
  bool follows = false;
  for (uint32_t i = 0; i < c->states.n; i++) follows |= c->states.at[i].var->per == PER_SIGNAL;
  if (follows) return "synapses with memory, float32: half of it; each is advanced from event to event, also those of signals";
  return c->stepped ? "synapses with memory, float32: half of it; each is advanced in every step"
                    : "synapses with memory, float32: half of it; each is advanced from event to event";
}

static void explain_projection(Explain *e, const IrProjection *p, double *total) {
  bool drawn = p->weight_kernel != NULL;
  const char *third = NULL;
  bool apart = !e->x->populations.at[p->target.pop].class->ports.at[p->proj->port].additive;
  double n = explain_synapses(e, p), each = apart ? 16 : drawn ? 6 : 2;
  const char *format = apart   ? "16-bit target, place in the row, weight in float64"
                       : drawn ? "16-bit target and 32-bit weight; float32: 16-bit weight"
                               : "16-bit target, one weight for all";
  if (p->cells != IR_NONE) {
    third = third_text(e, p);
    each = memory_bytes(e->x->synapses.at[p->cells].class, third);
    format = memory_format(e->x->synapses.at[p->cells].class);
  }
  if (!isnan(n)) *total += n * each;
  if (e->json) {
    fact_begin(e, "projection");
    fact_text(e, "experiment", str(e, e->x->experiment->name));
    fact_text(e, "projection", str(e, p->proj->path));
    fact_text(e, "rule", rule_text(e, p));
    fact_number(e, "synapses", n);
    fact_number(e, "bytes_per_synapse", each);
    fact_text(e, "format", format);
    fact_text(e, "delays", p->delay_kernel ? "drawn" : "one for all");
    if (third) fact_text(e, "reads", third);
    fact_end(e);
  } else {
    fprintf(e->out, "  %-24s %s: %s synapses, %.0f bytes each (%s), delays %s\n", str(e, p->proj->path),
            rule_text(e, p), p->chance && isnan(n) ? "pair by pair, as many" : isnan(n) ? "the file's" : arena_printf(e->s->arena, "about %s", fact_grouped(e, n)), each, format,
            p->delay_kernel ? "drawn, in buckets by step" : "one for all");
    if (third) fprintf(e->out, "  %-24s reads %s of its third part, as the step before has left it\n", "", third);
  }
}

bool explain_summed(const IrCoupling *c) {
  const MCoupling *m = c->coupling;
  bool delayed = false, drawn = c->link.weight_kernel != NULL;
  for (uint32_t i = 0; i < c->terms.n; i++) {
    delayed |= c->terms.at[i].delayed;
    drawn |= c->terms.at[i].delay_kernel != NULL;
  }
  bool own = m->link.no_self || m->once, parts = m->once && (m->link.source.from || m->link.target.from);
  return m->link.rule == RULE_ALL_TO_ALL && !drawn && !c->flow && !(own && delayed) && !parts;
}

/* How a continuous synapse is computed: all sources in one sum, or synapse by synapse. */
static void explain_coupling(Explain *e, const IrCoupling *c) {
  const MCoupling *m = c->coupling;
  bool delayed = false;
  for (uint32_t i = 0; i < c->terms.n; i++) delayed |= c->terms.at[i].delayed;
  bool parts = m->once && (m->link.source.from || m->link.target.from), summed = explain_summed(c);
  const MExperiment *x = e->x->experiment;
  const char *held = x->joint ? arena_printf(e->s->arena, "solved jointly: what flows is the mean of T - dt and T, second order, to a tolerance of %g",
                                             x->tolerance > 0 ? x->tolerance : IR_JOINT_TOLERANCE)
                              : "both sides are those at T - dt, held over the step: first order";
  const char *seen = delayed ? "delayed values are those at the middle of the step, between grid points" : held;
  const char *how = c->flow  ? "each has states of its own, stepped in every step by their cells as they are at T - dt"
                    : summed ? "one sum over the sources serves all targets" : "synapse by synapse, in the order of the rows";
  double n = explain_synapses(e, &c->link), from = slice_size(e, &c->link.source);
  if (m->once && !parts && (m->link.rule == RULE_ALL_TO_ALL || m->link.rule == RULE_PROBABILITY)) n *= (from - 1) / from / 2; /* each pair once */
  if (e->json) {
    fact_begin(e, "coupling");
    fact_text(e, "experiment", str(e, e->x->experiment->name));
    fact_text(e, "coupling", str(e, m->link.path));
    fact_text(e, "rule", rule_text(e, &c->link));
    fact_text(e, "direction", m->reversed ? "back" : "forth");
    fact_number(e, "synapses", n);
    fact_number(e, "products", c->terms.n);
    fact_text(e, "values", seen);
    fact_text(e, "method", how);
    fact_end(e);
  } else if (c->flow) {
    fprintf(e->out, "  %-24s %s: about %s continuous synapses with states; %s;\n  %-24s %s\n", str(e, m->link.path), rule_text(e, &c->link), fact_grouped(e, n), how, "", seen);
  } else {
    fprintf(e->out, "  %-24s %s%s: about %s continuous synapses of %u products; %s;\n  %-24s %s\n", str(e, m->link.path),
            rule_text(e, &c->link), m->reversed ? ", back" : "", fact_grouped(e, n), c->terms.n, how, "", seen);
  }
}

static bool any_drawn(const IrExperiment *x) {
  for (uint32_t i = 0; i < x->projections.n; i++)
    if (x->projections.at[i].weight_kernel) return true;
  return false;
}

/* Whether synapses are stored: what the run asks for, and what each way takes. Memory is known to the runtime alone. */
static void explain_connectivity(Explain *e, double total) {
  static const char *const asked[] = {[CONNECTIVITY_CHOSEN] = "chosen", [CONNECTIVITY_STORED] = "stored",
                                      [CONNECTIVITY_PROCEDURAL] = "procedural"};
  static const char *const texts[] = {
      [CONNECTIVITY_CHOSEN] = "stored if they fit in the memory that is free when the program runs, else made anew at each spike",
      [CONNECTIVITY_STORED] = "stored, as the run asks", [CONNECTIVITY_PROCEDURAL] = "made anew at each spike, as the run asks"};
  uint32_t late = 0, memory_too = 0, n = e->x->projections.n;
  for (uint32_t i = 0; i < n; i++) {
    memory_too += e->x->projections.at[i].cells != IR_NONE;
    late += e->x->projections.at[i].cells == IR_NONE && e->x->projections.at[i].delay_kernel != NULL;
  }
  if (!n) return;
  if (e->json) {
    fact_begin(e, "connectivity");
    fact_text(e, "experiment", str(e, e->x->experiment->name));
    fact_text(e, "asked", asked[e->x->experiment->connectivity]);
    fact_number(e, "stored_bytes", total);
    fact_number(e, "projections_with_drawn_delays", late);
    fact_number(e, "projections_with_memory", memory_too);
    fact_end(e);
    return;
  }
  if (memory_too) fprintf(e->out, "  synapses with memory are always stored; rows are filled up to 16 for each delay, and targets remember their last spikes\n");
  if (memory_too == n) return;
  fprintf(e->out, "  %ssynapses are %s;\n  made anew, an event takes memory from %s to its arrival\n",
          memory_too ? "other " : "", texts[e->x->experiment->connectivity],
          !late                   ? "the interval before"
          : late < n - memory_too ? "its spike where delays are drawn, else from the interval before"
                                  : "its spike, since delays are drawn");
}

static void explain_experiment(Explain *e) {
  double neurons = 0, total = 0;
  if (!e->json)
    fprintf(e->out, "\nexperiment %s of %s: dt = %g ms\n", str(e, e->x->experiment->name),
            str(e, e->x->experiment->subject), global(e, e->x->dt));
  for (uint32_t i = 0; i < e->x->populations.n; i++) {
    explain_population(e, &e->x->populations.at[i]);
    neurons += global(e, e->x->populations.at[i].size);
  }
  for (uint32_t i = 0; i < e->x->projections.n; i++) explain_projection(e, &e->x->projections.at[i], &total);
  for (uint32_t i = 0; i < e->x->couplings.n; i++) explain_coupling(e, &e->x->couplings.at[i]);
  if (e->json) {
    explain_connectivity(e, total);
    return;
  }
  fprintf(e->out, "  in all: %s elements, synapses about %s (bucket headers come on top)\n", fact_grouped(e, neurons),
          fact_memory(e, total));
  explain_connectivity(e, total);
  if (any_drawn(e->x))
    fprintf(e->out, "  weights of synapses are whole multiples of a unit for each port; before the run starts a sample of them and "
                    "the largest\n  possible sum decide between 16, 32 and 48 bits: run.json tells which and why (layout)\n");
}

const double *explain_globals(Explain *e, const IrExperiment *x) {
  double *g = NEW_ARRAY(e->s->arena, double, x->n_globals + 1);
  uint8_t *set = NEW_ARRAY(e->s->arena, uint8_t, x->n_globals + 1);
  IrEnv env = {.u = g, .set = set};
  ir_eval(x->setup, &env);
  return g;
}

void ir_explain(Session *s, const IrModule *m, FILE *out, bool json) {
  Explain e = {.s = s, .out = out, .json = json, .m = m};
  const double **g = NEW_ARRAY(s->arena, const double *, m->experiments.n + 1);
  if (!json) fprintf(out, "%s\n", name_str(s, m->model->name));
  for (uint32_t i = 0; i < m->experiments.n; i++) g[i] = explain_globals(&e, m->experiments.at[i]);
  for (uint32_t i = 0; i < m->classes.n; i++) {
    e.x = NULL;
    for (uint32_t j = m->experiments.n; j-- > 0;)
      for (uint32_t k = 0; k < m->experiments.at[j]->populations.n; k++)
        if (m->experiments.at[j]->populations.at[k].class == m->classes.at[i])
          e.x = m->experiments.at[j], e.g = g[j];
    if (m->classes.at[i]->init) explain_class(&e, m->classes.at[i]); /* those of fits have none: autodiff/explain.c */
  }
  for (uint32_t i = 0; i < m->experiments.n; i++) {
    e.x = m->experiments.at[i];
    e.g = g[i];
    explain_experiment(&e);
  }
}
