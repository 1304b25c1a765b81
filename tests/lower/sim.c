/* See sim.h. */
#include "tests/lower/sim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/pass.h"
#include "lang/diag.h"
#include "parser/parse.h"

static const double UNIT = 0x1p-40; /* of a port's accumulator */

static void comment(Session *s) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  diag_print(s, out, false, false);
  fclose(out);
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) printf("# %s\n", line);
  free(text);
}

static Model *model_of(Session *s, const char *text) {
  s->stdlib_path = NULL;
  const Source *source = source_add(s, "test.nsl", text, strlen(text));
  CheckOptions check = {.parse = parse_source};
  AstFile *file = source ? parse_source(s, source) : NULL;
  return file && !s->errors ? model_check(s, file, &check) : NULL;
}

bool sim_compiles(const char *text, const char *want) {
  Session *s = session_new();
  Model *m = model_of(s, text);
  if (m && !s->errors) {
    IrModule *l = ir_lower(s, s->arena, m);
    if (!s->errors) ir_pipeline(s, l, NULL);
  }
  bool r = s->errors == 0;
  if (want) {
    r = false;
    for (uint32_t i = 0; i < s->diags.n; i++) r |= strstr(s->diags.at[i]->text, want) != NULL;
    if (!r) comment(s);
  } else if (!r) {
    comment(s);
  }
  session_free(s);
  return r;
}

enum { MOST_STEPS = 4096 }; /* of models with delayed values */

Sim *sim_new(const char *text) { return sim_new_n(text, 0, 64); }

Sim *sim_new_n(const char *text, uint32_t population, uint32_t n) {
  Session *s = session_new();
  Model *m = model_of(s, text);
  IrModule *lowered = m && !s->errors ? ir_lower(s, s->arena, m) : NULL;
  IrModule *made = lowered && !s->errors ? ir_pipeline(s, lowered, NULL) : NULL;
  if (!made || s->errors || !made->experiments.n) {
    comment(s);
    session_free(s);
    return NULL;
  }
  Arena *a = s->arena;
  Sim *sim = NEW(a, Sim);
  *sim = (Sim){.s = s, .lowered = lowered, .m = made, .x = made->experiments.at[0], .n = n};
  sim->p = &sim->x->populations.at[population];
  IrClass *c = sim->c = sim->p->class;
  sim->g = NEW_ARRAY(a, double, sim->x->n_globals + 1);
  sim->set = NEW_ARRAY(a, uint8_t, sim->x->n_globals + 1);
  sim->state = NEW_ARRAY(a, double *, c->states.n + 1);
  sim->param = NEW_ARRAY(a, double *, c->elem_params.n + 1);
  sim->input = NEW_ARRAY(a, double *, c->inputs.n + 1);
  sim->port = NEW_ARRAY(a, int64_t *, c->ports.n + 1);
  sim->held = NEW_ARRAY(a, uint64_t *, c->holds.n + 1);
  for (uint32_t i = 0; i < c->states.n; i++) sim->state[i] = NEW_ARRAY(a, double, n);
  for (uint32_t i = 0; i < c->elem_params.n; i++) sim->param[i] = NEW_ARRAY(a, double, n);
  for (uint32_t i = 0; i < c->inputs.n; i++) sim->input[i] = NEW_ARRAY(a, double, n);
  for (uint32_t i = 0; i < c->ports.n; i++) sim->port[i] = NEW_ARRAY(a, int64_t, n);
  for (uint32_t i = 0; i < c->holds.n; i++) sim->held[i] = NEW_ARRAY(a, uint64_t, n / 64 + 1);
  sim->begin = NEW_ARRAY(a, double *, c->pasts.n + 1);
  sim->end = NEW_ARRAY(a, double *, c->pasts.n + 1);
  sim->lag = NEW_ARRAY(a, double *, c->pasts.n + 1);
  sim->history = NEW_ARRAY(a, double *, c->pasts.n + 1);
  for (uint32_t i = 0; i < c->pasts.n; i++) {
    sim->begin[i] = NEW_ARRAY(a, double, n);
    sim->end[i] = NEW_ARRAY(a, double, n);
    sim->lag[i] = NEW_ARRAY(a, double, n);
    sim->history[i] = NEW_ARRAY(a, double, (size_t)n * MOST_STEPS);
  }
  sim->prev = NEW_ARRAY(a, uint64_t, n / 64 + 1);
  sim->spike = NEW_ARRAY(a, uint64_t, n / 64 + 1);
  sim->old = NEW_ARRAY(a, double *, c->states.n + 1);
  for (uint32_t i = 0; i < c->states.n; i++) sim->old[i] = NEW_ARRAY(a, double, n);
  sim->arrived = (void *)arena_array(a, c->ports.n + 1, sizeof *sim->arrived);
  sim->left = NEW_ARRAY(a, int, (size_t)n *(c->holds.n + 1));
  sim_start(sim);
  return sim;
}

