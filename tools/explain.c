/* nslc explain: what the compiler chose, with the reasons. */
#include "tools/tool.h"

int cmd_explain(int argc, char **argv) {
  ToolOptions options;
  if (!tool_options(argc, argv, "nslc explain [--json] FILE", &options)) return EXIT_USAGE;
  bool good = true;
  for (uint32_t i = 0; i < options.files.n; i++) {
    Compilation c;
    tool_begin(&c, &options);
    bool one = tool_compile(&c, options.files.at[i]);
    if (one) ir_explain(c.s, c.module, stdout, options.json);
    if (one) ad_explain(c.s, c.module, stdout, options.json);
    good &= one;
    tool_end(&c);
  }
  return good ? EXIT_OK : EXIT_ERRORS;
}
