/* `E`, `cell[L4e]`, `cell[exc]`, `cell[L4e][0..9]`, `E[5]`, `(E, I)`, each perhaps with `.port` -> slices of
 * populations.
 *
 * A family without subscripts means all its members; a subscript that is a set means its members. Bounds
 * stay expressions; those that are known are checked against the size here, all others when the program
 * starts. */
#include "lang/net.h"

#include <math.h>
#include <string.h>

MExpr *net_count_expr(Net *n, Scope *scope, const Ast *ast, const char *who, double least, double most) {
  Want want = {.has_dim = true, .dim = DIM_NONE, .who = who};
  MExpr *e = check_expr(n->c, scope, ast, &want);
  if (!e) return NULL;
  Known k = net_known(n, e);
  if (k.known && (k.value != floor(k.value) || k.value < least || k.value > most)) {
    diag_not_a_count(n->s, ast->span, who, k.value, least, most);
    return NULL;
  }
  if (e->kind == MX_GLOBAL) e->global->integer_like = true;
  return e;
}

static void pop_names(Net *n, TextList *words) {
  for (uint32_t i = 0; i < n->pops.n; i++) vec_push(n->s->arena, words, name_str(n->s, n->pops.at[i]->name));
}

static NetPop *find_pop(Net *n, Scope *scope, const Ast *ast) {
  Session *s = n->s;
  AstWord word = AST_AS(NameRef, ast)->name;
  if (name_none(word.name)) return NULL;
  NetPop *pop = net_pop(n, word.name);
  if (pop) return pop;
  TextList words = {0};
  pop_names(n, &words);
  const Symbol *other = scope_find(scope, word.name);
  diag_unknown_population(s, ast->span, name_str(s, word.name),
                          diag_nearest(name_str(s, word.name), words.at, words.n),
                          other ? symbol_kind_text(n->c, other) : NULL, other ? other->span : (Span){0, 0});
  return NULL;
}

/* Positions on one axis that a subscript means: an element, or all of a set. */
typedef VEC(uint32_t) PositionList;

static bool axis_positions(Net *n, Scope *scope, const Ast *ast, IndexSet *axis, PositionList *ret) {
  Session *s = n->s;
  const Symbol *set = ast->kind == AST_NAME ? scope_find(scope, AST_AS(NameRef, ast)->name.name) : NULL;
  if (set && set->kind == SYM_SET && set->set) {
    for (uint32_t i = 0; i < set->set->n; i++) {
      int32_t at = set->set->root == axis->root ? index_position(axis, set->set->values[i]) : -1;
      if (at < 0) {
        diag_not_in_set(s, ast->span, name_str(s, set->name), name_str(s, axis->name), axis->span);
        return false;
      }
      vec_push(s->arena, ret, (uint32_t)at);
    }
    return true;
  }
  int32_t value;
  if (!check_element(n->c, scope, ast, axis, &value)) return false;
  vec_push(s->arena, ret, (uint32_t)index_position(axis, value));
  return true;
}

static bool push_all(Net *n, NetPop *pop, Span span, MSliceList *ret) {
  for (uint32_t i = 0; i < pop->axes.count; i++) {
    if (!pop->elements[i] || !pop->elements[i]->size) return false;
    MSlice slice = {pop->elements[i], NULL, NULL, span};
    vec_push(n->s->arena, ret, slice);
  }
  return true;
}

bool net_members(Net *n, Scope *scope, Name name, const NetAxes *axes, Span decl, const AstSubscript *sub,
                 NetPositions *ret) {
  PositionList axis[FAMILY_AXES] = {0};
  uint32_t total = 1;
  if (sub->indices.n != axes->n) {
    diag_index_count(n->s, sub->head.span, name_str(n->s, name), axes->n, sub->indices.n, decl);
    return false;
  }
  for (uint32_t i = 0; i < axes->n; i++) {
    if (!axis_positions(n, scope, sub->indices.at[i], axes->sets[i], &axis[i])) return false;
    total *= axis[i].n;
  }
  for (uint32_t k = 0; k < total; k++) {
    uint32_t rest = k, at = 0, place[FAMILY_AXES];
    for (uint32_t i = axes->n; i-- > 0;) {
      place[i] = axis[i].at[rest % axis[i].n];
      rest /= axis[i].n;
    }
    for (uint32_t i = 0; i < axes->n; i++) at = at * axes->sets[i]->n + place[i];
    vec_push(n->s->arena, ret, at);
  }
  return true;
}

static bool push_members(Net *n, Scope *scope, NetPop *pop, const AstSubscript *sub, MSliceList *ret) {
  NetPositions members = {0};
  if (!net_members(n, scope, pop->name, &pop->axes, pop->symbol->span, sub, &members)) return false;
  for (uint32_t k = 0; k < members.n; k++) {
    MPopulation *element = pop->elements[members.at[k]];
    if (!element || !element->size) return false;
    MSlice slice = {element, NULL, NULL, sub->head.span};
    vec_push(n->s->arena, ret, slice);
  }
  return true;
}