void sim_free(Sim *sim) {
  if (sim) session_free(sim->s);
}

static void *memory_of(Sim *sim, const IrSlot *slot) {
  switch (slot->kind) {
    case SLOT_STATE: return sim->state[slot->index];
    case SLOT_PARAM: return sim->param[slot->index];
    case SLOT_INPUT: return sim->input[slot->index];
    case SLOT_PAST: return slot->index % 2 ? sim->begin[slot->index / 2] : sim->end[slot->index / 2];
    case SLOT_PORT: return sim->port[slot->index];
    case SLOT_HELD: return sim->held[slot->index];
    case SLOT_PREV: return sim->prev;
    case SLOT_SPIKE: return sim->spike;
    case SLOT_OLD: return sim->old[slot->index];
    case SLOT_DER:
    case SLOT_COLUMN:
    case SLOT_UNIFORM:
    case SLOT_ARG:
    case SLOT_OUT:
    case SLOT_GLOBAL:
    case SLOT_SAMPLE:
    case SLOT_RING:
    case SLOT_TAPE:
    case SLOT_KINDS: return NULL;
  }
  return NULL;
}

static uint64_t eval_events(Sim *sim, const IrKernel *k, double *u, const IrEvent *events, uint32_t n, double *out) {
  if (!k) return 0;
  void **slots = NEW_ARRAY(sim->s->arena, void *, k->slots.n + 1);
  for (uint32_t i = 0; i < k->slots.n; i++)
    slots[i] = k->slots.at[i].kind == SLOT_OUT ? out : memory_of(sim, &k->slots.at[i]);
  IrEnv env = {.slots = slots,
               .u = u,
               .set = sim->set,
               .key = 12345,
               .step = sim->step,
               .first = 0,
               .count = n,
               .events = events,
               .t = (double)sim->step * sim->dt,
               .dt = sim->dt};
  return ir_eval(k, &env);
}

static uint64_t eval(Sim *sim, const IrKernel *k, double *u) { return eval_events(sim, k, u, NULL, sim->n, NULL); }

static void eval_to(Sim *sim, const IrKernel *k, double *u, double *out) { eval_events(sim, k, u, NULL, sim->n, out); }

/* ---- delayed values, as the page of the language has them: the whole history, and a line between grid points */

static void past_keep(Sim *sim, uint32_t i) {
  if (sim->step >= MOST_STEPS) {
    printf("Bail out! more than %d steps of a delayed value\n", MOST_STEPS);
    exit(1);
  }
  eval_to(sim, sim->c->pasts.at[i].value, sim->g + sim->p->block, sim->history[i] + sim->step * sim->n);
}

