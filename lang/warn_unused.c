/* A component -> what of it nothing uses: params, inputs and lets that nothing reads, states that nothing
 * depends on.
 *
 * Lets and states of a component that is a part, or that no experiment or fit of the file runs, are there for others
 * to read. Only declarations of the component itself are judged, not what its parts bring; the elements of a
 * family are judged together. */
#include <string.h>

#include "lang/diag.h"
#include "lang/check.h"
#include "lang/warn.h"

typedef struct {
  const MComponent *component;
  bool *read; /* of each var: named by an expression that is evaluated */
  bool *live; /* of each var: something that can be seen depends on it */
} Uses;

static void mark_vars(const Uses *u, const MExpr *e, bool *marks) {
  if (!e) return;
  if (e->kind == MX_VAR && e->var->index < u->component->vars.n &&
      u->component->vars.at[e->var->index] == e->var)
    marks[e->var->index] = true;
  for (uint32_t i = 0; i < e->n_args; i++) mark_vars(u, e->args[i], marks);
}

/* What a synapse reads of others. */
static void mark_list(const Uses *u, const MComponent *synapse, bool *marks) {
  for (uint32_t i = 0; i < synapse->reads.n; i++) {
    const MVar *var = synapse->reads.at[i];
    if (var->index < u->component->vars.n && u->component->vars.at[var->index] == var) marks[var->index] = true;
  }
}

static void mark_domain(const Uses *u, const MDomain *d, bool *marks) {
  mark_vars(u, d->lo, marks);
  mark_vars(u, d->hi, marks);
}

/* Of all statements, or of those that change a live state, with the conditions under which they do. */
static bool mark_statements(const Uses *u, const MStmtList *list, bool only_live, bool *marks) {
  bool any = false;
  for (uint32_t i = 0; i < list->n; i++) {
    const MStmt *st = list->at[i];
    bool inner = mark_statements(u, &st->then, only_live, marks);
    inner |= mark_statements(u, &st->other, only_live, marks);
    bool wanted = !only_live || inner || (st->var && u->live[st->var->index]);
    if (wanted) mark_vars(u, st->value, marks);
    if (!only_live && st->var && st->var->kind == VAR_INPUT)
      marks[st->var->index] = true; /* a state of the host */
    any |= wanted;
  }
  return any;
}

static void mark_spikes(const Uses *u, bool *marks) {
  mark_vars(u, u->component->send, marks);
  for (uint32_t i = 0; i < u->component->third_sends.n; i++) {
    mark_vars(u, u->component->third_sends.at[i].value, marks);
    mark_vars(u, u->component->third_sends.at[i].after, marks);
  }
  mark_statements(u, &u->component->on_pre, false, marks);
  mark_statements(u, &u->component->on_post, false, marks);
  for (uint32_t i = 0; i < u->component->spikes.n; i++) {
    mark_vars(u, u->component->spikes.at[i]->cond, marks);
    mark_vars(u, u->component->spikes.at[i]->level, marks);
  }
}

/* Reactions read their rates; in a part they change states of its host. only_live: those of live states that jump, whose
 * equation they are. */
static void mark_reactions(const Uses *u, bool only_live, bool *marks) {
  for (uint32_t i = 0; i < u->component->reactions.n; i++) {
    const MReaction *r = &u->component->reactions.at[i];
    bool wanted = !only_live;
    for (uint32_t j = 0; j < r->species.n; j++) {
      const MVar *var = r->species.at[j].var;
      wanted |= var->kind == VAR_INPUT || (r->jumps && u->live[var->index]);
      if (var->kind == VAR_INPUT) marks[var->index] = true;
    }
    if (wanted) mark_vars(u, r->rate, marks);
  }
}

static void read_all(const Uses *u) {
  const MComponent *c = u->component;
  mark_reactions(u, false, u->read);
  for (uint32_t i = 0; i < c->vars.n; i++) {
    mark_vars(u, c->vars.at[i]->value, u->read);
    mark_vars(u, c->vars.at[i]->equation, u->read);
    mark_domain(u, &c->vars.at[i]->domain, u->read);
  }
  for (uint32_t i = 0; i < c->ports.n; i++) mark_statements(u, &c->ports.at[i]->body, false, u->read);
  for (uint32_t i = 0; i < c->spikes.n; i++) mark_statements(u, &c->spikes.at[i]->body, false, u->read);
  mark_spikes(u, u->read);
}

static uint32_t count_live(const Uses *u) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < u->component->vars.n; i++) n += u->live[i];
  return n;
}

static void live_all(const Uses *u) {
  const MComponent *c = u->component;
  mark_spikes(u, u->live);
  for (uint32_t before = 0, now = count_live(u); now != before; now = count_live(u)) {
    before = now;
    mark_reactions(u, true, u->live);
    for (uint32_t i = 0; i < c->vars.n; i++) {
      if (!u->live[i]) continue;
      mark_vars(u, c->vars.at[i]->value, u->live);
      mark_vars(u, c->vars.at[i]->equation, u->live);
    }
    for (uint32_t i = 0; i < c->ports.n; i++) mark_statements(u, &c->ports.at[i]->body, true, u->live);
    for (uint32_t i = 0; i < c->spikes.n; i++) mark_statements(u, &c->spikes.at[i]->body, true, u->live);
  }
}

static void mark_items(const Uses *u, const MRecordItem *items, uint32_t n, bool *marks) {
  for (uint32_t i = 0; i < n; i++) mark_vars(u, items[i].value, marks);
}

