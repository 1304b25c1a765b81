/* The passes of autodiff/, in their order. */
#include <string.h>

#include "autodiff/ad.h"
#include "ir/pass.h"

const IrPass ad_passes[] = {
#define PASS(name, function, exact, doc) {name, function, exact, doc},
#include "autodiff/passes.def"
#undef PASS
};
const uint32_t ad_n_passes = COUNT_OF(ad_passes);

IrModule *ad_pipeline(Session *s, IrModule *m, const char *after) {
  for (uint32_t i = 0; after && i < ir_n_passes; i++)
    if (strcmp(after, ir_passes[i].name) == 0) return m;
  return m->fits.n ? ir_run_passes(s, m, ad_passes, ad_n_passes, after) : m;
}

IrModule *ad_finish(Session *s, Arena *a, IrModule *m) {
  bool behind = false;
  for (uint32_t i = 0; i < ad_n_passes && ad_passes[i].run != ad_pass_reverse; i++) {
    if (behind) m = ad_passes[i].run(m, a, s);
    behind |= ad_passes[i].run == ad_pass_forward;
  }
  return m;
}
