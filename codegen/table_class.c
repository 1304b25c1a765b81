/* Classes of an IrModule -> struct nsl_class (runtime/abi.def): states, ports, kernels, reverse mode. */
#include "codegen/table.h"

static void class_states(Table *t, const IrClass *c, struct nsl_class *out) {
  FILL(t, out->n_states, states, state, c->states.n);
  for (uint32_t i = 0; i < c->states.n; i++) {
    const MVar *v = c->states.at[i].var;
    states[i] = (struct nsl_state){name_str(t->s, v->name),
                                   table_text(t, v->doc),
                                   table_text(t, v->unit),
                                   v->unit_scale,
                                   table_place(t, v->equation ? v->equation_span : v->span),
                                   table_text(t, c->states.at[i].method),
                                   table_text(t, c->states.at[i].failure),
                                   (uint32_t)v->per};
  }
  out->states = states;
}

static void class_ports(Table *t, const IrClass *c, struct nsl_class *out) {
  FILL(t, out->n_ports, ports, port, c->ports.n);
  for (uint32_t i = 0; i < c->ports.n; i++) {
    const MPort *p = c->ports.at[i].port;
    ports[i] = (struct nsl_port){name_str(t->s, p->name), p->n_args ? table_text(t, p->arg_unit) : NULL,
                                 p->n_args ? p->arg_unit_scale : 1, p->n_args, c->ports.at[i].scale_u,
                                 !c->ports.at[i].additive, table_code(t, c->receive.at[i]),
                                 c->ports.at[i].straight + 1};
  }
  out->ports = ports;
}

bool table_draws(const IrKernel *k) {
  for (uint32_t i = 0; i < k->ins.n; i++)
    if (ir_ops[k->ins.at[i].op].flags & IRF_DRAW) return true;
  return false;
}

static void class_back(Table *t, const IrNetBack *b, struct nsl_net_back *out) {
  out->record = table_code(t, b ? b->record : NULL);
  out->back = table_code(t, b ? b->back : NULL);
  if (!b) return;
  out->n_tape = b->n_tape;
  out->n_states = b->n_states;
  out->n_active = b->n_active;
  FILL(t, out->n_params, params, back_param, b->params.n);
  for (uint32_t i = 0; i < b->params.n; i++)
    params[i] = (struct nsl_back_param){(uint32_t)b->params.at[i].kind, b->params.at[i].index};
  out->params = params;
  out->n_measures = b->measures.n;
  out->measures = table_numbers(t, b->measures.at, b->measures.n);
  out->n_by = b->by.n;
  out->by = table_numbers(t, b->by.at, b->by.n);
  out->n_begin = b->begin.n;
  out->begin = table_numbers(t, b->begin.at, b->begin.n);
}

struct nsl_class table_class(Table *t, const IrClass *c) {
  struct nsl_class out = {.name = name_str(t->s, c->name),
                          .n_uniforms = c->uniforms.n,
                          .has_spike = c->has_spike,
                          .has_prev = c->has_prev};
  class_states(t, c, &out);
  class_ports(t, c, &out);
  Name *params = NEW_ARRAY(t->a, Name, c->elem_params.n + 1);
  for (uint32_t i = 0; i < c->elem_params.n; i++) params[i] = c->elem_params.at[i]->name;
  out.n_params = c->elem_params.n;
  out.params = table_texts(t, params, c->elem_params.n);
  Name *inputs = NEW_ARRAY(t->a, Name, c->inputs.n + 1), *units = NEW_ARRAY(t->a, Name, c->inputs.n + 1);
  for (uint32_t i = 0; i < c->inputs.n; i++) {
    inputs[i] = c->inputs.at[i]->name;
    units[i] = c->inputs.at[i]->unit;
  }
  out.n_inputs = out.n_input_units = c->inputs.n;
  out.inputs = table_texts(t, inputs, c->inputs.n);
  out.input_units = table_texts(t, units, c->inputs.n);
  FILL(t, out.n_holds, holds, hold, c->holds.n);
  for (uint32_t i = 0; i < c->holds.n; i++) holds[i].steps_u = c->holds.at[i].steps_u;
  out.holds = holds;
  FILL(t, out.n_pasts, pasts, past, c->pasts.n);
  for (uint32_t i = 0; i < c->pasts.n; i++)
    pasts[i] = (struct nsl_past){name_str(t->s, c->pasts.at[i].name), table_place(t, c->pasts.at[i].span),
                                 table_code(t, c->pasts.at[i].value), table_code(t, c->pasts.at[i].delay)};
  out.pasts = pasts;
  out.init = table_code(t, c->init);
  out.derive = table_code(t, c->derive);
  out.step = table_code(t, c->step);
  out.finish = table_code(t, c->finish);
  out.has_finish = c->finish != NULL;
  out.lumped = table_code(t, c->lumped);
  out.synaptic = c->synaptic;
  out.stepped = c->stepped;
  out.elapsed = c->elapsed;
  out.since = c->since;
  out.signalled = c->signalled;
  out.n_drawn = c->drawn.n;
  out.drawn = table_numbers(t, c->drawn.at, c->drawn.n);
  uint32_t n_learn = c->synaptic ? LEARNS : 0;
  FILL(t, out.n_learn, learn, code, n_learn);
  for (uint32_t i = 0; i < out.n_learn; i++) learn[i] = table_code(t, c->learn[i]);
  out.learn = learn;
#define PAIRS(f)                                                                                  \
  FILL(t, out.n_##f, f, pair, c->f.n);                                                           \
  for (uint32_t i = 0; i < c->f.n; i++) f[i] = (struct nsl_pair){c->f.at[i].kept, c->f.at[i].gone}; \
  out.f = f
  PAIRS(lumped_states);
  PAIRS(lumped_ports);
  PAIRS(lumped_equal);
#undef PAIRS
  out.rests = !ir_never_rests(c);
  out.n_lanes = c->n_lanes;
  out.lane = c->lane;
  out.n_carried = c->carried.n;
  out.carried = table_numbers(t, c->carried.at, c->carried.n);
  for (uint32_t i = 0; i < c->receive.n; i++) out.numbered |= c->receive.at[i] && table_draws(c->receive.at[i]);
  class_back(t, c->back, &out.back);
  return out;
}