static void read_by_coupling(const Uses *u, const MCoupling *c, bool *ret_seen) {
  const MComponent *from = c->link.source.pop->component, *to = c->link.target.pop->component;
  if ((c->reversed ? from : to) == u->component) ret_seen[c->input->index] = true;
  for (uint32_t i = 0; i < c->terms.n; i++) {
    mark_vars(u, c->terms.at[i].pre, ret_seen);
    mark_vars(u, c->terms.at[i].post, ret_seen);
  }
  for (uint32_t i = 0; c->gated && i < c->gated->sights.n; i++) mark_vars(u, c->gated->sights.at[i].outer, ret_seen);
}

/* What an experiment reads: records, expects, signals, settings. True: it runs the component. */
static bool read_by_experiment(const Uses *u, const MExperiment *x, bool *ret_seen) {
  bool runs = false;
  for (uint32_t k = 0; k < x->populations.n; k++) {
    const MPopulation *p = x->populations.at[k];
    if (p->component != u->component) continue;
    runs = true;
    for (uint32_t j = 0; j < p->settings.n; j++) mark_vars(u, p->settings.at[j].value, ret_seen);
  }
  for (uint32_t k = 0; k < x->records.n; k++) mark_items(u, x->records.at[k]->items.at, x->records.at[k]->items.n, ret_seen);
  for (uint32_t k = 0; k < x->measures.n; k++) mark_items(u, x->measures.at[k]->items.at, x->measures.at[k]->items.n, ret_seen);
  for (uint32_t k = 0; k < x->feeds.n; k++) mark_items(u, x->feeds.at[k]->items.at, x->feeds.at[k]->items.n, ret_seen);
  for (uint32_t k = 0; k < x->couplings.n; k++) read_by_coupling(u, x->couplings.at[k], ret_seen);
  for (uint32_t k = 0; k < x->projections.n; k++)
    if (x->projections.at[k]->plastic) mark_list(u, x->projections.at[k]->plastic->cells->component, ret_seen);
  return runs;
}

/* The same of a fit. */
static bool read_by_fit(const Uses *u, const MFit *f, bool *ret_seen) {
  if (f->network) return read_by_experiment(u, f->x, ret_seen);
  const MPopulation *p = f->x->populations.at[0];
  if (p->component != u->component) return false;
  for (uint32_t i = 0; i < p->settings.n; i++) mark_vars(u, p->settings.at[i].value, ret_seen);
  for (uint32_t i = 0; i < f->stages.n; i++)
    for (uint32_t k = 0; k < f->stages.at[i]->terms.n; k++) {
      const MTerm *t = f->stages.at[i]->terms.at[k];
      mark_vars(u, t->value, ret_seen);
      if (t->state) ret_seen[t->state->index] = true;
    }
  return true;
}

/* Marks what the experiments and fits of the file read. True: one of them runs the component. */
static bool read_outside(const Uses *u, const Model *m, bool *ret_seen) {
  bool runs = false;
  for (uint32_t i = 0; i < m->experiments.n; i++) runs |= read_by_experiment(u, m->experiments.at[i], ret_seen);
  for (uint32_t i = 0; i < m->fits.n; i++) runs |= read_by_fit(u, m->fits.at[i], ret_seen);
  return runs;
}

static bool same_declaration(const MVar *a, const MVar *b) {
  return a->span.from == b->span.from && a->span.to == b->span.to;
}

/* Is any element of the family marked? */
static bool family_marked(const MComponent *c, const MVar *var, const bool *marks) {
  for (uint32_t i = 0; i < c->vars.n; i++)
    if (marks[i] && same_declaration(c->vars.at[i], var)) return true;
  return false;
}

static void judge(Session *s, const Uses *u, const MVar *var, bool outputs) {
  const char *full = name_str(s, var->name), *bracket = strchr(full, '[');
  const char *name = bracket ? arena_text(s->arena, full, (size_t)(bracket - full)) : full;
  bool read = family_marked(u->component, var, u->read), live = family_marked(u->component, var, u->live);
  switch (var->kind) {
  case VAR_PARAM:
    if (!read && !live) diag_unused(s, var->span, "param", name);
    return;
  case VAR_INPUT:
    if (!read && !live) diag_unused(s, var->span, "input", name);
    return;
  case VAR_LET:
    if (outputs && !read && !live) diag_unused(s, var->span, "let", name);
    return;
  case VAR_STATE:
    if (outputs && !live) diag_state_unused(s, var->span, name);
    return;
  }
}

static void component_unused(Session *s, const Model *m, const MComponent *c) {
  Uses u = {c, NEW_ARRAY(s->arena, bool, c->vars.n + 1), NEW_ARRAY(s->arena, bool, c->vars.n + 1)};
  bool runs = read_outside(&u, m, u.live);
  read_all(&u);
  live_all(&u);
  bool own_output = component_stands_alone(s, c->what) && runs;
  for (uint32_t i = 0; i < c->vars.n; i++) {
    const MVar *var = c->vars.at[i];
    if (strchr(name_str(s, var->name), '.') || var->span.to == 0) continue;
    judge(s, &u, var, own_output);
  }
}

void warn_unused(Session *s, const Model *m) {
  for (uint32_t i = 0; i < m->components.n; i++)
    if (m->components.at[i]->vars.n <= 1000 && !m->components.at[i]->stream && !m->components.at[i]->third_streams.n && !m->components.at[i]->sided) component_unused(s, m, m->components.at[i]);
}
