/* The pipeline as a list of calls: text -> syntax tree -> checked model -> dynamics -> kernels. */
#include <unistd.h>

#include "parser/parse.h"
#include "tools/tool.h"

void tool_begin(Compilation *c, ToolOptions *options) {
  static const Compilation empty;
  *c = empty;
  c->options = options;
  c->s = session_new();
  c->arena = arena_new();
  Home home;
  c->s->stdlib_path = home_find(&home) ? NULL : arena_printf(c->s->arena, "%s", home.stdlib);
  for (uint32_t i = 0; i < options->allow_read.n; i++)
    vec_push(c->s->arena, &c->s->allow_read, options->allow_read.at[i]);
}

void tool_end(Compilation *c) {
  arena_free(c->arena);
  session_free(c->s);
}

void tool_report(Compilation *c) {
  bool json = c->options->json;
  diag_print_new(c->s, json ? stdout : stderr, json, !json && isatty(2));
}

bool tool_check(Compilation *c, const char *path) {
  Span nowhere = {0, 0};
  const Source *source = source_load(c->s, path, nowhere);
  if (source) {
    CheckOptions check = {.parse = parse_source};
    c->file = parse_source(c->s, source);
    c->model = model_check(c->s, c->file, &check);
  }
  tool_report(c);
  return c->s->errors == 0;
}

bool tool_compile(Compilation *c, const char *path) {
  return tool_check(c, path) && tool_lower(c, c->options->after);
}

bool tool_lower(Compilation *c, const char *after) {
  c->module = ir_lower(c->s, c->arena, c->model);
  if (c->s->errors == 0) c->module = ir_pipeline(c->s, c->module, after);
  if (c->s->errors == 0) c->module = ad_pipeline(c->s, c->module, after);
  if (c->s->errors == 0) ir_warn(c->s, c->module);
  tool_report(c);
  return c->s->errors == 0;
}

CgOptions tool_cg_options(const Compilation *c) {
  const ToolOptions *o = c->options;
  return (CgOptions){.cpu = o->cpu, .opt = o->opt, .f32 = o->f32, .debug = o->debug, .devices = o->devices};
}