static double past_at(const Sim *sim, uint32_t i, uint32_t e, double step) {
  double row = floor(step), part = step - row;
  const double *h = sim->history[i];
  if (step <= 0) return h[e];
  double x = h[(uint64_t)row * sim->n + e];
  /* from the newer point back, as in the runtime: the same bits */
  if (part == 0) return x;
  double y = h[((uint64_t)row + 1) * sim->n + e];
  return y + (1 - part) * (x - y);
}

static void pasts_see(Sim *sim) {
  for (uint32_t i = 0; i < sim->c->pasts.n; i++)
    for (uint32_t e = 0; e < sim->n; e++) {
      sim->begin[i][e] = past_at(sim, i, e, (double)sim->step - 1 - sim->lag[i][e]);
      sim->end[i][e] = past_at(sim, i, e, (double)sim->step - sim->lag[i][e]);
    }
}

static void pasts_start(Sim *sim) {
  for (uint32_t i = 0; i < sim->c->pasts.n; i++) {
    past_keep(sim, i);
    memcpy(sim->begin[i], sim->history[i], sim->n * sizeof(double));
    memcpy(sim->end[i], sim->history[i], sim->n * sizeof(double));
    eval_to(sim, sim->c->pasts.at[i].delay, sim->g + sim->p->block, sim->lag[i]);
    for (uint32_t e = 0; e < sim->n; e++) sim->lag[i][e] = nearbyint(sim->lag[i][e] / sim->dt * 1e6) / 1e6;
  }
}

void sim_start(Sim *sim) {
  sim->step = sim->failed = 0;
  eval(sim, sim->x->setup, sim->g);
  sim->dt = sim->g[sim->x->dt];
  for (uint32_t i = 0; i < sim->c->ports.n; i++) sim->g[sim->p->block + sim->c->ports.at[i].scale_u] = UNIT;
  eval(sim, sim->c->derive, sim->g + sim->p->block);
  memset(sim->prev, 0, (sim->n / 64 + 1) * sizeof *sim->prev);
  memset(sim->left, 0, sizeof *sim->left * sim->n * (sim->c->holds.n + 1));
  for (uint32_t i = 0; i < sim->c->holds.n; i++)
    memset(sim->held[i], 0, (sim->n / 64 + 1) * sizeof **sim->held);
  eval(sim, sim->c->init, sim->g + sim->p->block);
  pasts_start(sim);
}

bool sim_spiked(const Sim *sim, uint32_t element) { return sim->spike[element / 64] >> (element % 64) & 1; }

static void age_holds(Sim *sim) {
  for (uint32_t k = 0; k < sim->c->holds.n; k++) {
    if (sim->c->holds.at[k].left != IR_NONE) continue; /* the kernels count */
    int steps = (int)sim->g[sim->p->block + sim->c->holds.at[k].steps_u];
    for (uint32_t e = 0; e < sim->n; e++) {
      int *left = &sim->left[k * sim->n + e];
      if (*left > 0) (*left)--;
      if (sim_spiked(sim, e)) *left = steps;
      uint64_t bit = (uint64_t)1 << (e % 64);
      sim->held[k][e / 64] = *left > 0 ? sim->held[k][e / 64] | bit : sim->held[k][e / 64] & ~bit;
    }
  }
}

/* The events of one port: added to a state (IrPort.straight), or each by its handler. */
static void eval_arrived(Sim *sim, uint32_t port, double *u) {
  uint32_t state = sim->c->ports.at[port].straight;
  const IrEvent *events = sim->arrived[port].at;
  if (state == IR_NONE) {
    eval_events(sim, sim->c->receive.at[port], u, events, sim->arrived[port].n, NULL);
    return;
  }
  for (uint32_t i = 0; i < sim->arrived[port].n; i++) sim->state[state][events[i].element] += events[i].weight;
}

