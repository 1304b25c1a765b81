/* Continuous synapses -> couplings: who with whom, and for each product of what is streamed a record kernel of what is the
 * source's and one of what is the target's.
 *
 * These kernels belong to the classes of the populations: numbers of the network in them become uniforms of the class, so
 * they are made with it. What is streamed goes to an input of its own, beside that which drives share, and is added to it where the
 * equations read it. */
#include "ir/lower.h"

#include "lang/diag.h"

static const Dim TIME = {{[DIM_TIME] = DIM_ONE}};

const MPopulation *lower_stream_end(const MCoupling *c, bool post) {
  return (post != c->reversed ? &c->link.target : &c->link.source)->pop;
}

void lower_stream_inputs(Lower *l, Shape *shape, const MExperiment *x, const MPopulation *pop) {
  uint32_t n = 2 * pop->component->vars.n + 1;
  shape->streamed = NEW_ARRAY(l->a, MVar *, n);
  shape->stream_input = NEW_ARRAY(l->a, uint32_t, n);
  for (uint32_t i = 0; i < x->couplings.n; i++) {
    const MCoupling *c = x->couplings.at[i];
    if (lower_stream_end(c, true) != pop || shape->streamed[c->input->index]) continue;
    MVar *own = NEW(l->a, MVar);
    *own = *c->input;
    own->name = name_fmt(l->s, "%%stream.%s", name_str(l->s, c->input->name));
    shape->streamed[c->input->index] = own;
  }
}

/* ---- kernels of the two sides */

static void lower_side(Lower *l, Shape *shape, const MExpr *e) {
  IrClass *c = shape->c;
  if (!e || ptr_get(&shape->stream, e) != IR_NONE) return;
  Name name = name_fmt(l->s, "stream.%s.%u", name_str(l->s, c->name), shape->stream_kernels.n);
  IrKernel *k = ir_kernel(l->s, l->a, KERNEL_RECORD, name);
  Scope sc = lower_scope(l, k, LEAF_ELEMENT, shape);
  sc.globals = true;
  IrVal v = lower_expr(&sc, e);
  sc.b.span = e->span;
  ir_store(&sc.b, ir_slot(&sc.b, SLOT_OUT, 0, name_z(l->s, "flows"), IR_REAL, k->ins.at[v].dim), v);
  ptr_set(l->a, &shape->stream, e, shape->stream_kernels.n);
  vec_push(l->a, &shape->stream_kernels, lower_share(l, k, true));
}

void lower_stream_sides(Lower *l, Shape *shape, const MExperiment *x) {
  for (uint32_t i = 0; i < x->couplings.n; i++) {
    const MCoupling *c = x->couplings.at[i];
    for (uint32_t k = 0; k < c->terms.n; k++) {
      if (lower_stream_end(c, false) == shape->pop) lower_side(l, shape, c->terms.at[k].pre);
      if (lower_stream_end(c, true) == shape->pop) lower_side(l, shape, c->terms.at[k].post);
    }
    for (uint32_t k = 0; c->gated && k < c->gated->sights.n; k++)
      if (lower_stream_end(c, !c->gated->sights.at[k].pre) == shape->pop) lower_side(l, shape, c->gated->sights.at[k].outer);
  }
}

static IrKernel *side_kernel(const Shape *shape, const MExpr *e) {
  return e ? shape->stream_kernels.at[ptr_get(&shape->stream, e)] : NULL;
}

/* ---- a coupling */

static void term_delay(Setup *st, Scope *sc, const IrCoupling *c, const MCoupling *m, uint32_t at, IrStreamTerm *term) {
  const MExpr *delay = m->terms.at[at].delay;
  term->delay = IR_NONE;
  if (!delay) return;
  term->delayed = true;
  for (uint32_t i = 0; i < at; i++)
    if (m->terms.at[i].delay == delay) {
      term->delay = c->terms.at[i].delay;
      term->delay_kernel = c->terms.at[i].delay_kernel;
      return;
    }
  if (lower_draws(st, delay)) term->delay_kernel = lower_double(st->l, lower_synapse(st, sc, delay, TIME, "delay", DELAY_ORDINALS));
  else term->delay = setup_slot_as(st, delay, TIME, "delay");
}

/* Synapses with states: a class of their own, which is stepped as any other. */
static void lower_gated(Setup *st, const MGated *m, const Shape *pre, const Shape *post, IrCoupling *c) {
  Lower *l = st->l;
  c->link.cells = IR_NONE;
  if (!m) return;
  if (st->mx->joint || l->fitted) {
    diag_not_supported(l->s, c->link.proj->span, l->fitted ? "continuous synapses with states in a network that is fitted" : "`coupling = joint` of synapses with states",
                       l->fitted ? "An experiment runs it; `--set` tries values of its params." : "`coupling = held`, with a smaller `dt`.");
    return;
  }
  Shape *shape = lower_class(l, st->mx, m->cells);
  if (!shape) return;
  c->link.cells = st->x->synapses.n;
  c->link.weight_state = m->weight ? shape->index[m->weight->index] : IR_NONE;
  for (uint32_t i = 0; i < m->sights.n; i++) {
    const MSight *sight = &m->sights.at[i];
    vec_push(l->a, &c->sights, ((IrSight){shape->index[sight->inner->index], sight->pre, side_kernel(sight->pre ? pre : post, sight->outer)}));
  }
  setup_population(st, m->cells, shape);
  IrPopulation cells = st->x->populations.at[--st->x->populations.n]; /* it is none of the network's */
  vec_push(l->a, &st->x->synapses, cells);
  setup_again(st, shape, cells.block);
  for (uint32_t i = 0; i < m->begins.n; i++) {
    const MBegin *begin = &m->begins.at[i];
    vec_push(l->a, &c->begins, ((IrBegin){shape->index[begin->state->index], lower_recorded(st, begin->state->name, begin->value, shape)}));
  }
  c->flow = lower_recorded(st, name_z(l->s, "flows"), m->flow, shape);
  setup_enter(st, NULL, 0);
}

void lower_coupling(Setup *st, MCoupling *m, Shape *const *shapes) {
  const Shape *pre = shapes[lower_stream_end(m, false)->index], *post = shapes[lower_stream_end(m, true)->index];
  IrCoupling c = {.coupling = m, .input = post->stream_input[m->input->index]};
  Scope sc = {.l = st->l};
  Dim unit = m->link.weight ? m->link.weight->dim : DIM_NONE;
  lower_link(st, &sc, &m->link, unit, &c.link);
  c.link.weight_kernel = lower_double(st->l, c.link.weight_kernel);
  for (uint32_t i = 0; i < m->terms.n; i++) {
    const MStreamTerm *t = &m->terms.at[i];
    IrStreamTerm term = {.factor = setup_slot(st, t->factor, "factor"), .weighted = t->weighted};
    term.pre = side_kernel(pre, t->pre);
    term.post = side_kernel(post, t->post);
    term_delay(st, &sc, &c, m, i, &term);
    vec_push(st->l->a, &c.terms, term);
  }
  c.link.block = lower_block(st, &sc, m->link.path);
  lower_gated(st, m->gated, pre, post, &c);
  vec_push(st->l->a, &st->x->couplings, c);
}
