/* nslc ir: any stage as text. --after parse, check, lower, or a pass of ir/passes.def; default: the last. */
#include <string.h>

#include "tools/tool.h"

static void list_stages(void) {
  fprintf(stderr, "stages: parse, check, lower");
  for (uint32_t i = 0; i < ir_n_passes; i++) fprintf(stderr, ", %s", ir_passes[i].name);
  fprintf(stderr, "; of fits:");
  for (uint32_t i = 0; i < ad_n_passes; i++) fprintf(stderr, "%s %s", i ? "," : "", ad_passes[i].name);
  fprintf(stderr, "\n");
}

static bool known_pass(const char *name) {
  for (uint32_t i = 0; i < ir_n_passes; i++)
    if (!strcmp(ir_passes[i].name, name)) return true;
  for (uint32_t i = 0; i < ad_n_passes; i++)
    if (!strcmp(ad_passes[i].name, name)) return true;
  return !name[0] || !strcmp(name, "lower");
}

static bool print_stage(Compilation *c, const char *path, const char *after) {
  if (!strcmp(after, "parse") || !strcmp(after, "check")) {
    bool good = tool_check(c, path);
    if (!strcmp(after, "parse") && c->file) ast_print(c->s, (Ast *)c->file, stdout);
    if (!strcmp(after, "check") && good) model_print(c->s, c->model, stdout);
    return good;
  }
  if (!strcmp(after, "lower")) {
    if (!tool_check(c, path)) return false;
    c->module = ir_lower(c->s, c->arena, c->model);
    tool_report(c);
  } else if (!tool_compile(c, path)) {
    return false;
  }
  if (c->s->errors == 0) ir_print(c->s, c->module, stdout);
  return c->s->errors == 0;
}

int cmd_ir(int argc, char **argv) {
  ToolOptions options;
  if (!tool_options(argc, argv, "nslc ir FILE [--after PASS]", &options)) return EXIT_USAGE;
  if (options.files.n != 1) {
    fprintf(stderr, "nslc ir: one file at a time\n");
    return EXIT_USAGE;
  }
  const char *after = options.after ? options.after : "";
  if (strcmp(after, "parse") && strcmp(after, "check") && !known_pass(after)) {
    fprintf(stderr, "nslc: there is no stage `%s`\n", after);
    list_stages();
    return EXIT_USAGE;
  }
  Compilation c;
  tool_begin(&c, &options);
  c.s->second_derivatives = !strcmp(after, "hessian");
  bool good = print_stage(&c, options.files.at[0], after);
  tool_end(&c);
  return good ? EXIT_OK : EXIT_ERRORS;
}
