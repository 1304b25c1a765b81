/* nslc check: diagnostics only, of every stage up to the choice of integrators, the last that can refuse: what a run would
 * refuse is refused here. Several files are checked one after the other, each in a session of its own. */
#include "tools/tool.h"

int cmd_check(int argc, char **argv) {
  ToolOptions options;
  if (!tool_options(argc, argv, "nslc check [--json] FILE…", &options)) return EXIT_USAGE;
  if (!options.after) options.after = "solve";
  bool good = true;
  for (uint32_t i = 0; i < options.files.n; i++) {
    Compilation c;
    tool_begin(&c, &options);
    good &= tool_compile(&c, options.files.at[i]);
    tool_end(&c);
  }
  return good ? EXIT_OK : EXIT_ERRORS;
}
