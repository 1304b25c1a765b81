/* `drive TARGET.port with SOURCE { … }` -> one MDrive for each population and each element of its `for`.
 *
 * Events (poisson, times) go to a port and have a weight; currents (constant, step) go to an input and have
 * none. */
#include "lang/net.h"

#include <math.h>
#include <string.h>

typedef struct {
  const char *name;
  MDriveKind kind;
  bool events;
  const char *form; /* for messages */
} SourceRow;
static const SourceRow sources[] = {
    {"poisson", DRIVE_POISSON, true, "poisson(rate)"},
    {"times", DRIVE_TIMES, true, "times([t1, t2, …])"},
    {"constant", DRIVE_CONSTANT, false, "constant(value)"},
    {"step", DRIVE_STEP, false, "step(value, from = t1, to = t2)"},
};
static const char *const later[] = {"spikes", "ramp", "sine", "noise", "samples"};

typedef struct {
  const AstDrive *ast;
  const SourceRow *source;
  const AstCall *call;
  const AstAssign *weight, *delay;
  NetAxes axes;
} Drive;

/* ---- the source */

static bool read_source(Net *n, Drive *d) {
  Session *s = n->s;
  const Ast *ast = d->ast->source;
  if (!ast) return false;
  const Ast *callee = ast->kind == AST_CALL ? AST_AS(Call, ast)->callee : ast;
  const char *words[COUNT_OF(sources) + COUNT_OF(later)];
  const char *name = callee->kind == AST_NAME ? name_str(s, AST_AS(NameRef, callee)->name.name)
                                              : source_span_text(s, callee->span, s->arena);
  for (size_t i = 0; i < COUNT_OF(sources); i++) {
    words[i] = sources[i].name;
    if (strcmp(sources[i].name, name) == 0) d->source = &sources[i];
  }
  for (size_t i = 0; i < COUNT_OF(later); i++) {
    words[COUNT_OF(sources) + i] = later[i];
    if (strcmp(later[i], name) != 0) continue;
    diag_not_supported(s, callee->span, arena_printf(s->arena, "drives by `%s`", name),
                       "Use `poisson(rate)`, `times([…])`, `constant(I)` or `step(I, from = t1, to = t2)`.");
    return false;
  }
  if (!d->source) {
    if (*name) diag_unknown_drive(s, callee->span, name, diag_nearest(name, words, COUNT_OF(words)));
    return false;
  }
  if (ast->kind != AST_CALL) {
    diag_drive_arguments(s, ast->span, d->source->name, d->source->form);
    return false;
  }
  d->call = AST_AS(Call, ast);
  return true;
}

static MExpr *drive_value(Net *n, Scope *scope, const Ast *ast, Dim dim, const char *who) {
  Want want = {.has_dim = true, .dim = dim, .who = who};
  return check_expr(n->c, scope, ast, &want);
}

static bool not_negative(Net *n, const MExpr *e, const char *who) {
  Known k = net_known(n, e);
  bool rate = e->dim.e[DIM_TIME] < 0;
  if (k.known && k.value < 0)
    diag_negative(n->s, e->span, who, rate ? k.value * 1000 : k.value, rate ? "Hz" : "ms");
  return !(k.known && k.value < 0);
}

static bool drive_times(Net *n, Scope *scope, const Ast *list, MDrive *ret) {
  Session *s = n->s;
  const AstListExpr *items = AST_AS(ListExpr, list);
  Known last = {false, 0};
  for (uint32_t i = 0; i < items->items.n; i++) {
    MExpr *t = drive_value(n, scope, items->items.at[i], dim_time(1), "an event time");
    if (!t || !not_negative(n, t, "an event time")) return false;
    Known now = net_known(n, t);
    if (last.known && now.known && now.value < last.value) {
      diag_times_order(s, items->items.at[i]->span, now.value, last.value);
      return false;
    }
    last = now;
    vec_push(s->arena, &ret->times, t);
  }
  return true;
}

static bool drive_step(Net *n, Scope *scope, const Drive *d, Dim dim, MDrive *ret) {
  Session *s = n->s;
  const AstList *args = &d->call->args;
  for (uint32_t i = 0; i < args->n; i++) {
    const Ast *arg = args->at[i];
    const char *name = arg->kind == AST_NAMED ? name_str(s, AST_AS(Named, arg)->name.name) : "";
    int slot = arg->kind != AST_NAMED ? 0 : strcmp(name, "from") == 0 ? 1 : strcmp(name, "to") == 0 ? 2 : -1;
    if (slot < 0 || ret->args[slot]) {
      diag_drive_arguments(s, arg->span, d->source->name, d->source->form);
      return false;
    }
    const Ast *value = slot ? AST_AS(Named, arg)->value : arg;
    const char *who = slot == 0   ? "the driven input"
                      : slot == 1 ? "the start of a step"
                                  : "the end of a step";
    ret->args[slot] = drive_value(n, scope, value, slot ? dim_time(1) : dim, who);
    if (!ret->args[slot] || (slot && !not_negative(n, ret->args[slot], who))) return false;
  }
  if (!ret->args[0]) {
    diag_drive_arguments(s, d->ast->source->span, d->source->name, d->source->form);
    return false;
  }
  Known from = ret->args[1] ? net_known(n, ret->args[1]) : (Known){true, 0}, to = net_known(n, ret->args[2]);
  if (ret->args[2] && from.known && to.known && to.value <= from.value) {
    diag_step_order(s, ret->args[2]->span, from.value, to.value);
    return false;
  }
  return true;
}

