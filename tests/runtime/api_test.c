/* nsl.h: a simulation held open by a C program gives what the command line gives, whatever the pieces in
 * which it is run. */
#include "tests/runtime/model.h"

static struct model *network(void) {
  struct model *m = model_new(0.1, 100, 42);
  uint32_t e = lif_add(m, "E", 1200, 3), i = lif_add(m, "I", 300, 4);
  param_add(m, "net.w", number(m, 0.05), "mV", 1, "0 12 0 0 0 0", -10, 10);
  struct nsl_projection *p = connect(m, e, i, NSL_PROBABILITY, 0.1, 0.05, 1);
  p->weight = m->params[0].slot;
  connect(m, i, e, NSL_INDEGREE, 10, -0.1, 1.2);
  return m;
}

int main(void) {
  const struct nsl_program *p = model_end(network());
  struct nsl_sim *a = NULL, *b = NULL, *none = NULL;
  ok(nsl_open(p, "nothing", &none) == NSL_EINPUT && !none && strstr(nsl_error(), "no experiment `nothing`"),
     "a wrong experiment: %s", nsl_error());
  ok(nsl_open(p, NULL, &a) == 0 && nsl_open(p, "test", &b) == 0 && a && b, "two at once");
  ok(nsl_set(a, "net.x", 1) == NSL_EINPUT && strstr(nsl_error(), "net.x"), "a wrong path: %s", nsl_error());
  ok(nsl_set(a, "net.w", 0.07) == 0 && nsl_set_text(b, "net.w", "70uV") == 0 && nsl_set_threads(b, 2) == 0 &&
         nsl_set_seed(a, 5) == 0 && nsl_set_seed(b, 5) == 0,
     "values, seed, threads before the first run");
  ok(nsl_set_device(a, "cpu") == 0 && nsl_set_device(a, "emulated") == NSL_ECANNOT && nsl_set_device(a, "tpu") == NSL_EINPUT,
     "a device that the program has no code for: %s", nsl_error());
  ok(nsl_run(a, 100) == 0 && nsl_time(a) == 100, "100 ms at once");
  bool good = true;
  for (int k = 0; k < 40; k++) good &= nsl_run(b, 2.5) == 0;
  uint64_t ha = 0, hb = 1;
  nsl_state_hash(a, &ha);
  nsl_state_hash(b, &hb);
  ok(good && nsl_time(b) == 100 && ha == hb, "100 ms in 40 pieces: the same state %016llx",
     (unsigned long long)ha);
  const struct nsl_spike *sa, *sb;
  size_t na = 0, nb = 1;
  nsl_spikes(a, &sa, &na);
  nsl_spikes(b, &sb, &nb);
  bool same = na == nb && na > 1000;
  for (size_t i = 0; same && i < na; i++)
    same = sa[i].t == sb[i].t && sa[i].population == sb[i].population && sa[i].id == sb[i].id;
  for (size_t i = 1; same && i < na; i++)
    same = sa[i].t > sa[i - 1].t ||
           (sa[i].t == sa[i - 1].t && (sa[i].population > sa[i - 1].population || sa[i].id > sa[i - 1].id));
  ok(same, "the same %zu spikes, sorted", na);
  uint32_t pop, size;
  double v[3] = {NAN, NAN, NAN};
  ok(nsl_population(a, "I", &pop, &size) == 0 && pop == 1 && size == 300 &&
         nsl_read(a, pop, "V", 297, 3, v) == 0 && isfinite(v[2]),
     "reading V: %g", v[2]);
  ok(nsl_read(a, pop, "V", 298, 3, v) == NSL_EINPUT && nsl_read(a, pop, "W", 0, 1, v) == NSL_EINPUT &&
         nsl_read(a, 7, "V", 0, 1, v) == NSL_EINPUT && nsl_population(a, "X", &pop, &size) == NSL_EINPUT,
     "what is not there: %s", nsl_error());
  ok(nsl_set(a, "net.w", 1) == NSL_EINPUT && nsl_set_device(a, "cpu") == NSL_EINPUT, "too late to set: %s", nsl_error());
  nsl_spikes_clear(a);
  ok(nsl_spikes(a, &sa, &na) == 0 && na == 0 && nsl_run(a, -1) == NSL_EINPUT, "cleared; no time backwards");
  nsl_close(a);
  nsl_close(b);
  nsl_open(p, NULL, &a);
  nsl_set(a, "net.w", 11);
  ok(nsl_run(a, 1) == NSL_EINPUT && nsl_run(a, 1) == NSL_EINPUT && nsl_spikes(a, &sa, &na) == NSL_EINPUT,
     "a value outside of its domain: nothing is built, nothing crashes");
  nsl_close(a);
  nsl_close(NULL);
  return done();
}