void sim_step(Sim *sim) {
  sim->step++;
  memset(sim->spike, 0, (sim->n / 64 + 1) * sizeof *sim->spike);
  double *u = sim->g + sim->p->block;
  pasts_see(sim);
  sim->failed |= eval(sim, sim->c->step, u);
  for (uint32_t i = 0; i < sim->c->ports.n; i++) {
    if (sim->arrived[i].n) eval_arrived(sim, i, u);
    sim->arrived[i].n = 0;
  }
  sim->failed |= eval(sim, sim->c->finish, u);
  for (uint32_t i = 0; i < sim->c->pasts.n; i++) past_keep(sim, i);
  age_holds(sim);
}

void sim_run(Sim *sim, int steps) {
  for (int i = 0; i < steps; i++) sim_step(sim);
}

static bool named(Sim *sim, Name name, const char *text) { return !strcmp(name_str(sim->s, name), text); }

double *sim_state(Sim *sim, const char *name) {
  for (uint32_t i = 0; i < sim->c->states.n; i++)
    if (named(sim, sim->c->states.at[i].var->name, name)) return sim->state[i];
  printf("Bail out! no state %s\n", name);
  exit(1);
}

double sim_uniform(Sim *sim, const char *name) {
  for (uint32_t i = 0; i < sim->c->uniforms.n; i++)
    if (named(sim, sim->c->uniforms.at[i].name, name)) return sim->g[sim->p->block + i];
  printf("Bail out! no uniform %s\n", name);
  exit(1);
}

static uint32_t slot_of(Sim *sim, const char *path) {
  for (uint32_t i = 0; i < sim->x->params.n; i++)
    if (named(sim, sim->x->params.at[i].path, path)) return sim->x->params.at[i].slot;
  printf("Bail out! no param %s\n", path);
  exit(1);
}

double sim_global(Sim *sim, const char *path) { return sim->g[slot_of(sim, path)]; }

void sim_set(Sim *sim, const char *path, double value) {
  uint32_t slot = slot_of(sim, path);
  sim->set[slot] = 1;
  sim->g[slot] = value;
}

void sim_input(Sim *sim, const char *name, double value) {
  for (uint32_t i = 0; i < sim->c->inputs.n; i++)
    for (uint32_t e = 0; named(sim, sim->c->inputs.at[i]->name, name) && e < sim->n; e++)
      sim->input[i][e] = value;
}

static uint32_t arrived_at(const Sim *sim, uint32_t element) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < sim->c->ports.n; i++)
    for (uint32_t j = 0; j < sim->arrived[i].n; j++) n += sim->arrived[i].at[j].element == element;
  return n;
}

void sim_arrive_at(Sim *sim, const char *port, uint32_t element, double weight) {
  for (uint32_t i = 0; i < sim->c->ports.n; i++) {
    const IrPort *p = &sim->c->ports.at[i];
    if (!named(sim, p->port->name, port)) continue;
    IrEvent event = {element, arrived_at(sim, element), weight};
    if (p->additive && p->straight == IR_NONE) sim->port[i][element] += (int64_t)nearbyint(weight / UNIT);
    else vec_push(sim->s->arena, &sim->arrived[i], event);
  }
}

void sim_arrive(Sim *sim, const char *port, double weight) {
  for (uint32_t e = 0; e < sim->n; e++) sim_arrive_at(sim, port, e, weight);
}

const char *sim_method(const Sim *sim, const char *state) {
  for (uint32_t i = 0; i < sim->c->states.n; i++)
    if (!strcmp(name_str(sim->s, sim->c->states.at[i].var->name), state))
      return name_str(sim->s, sim->c->states.at[i].method);
  return "";
}

const char *sim_text(Sim *sim, const IrKernel *k) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  ir_print_kernel(sim->s, k, out);
  fclose(out);
  const char *copy = arena_text(sim->s->arena, text, size);
  free(text);
  return copy;
}

bool sim_uses(const IrKernel *k, IrOp op) {
  for (uint32_t i = 0; i < k->ins.n; i++)
    if (k->ins.at[i].op == op) return true;
  return false;
}
