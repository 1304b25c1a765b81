/* nslc explain: what the compiler chose, with the reasons. */
#include "tools/explain.h"

int cmd_explain(int argc, char **argv) {
  ToolOptions options;
  if (!tool_options(argc, argv, "nslc explain [--json] [--target gpu] FILE", &options)) return EXIT_USAGE;
  bool good = true;
  for (uint32_t i = 0; i < options.files.n; i++) {
    Compilation c;
    tool_begin(&c, &options);
    bool one = tool_compile(&c, options.files.at[i]);
    if (one) ir_explain(c.s, c.module, stdout, options.json);
    if (one) ad_explain(c.s, c.module, stdout, options.json);
    OnDevice device;
    if (one && options.devices && (one = explain_gpu(&c, &device))) explain_device(&c, &device, stdout);
    good &= one;
    tool_end(&c);
  }
  return good ? EXIT_OK : EXIT_ERRORS;
}
