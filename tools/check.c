/* nslc check: diagnostics only, of every stage up to the last that can refuse (the choice of integrators; of fits, their
 * derivatives): what a run would refuse is refused here. Several files are checked one after the other, each in a session of its own. */
#include "tools/tool.h"

int cmd_check(int argc, char **argv) {
  ToolOptions options;
  if (!tool_options(argc, argv, "nslc check [--json] FILE…", &options)) return EXIT_USAGE;
  bool good = true;
  for (uint32_t i = 0; i < options.files.n; i++) {
    Compilation c;
    tool_begin(&c, &options);
    bool one = tool_check(&c, options.files.at[i]);
    if (one) one = tool_lower(&c, options.after ? options.after : c.model->fits.n ? NULL : "solve");
    good &= one;
    tool_end(&c);
  }
  return good ? EXIT_OK : EXIT_ERRORS;
}