/* `[0..9]` or `[5]` after one or more whole populations. */
static bool cut(Net *n, Scope *scope, const AstSubscript *sub, MSliceList *slices, uint32_t first) {
  Session *s = n->s;
  if (sub->indices.n != 1) {
    diag_slice_form(s, sub->head.span);
    return false;
  }
  const Ast *at = sub->indices.at[0];
  const Ast *from = at->kind == AST_RANGE ? AST_AS(Range, at)->from : at;
  const Ast *to = at->kind == AST_RANGE ? AST_AS(Range, at)->to : at;
  MExpr *lo = net_count_expr(n, scope, from, "a position in a population", 0, INT32_MAX);
  MExpr *hi = from == to ? lo : net_count_expr(n, scope, to, "a position in a population", 0, INT32_MAX);
  if (!lo || !hi) return false;
  Known a = net_known(n, lo), b = net_known(n, hi);
  if (a.known && b.known && b.value < a.value) {
    diag_slice_empty(s, at->span, a.value, b.value);
    return false;
  }
  for (uint32_t i = first; i < slices->n; i++) {
    MSlice *slice = &slices->at[i];
    Known size = net_known(n, slice->pop->size);
    if (size.known && b.known && b.value >= size.value) {
      diag_slice_outside(s, at->span, name_str(s, slice->pop->path), size.value, b.value, slice->pop->span);
      return false;
    }
    slice->from = lo;
    slice->to = hi;
    slice->span = sub->head.span;
  }
  return true;
}

/* No population stands twice in a group, unless as parts. */
static bool all_different(Net *n, const MSliceList *slices, uint32_t first, Span span) {
  uint32_t most = 0;
  for (uint32_t i = first; i < slices->n; i++)
    if (slices->at[i].pop->index > most) most = slices->at[i].pop->index;
  bool *seen = NEW_ARRAY(n->s->arena, bool, most + 1u);
  for (uint32_t i = first; i < slices->n; i++) {
    const MSlice *slice = &slices->at[i];
    if (seen[slice->pop->index] && !slice->from) {
      diag_group_twice(n->s, span, name_str(n->s, slice->pop->path));
      return false;
    }
    seen[slice->pop->index] = true;
  }
  return true;
}

static bool slices_of(Net *n, Scope *scope, const Ast *ast, MSliceList *ret, uint32_t depth) {
  Session *s = n->s;
  if (ast->kind == AST_NAME) {
    NetPop *pop = find_pop(n, scope, ast);
    return pop && pop->component && push_all(n, pop, ast->span, ret);
  }
  if (ast->kind == AST_TUPLE && depth < 8) {
    const AstTuple *t = AST_AS(Tuple, ast);
    uint32_t first = ret->n;
    for (uint32_t i = 0; i < t->items.n; i++)
      if (!slices_of(n, scope, t->items.at[i], ret, depth + 1)) return false;
    return all_different(n, ret, first, ast->span);
  }
  if (ast->kind == AST_SUBSCRIPT && depth < 8) {
    const AstSubscript *sub = AST_AS(Subscript, ast);
    uint32_t first = ret->n;
    if (sub->base->kind == AST_NAME) {
      NetPop *pop = find_pop(n, scope, sub->base);
      if (!pop || !pop->component) return false;
      if (pop->axes.n) return push_members(n, scope, pop, sub, ret);
      return push_all(n, pop, sub->base->span, ret) && cut(n, scope, sub, ret, first);
    }
    if (!slices_of(n, scope, sub->base, ret, depth + 1)) return false;
    if (ret->n > first && ret->at[first].from) {
      diag_slice_form(s, ast->span);
      return false;
    }
    return cut(n, scope, sub, ret, first);
  }
  diag_population_expected(s, ast->span);
  return false;
}

/* Takes the dotted tail off: `E.na.m` -> `E` and "na.m". */
static const Ast *take_tail(Net *n, const Ast *ast, AstWord *tail) {
  *tail = (AstWord){0};
  while (ast->kind == AST_MEMBER) {
    const AstMember *m = AST_AS(Member, ast);
    if (name_none(tail->name)) {
      *tail = m->name;
    } else {
      tail->name = name_fmt(n->s, "%s.%s", name_str(n->s, m->name.name), name_str(n->s, tail->name));
      tail->span.from = m->name.span.from;
    }
    if (strlen(name_str(n->s, tail->name)) > 4096) break;
    ast = m->base;
  }
  return ast;
}

bool net_slices(Net *n, Scope *scope, const Ast *ast, MSliceList *ret, AstWord *ret_member) {
  AstWord tail;
  const Ast *base = take_tail(n, ast, &tail);
  if (!name_none(tail.name) && !ret_member) {
    diag_population_expected(n->s, ast->span);
    return false;
  }
  if (ret_member) *ret_member = tail;
  return slices_of(n, scope, base, ret, 0);
}

void net_no_variable(Session *s, const MPopulation *pop, const char *side, const char *name, Span span) {
  const MComponent *c = pop->component;
  TextList words = {0};
  for (uint32_t i = 0; i < c->vars.n; i++)
    if (!c->vars.at[i]->internal) vec_push(s->arena, &words, name_str(s, c->vars.at[i]->name));
  const char *near = diag_nearest(name, words.at, words.n);
  if (near && side) near = arena_printf(s->arena, "%s.%s", side, near);
  diag_unknown_member(s, span, name_str(s, pop->base), "a population", name, near, c->span);
}