/* The arguments; dim: of the driven input. */
static bool drive_arguments(Net *n, Scope *scope, const Drive *d, Dim dim, MDrive *ret) {
  const AstList *args = &d->call->args;
  if (d->source->kind == DRIVE_STEP) return drive_step(n, scope, d, dim, ret);
  const Ast *arg = args->n == 1 ? args->at[0] : NULL;
  if (!arg || arg->kind == AST_NAMED || (d->source->kind == DRIVE_TIMES) != (arg->kind == AST_LIST)) {
    diag_drive_arguments(n->s, d->ast->source->span, d->source->name, d->source->form);
    return false;
  }
  if (d->source->kind == DRIVE_TIMES) return drive_times(n, scope, arg, ret);
  bool poisson = d->source->kind == DRIVE_POISSON;
  ret->args[0] =
      drive_value(n, scope, arg, poisson ? dim_time(-1) : dim, poisson ? "the rate" : "the driven input");
  return ret->args[0] && (!poisson || not_negative(n, ret->args[0], "the rate"));
}

/* ---- the target */

static MVar *find_input(Net *n, const MPopulation *pop, AstWord member, Span span) {
  Session *s = n->s;
  const MComponent *component = pop->component;
  TextList words = {0};
  if (component->failed) return NULL;
  for (uint32_t i = 0; i < component->vars.n; i++)
    if (component->vars.at[i]->kind == VAR_INPUT)
      vec_push(s->arena, &words, name_str(s, component->vars.at[i]->name));
  if (name_none(member.name)) {
    diag_input_missing(s, span, name_str(s, pop->base), words.at, words.n);
    return NULL;
  }
  MVar *var = component_var(component, member.name);
  uint32_t index;
  if (var && var->kind == VAR_INPUT) return var;
  const char *name = name_str(s, member.name);
  const MPort *port = component_port(component, member.name, &index);
  if (port)
    diag_port_not_input(s, member.span, name, name_str(s, component->name), words.at, words.n, port->span);
  else
    diag_unknown_input(s, member.span, name, name_str(s, component->name),
                       diag_nearest(name, words.at, words.n), words.at, words.n, component->span);
  return NULL;
}

/* In an experiment with a lone neuron the target is a name of the neuron. */
static bool drive_targets(Net *n, Scope *scope, const Ast *ast, MSliceList *ret, AstWord *ret_member) {
  if (!n->neuron) return net_slices(n, scope, ast, ret, ret_member);
  MSlice all = {n->pops.at[0]->elements[0], NULL, NULL, ast->span};
  vec_push(n->s->arena, ret, all);
  *ret_member = (AstWord){path_name(n->c, ast), ast->span};
  if (name_none(ret_member->name)) diag_name_wanted(n->s, ast->span);
  return !name_none(ret_member->name);
}

static bool drive_one(Net *n, Scope *scope, const Drive *d, MDrive base, AstWord member) {
  Session *s = n->s;
  const MPopulation *pop = base.target.pop;
  uint32_t index = 0;
  Span span = d->ast->target->span;
  if (d->source->events) {
    MPort *port = net_port(n, pop, member, span, &index);
    if (!port || !net_link_weight(n, scope, d->ast->head.span, port, d->weight, &base.weight)) return false;
    if (d->delay && !net_link_delay(n, scope, d->delay, true, &base.delay)) return false;
    base.port = (int32_t)index;
  } else {
    base.input = find_input(n, pop, member, span);
    base.port = -1;
    if (!base.input) return false;
  }
  if (!drive_arguments(n, scope, d, base.input ? base.input->dim : DIM_NONE, &base)) return false;
  if (!net_count(n, span, 1)) return false;
  const char *target =
      n->neuron ? name_str(s, member.name)
                : arena_printf(s->arena, "%s.%s", name_str(s, pop->path), name_str(s, member.name));
  MDrive *drive = NEW(s->arena, MDrive);
  *drive = base;
  drive->path = net_unique_path(n, name_fmt(s, "%s -> %s", d->source->name, target), (Span){0, 0});
  vec_push(s->arena, &n->x->drives, drive);
  return true;
}

static bool drive_element(Net *n, Scope *scope, const Drive *d) {
  MDrive base = {.span = d->ast->head.span, .kind = d->source->kind};
  MSliceList targets = {0};
  AstWord member = {0};
  bool skip;
  if (!net_condition(n, scope, d->ast->cond, &base.cond, &skip)) return false;
  if (skip) return true;
  if (!drive_targets(n, scope, d->ast->target, &targets, &member)) return false;
  for (uint32_t i = 0; i < targets.n; i++) {
    base.target = targets.at[i];
    if (!drive_one(n, scope, d, base, member)) return false;
  }
  return true;
}

void net_drive(Net *n, const AstDrive *ast) {
  Drive d = {.ast = ast};
  if (!ast->target || !read_source(n, &d) || !net_axes(n, &ast->binders, &d.axes)) return;
  bool good = true;
  if (d.source->events) good = net_link_settings(n, &ast->settings, "a drive", &d.weight, &d.delay);
  else if (ast->settings.n) diag_current_settings(n->s, ast->settings.at[0]->span, d.source->name);
  for (uint32_t i = 0; good && i < d.axes.count; i++)
    good = drive_element(n, net_scope_at(n, &d.axes, i), &d);
}
