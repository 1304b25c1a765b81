/* What an expression over globals comes to with the defaults: checked expression -> number, if it is known
 * before a run.
 *
 * Only for diagnostics (a size that is no whole number, a value outside its domain, a delay below one step)
 * and for what shapes a network (subscripts, conditions over binders): nothing is replaced by its value, so
 * that --set works. Globals are evaluated in order of dependence and remembered, so depth and cost are those
 * of one expression. */
#include <math.h>

#include "lang/net.h"

static const Known unknown = {false, 0};

static Known known(double value) { return (Known){!isnan(value), value}; }

static Known value_of(const Net *n, const MExpr *e) {
  double args[4] = {0};
  switch (e->kind) {
    case MX_NUM: return known(e->num);
    case MX_GLOBAL: return n && e->global->index < n->known.n ? n->known.at[e->global->index] : unknown;
    case MX_DT: return n ? n->dt : unknown;
    case MX_VAR:
    case MX_ARG:
    case MX_DRAW:
    case MX_NOISE:
    case MX_DELAYED:
    case MX_PROCESS:
    case MX_SAMPLE:
    case MX_COLUMN:
    case MX_PAIR:
    case MX_TIME: return unknown;
    case MX_CALL: break;
  }
  for (uint32_t i = 0; i < e->n_args; i++) {
    Known k = value_of(n, e->args[i]);
    if (!k.known) return unknown;
    args[i] = k.value;
  }
  return known(builtin_value(e->builtin, args));
}

Known net_known(const Net *n, const MExpr *e) { return e ? value_of(n, e) : unknown; }

Known known_literal(const MExpr *e) { return e ? value_of(NULL, e) : unknown; }

int net_inside(const Net *n, const MDomain *domain, double value) {
  if (!domain->has) return 1;
  if (domain->labels.n) return value >= 0 && value < domain->labels.n;
  bool sure = true;
  if (domain->lo) {
    Known lo = net_known(n, domain->lo);
    if (lo.known && (domain->open_lo ? !(value > lo.value) : !(value >= lo.value))) return 0;
    sure &= lo.known;
  }
  if (domain->hi) {
    Known hi = net_known(n, domain->hi);
    if (hi.known && (domain->open_hi ? !(value < hi.value) : !(value <= hi.value))) return 0;
    sure &= hi.known;
  }
  return sure ? 1 : -1;
}

bool net_in_domain(Net *n, const MExpr *e, const MDomain *domain, Name what, double scale, Name unit) {
  Known k = net_known(n, e);
  if (!k.known || net_inside(n, domain, k.value) != 0) return true;
  const char *value = arena_printf(n->s->arena, "%.6g%s%s", k.value / scale, name_none(unit) ? "" : " ",
                                   name_str(n->s, unit));
  const char *text = source_span_text(n->s, domain->span, n->s->arena);
  diag_outside_domain(n->s, e->span, name_str(n->s, what), value, text, domain->span);
  return false;
}
