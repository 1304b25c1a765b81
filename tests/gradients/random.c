/* Derivatives of random well-typed marches, several steps each. In 113-bit arithmetic: reverse mode against forward mode by the
 * dot-product identity, forward mode against central differences. In float64: reverse mode in segments with the same bits as in
 * one piece, and against forward mode as far as that is exact itself.
 *
 * usage: random [NUMBER [FIRST SEED]] */
#include <math.h>
#include <quadmath.h>
#include <stdlib.h>
#include <string.h>

#include "lang/session.h"
#include "tests/gradients/marches.h"
#include "tests/ir/random_kernel.h"
#include "tests/math/tap.h"

enum { LANES = 2, PER_SESSION = 40 };
#define LARGE 1e20 /* above it rounding leaves nothing of a sine */

typedef struct {
  int marches;
  int products, products_wrong;    /* 113 bits */
  int differences, differences_wrong, kinks;
  int second, second_wrong, bends, symmetric, symmetric_wrong;
  int products64, products64_wrong, segments, segments_wrong, taped, unsound;
} Count;

static bool fine(Quad x) { return finiteq(x) && fabsq(x) < LARGE; }

/* By lane: all states, rings and derivatives were numbers at the beginning and after every step. Leaves the last states. */
static void run_watched(Run *r, const Marches *m, bool ret_fine[LANES]) {
  uint64_t all = r->steps;
  for (int64_t e = 0; e < LANES; e++) ret_fine[e] = true;
  for (r->steps = 0; r->steps <= all; r->steps++) {
    run_forward(r, m);
    for (int64_t e = 0; e < LANES; e++) ret_fine[e] &= run_finite(r, e, LARGE);
  }
  r->steps = all;
}

static void show(Session *s, uint64_t seed, const Marches *m, const char *what, uint32_t k, Quad got, Quad want) {
  printf("# seed %d, %s, parameter %u: %.17g and %.17g\n", (int)seed, what, k, (double)got, (double)want);
  const IrKernel *all[] = {m->plain.begin, m->plain.march, m->reverse.record, m->reverse.back, m->reverse.end};
  for (size_t i = 0; i < COUNT_OF(all); i++)
    if (all[i]) ir_print_kernel(s, all[i], stderr);
}

/* sum of weight * state, all sums */
static Quad value(const Run *r, const Marches *m, int64_t lane) {
  Quad v = 0;
  for (uint32_t i = 0; i < m->plain.n_states; i++)
    if (m->sums[i]) v += run_weight(i) * run_state(r, i, lane);
  return v;
}

static void difference_by(Run *r, const Marches *m, uint32_t k, Quad h, Quad d[LANES]) {
  Quad at[LANES];
  for (int64_t e = 0; e < LANES; e++) at[e] = run_param(r, k, e), d[e] = 0;
  for (int sign = -1; sign <= 1; sign += 2) {
    for (int64_t e = 0; e < LANES; e++) run_set_param(r, k, e, at[e] + sign * h);
    run_plain(r, m);
    for (int64_t e = 0; e < LANES; e++) d[e] += sign * value(r, m, e) / (2 * h);
  }
  for (int64_t e = 0; e < LANES; e++) run_set_param(r, k, e, at[e]);
}

static void check_differences(Session *s, Count *c, Run *r, const Marches *m, uint64_t seed, uint32_t k, const Quad *want,
                              const Quad *scale) {
  Quad d[LANES], wider[LANES];
  difference_by(r, m, k, 1e-12Q, d);
  difference_by(r, m, k, 2e-12Q, wider);
  for (int64_t e = 0; e < LANES; e++) {
    if (!fine(want[e]) || !fine(d[e])) continue;
    /* of rounding: / h in differences, times what is large within a step (1 - tanh^2, far out) in derivatives */
    Quad noise = 1e-5Q * (1 + fabsq(value(r, m, e))), size = fmaxq(scale[e], fmaxq(fabsq(d[e]), noise));
    if (fabsq(d[e] - wider[e]) > 1e-12Q * fmaxq(fabsq(d[e]), noise)) {
      c->kinks++;
      continue;
    }
    c->differences++;
    if (fabsq(d[e] - want[e]) <= 1e-10Q * size) continue;
    if (c->differences_wrong++ < 2) show(s, seed, m, "differences and forward mode", k, d[e], want[e]);
  }
}

static void check_quad(Session *s, Arena *a, Count *c, const Marches *m, uint64_t seed) {
  uint64_t steps = 1 + seed % 9, lag = 1 + seed / 9 % 8;
  Run f = run_new(a, seed, true, LANES, steps, lag), r = run_new(a, seed, true, LANES, steps, lag);
  bool numbers[LANES];
  run_watched(&f, m, numbers);
  run_reverse(&r, m);
  for (uint32_t k = 0; k < m->n_params; k++) {
    Quad want[LANES], scale[LANES];
    for (int64_t e = 0; e < LANES; e++) {
      want[e] = run_product(&f, m, k, e, &scale[e]);
      if (!numbers[e]) want[e] = nanq("");
      if (!fine(want[e])) continue;
      Quad got = run_adjoint(&r, m->plain.n_states + k, e);
      c->products++;
      if (fabsq(got - want[e]) <= 1e-12Q * fmaxq(scale[e], 1e-15Q)) continue;
      if (c->products_wrong++ < 2) show(s, seed, m, "reverse and forward mode", k, got, want[e]);
    }
    check_differences(s, c, &f, m, seed, k, want, scale);
    run_forward(&f, m);
  }
}

static Quad *quads(Arena *a, uint32_t n) {
  char *at = NEW_ARRAY(a, char, (n + 2) * sizeof(Quad));
  return (Quad *)(void *)(at + (-(uintptr_t)at & (sizeof(Quad) - 1)));
}

/* The Hessian times the direction, by differences of the gradient along it. */
static void gradients_apart(Run *r, const Marches *m, Quad h, const Quad *v, Quad *d) {
  for (uint32_t i = 0; i < m->n_params * LANES; i++) d[i] = 0;
  for (int sign = -1; sign <= 1; sign += 2) {
    for (uint32_t k = 0; k < m->n_params; k++)
      for (int64_t e = 0; e < LANES; e++) run_set_param(r, k, e, run_param(r, k, e) + sign * h * v[k * LANES + e]);
    run_reverse(r, m);
    for (uint32_t k = 0; k < m->n_params; k++)
      for (int64_t e = 0; e < LANES; e++) {
        run_set_param(r, k, e, run_param(r, k, e) - sign * h * v[k * LANES + e]);
        d[k * LANES + e] += sign * run_adjoint(r, m->plain.n_states + k, e) / (2 * h);
      }
  }
}

static void check_second(Session *s, Arena *a, Count *c, const Marches *m, uint64_t seed) {
  uint64_t steps = 1 + seed % 5, lag = 1 + seed / 9 % 4;
  uint32_t n = m->n_params, first = 2 * m->plain.n_states;
  Run r = run_new(a, seed, true, LANES, steps, lag), other = run_new(a, seed, true, LANES, steps, lag), f = run_new(a, seed, true, LANES, steps, lag);
  Quad *d = quads(a, n * LANES), *wider = quads(a, n * LANES), *v = quads(a, n * LANES);
  bool numbers[LANES];
  run_watched(&f, m, numbers);
  run_hessian(&r, m);
  run_hessian(&other, m); /* so that its direction is there */
  for (uint32_t i = 0; i < n * LANES; i++) v[i] = run_param(&r, n + i / LANES, i % LANES);
  for (uint32_t i = 0; i < n * LANES; i++) run_set_param(&other, n + i / LANES, i % LANES, v[i] * (i / LANES % 2 ? -0.5Q : 1.25Q));
  run_hessian(&other, m);
  gradients_apart(&f, m, 1e-12Q, v, d);
  gradients_apart(&f, m, 2e-12Q, v, wider);
  run_reverse(&f, m);
  for (int64_t e = 0; e < LANES; e++) {
    Quad uhv = 0, vhu = 0, size = 0;
    bool good = numbers[e];
    for (uint32_t k = 0; k < n; k++) {
      Quad is = run_adjoint(&r, first + k, e), want = d[k * LANES + e], gradient = run_adjoint(&f, m->plain.n_states + k, e);
      Quad noise = 1e-10Q * (1 + fabsq(gradient) + fabsq(value(&f, m, e)));
      uhv += is * run_param(&other, n + k, e);
      vhu += run_adjoint(&other, first + k, e) * v[k * LANES + e];
      size += fabsq(is * run_param(&other, n + k, e)) + fabsq(run_adjoint(&other, first + k, e) * v[k * LANES + e]);
      good &= fine(is) && fine(want) && fine(gradient);
      if (!good || fabsq(want - wider[k * LANES + e]) > 1e-12Q * fmaxq(fabsq(want), noise)) continue;
      c->second++;
      c->bends += fabsq(want) > noise;
      bool same = fabsq(run_adjoint(&r, first + n + k, e) - gradient) <= 1e-12Q * (1e-3Q + fabsq(gradient));
      if (same && fabsq(is - want) <= 1e-10Q * fmaxq(fmaxq(fabsq(is), fabsq(want)), noise)) continue;
      if (c->second_wrong++ < 2) show(s, seed, m, "Hessian times a vector, and differences of the gradient", k, is, want);
    }
    c->symmetric += good;
    c->symmetric_wrong += good && fabsq(uhv - vhu) > 1e-12Q * (1e-15Q + size);
  }
}

static void check_double(Session *s, Arena *a, Count *c, const Marches *m, uint64_t seed) {
  uint64_t steps = 1 + seed % 9, lag = 1 + seed / 9 % 8;
  Run exact = run_new(a, seed, true, LANES, steps, lag), f = run_new(a, seed, false, LANES, steps, lag);
  Run whole = run_new(a, seed, false, LANES, steps, lag), parts = run_new(a, seed, false, LANES, steps, lag);
  parts.segment = 1 + seed % 4;
  bool numbers[LANES];
  run_watched(&exact, m, numbers);
  run_forward(&f, m);
  run_reverse(&whole, m);
  run_reverse(&parts, m);
  for (uint32_t k = 0; k < m->n_params; k++)
    for (int64_t e = 0; e < LANES; e++) {
      Quad scale, true_scale, want = run_product(&f, m, k, e, &scale), truth = run_product(&exact, m, k, e, &true_scale);
      double got = (double)run_adjoint(&whole, m->plain.n_states + k, e), again = (double)run_adjoint(&parts, m->plain.n_states + k, e);
      c->segments++;
      c->segments_wrong += memcmp(&got, &again, sizeof got) != 0 && !(isnan(got) && isnan(again));
      if (!numbers[e] || !fine(want) || fabsq(want - truth) > 1e-14Q * scale) continue;
      c->products64++;
      if (fabsq(got - want) <= 1e-12Q * fmaxq(scale, 1e-3Q)) continue;
      if (c->products64_wrong++ < 2) show(s, seed, m, "float64, reverse and forward mode", k, got, want);
    }
}

static bool sound(Session *s, const Marches *m) {
  const IrKernel *all[] = {m->reverse.record, m->reverse.back, m->reverse.end, m->tangent.begin,
                           m->tangent.march, m->hessian.record, m->hessian.back, m->hessian.end};
  int complaints = 0;
  for (size_t i = 0; i < COUNT_OF(all); i++) complaints += ir_verify_kernel(s, all[i], stderr);
  return complaints == 0;
}

static void one(Session *s, Arena *a, Count *c, const Marches *m, uint64_t seed) {
  c->marches++;
  c->unsound += !sound(s, m);
  c->taped += m->reverse.n_tape > 0;
  check_quad(s, a, c, m, seed);
  if (c->marches % 4 == 0) check_double(s, a, c, m, seed);
  if (c->marches % 4 == 1) check_second(s, a, c, m, seed);
}

static void tell(const Count *c, const char *which) {
  tap_ok(c->unsound == 0, "%d random marches%s: their ways back pass the verifier", c->marches, which);
  tap_ok(c->products_wrong == 0 && c->products > c->marches,
         "reverse against forward mode, 113 bits: %d of %d within 1e-12", c->products - c->products_wrong, c->products);
  tap_ok(c->differences_wrong == 0 && c->differences > c->marches / 2 && c->kinks < c->differences / 4,
         "forward mode against differences: %d of %d within 1e-10 (%d more at kinks)", c->differences - c->differences_wrong,
         c->differences, c->kinks);
  tap_ok(c->products64_wrong == 0 && c->products64 > c->marches / 10, "reverse against forward mode, float64: %d of %d within 1e-12",
         c->products64 - c->products64_wrong, c->products64);
  tap_ok(c->second_wrong == 0 && c->second > c->marches / 10 && c->bends > c->second / 10,
         "Hessian times a vector against differences of the gradient: %d of %d within 1e-10, %d of them not 0",
         c->second - c->second_wrong, c->second, c->bends);
  tap_ok(c->symmetric_wrong == 0 && c->symmetric > c->marches / 10, "u H v as v H u: %d of %d within 1e-12",
         c->symmetric - c->symmetric_wrong, c->symmetric);
  tap_ok(c->segments_wrong == 0 && c->segments > 0, "in segments as in one piece: %d of %d the same bits",
         c->segments - c->segments_wrong, c->segments);
  tap_ok(c->taped > c->marches / 10, "%d of %d have a tape", c->taped, c->marches);
}

int main(int argc, char **argv) {
  int n = argc > 1 ? atoi(argv[1]) : 1500, made = 0;
  uint64_t seed = argc > 2 ? (uint64_t)atoll(argv[2]) : 1;
  Count plain = {0}, loops = {0};
  for (Session *s = NULL; plain.marches + loops.marches < n; seed += 2) {
    if (!s) s = session_new();
    Arena *a = arena_new();
    Marches m;
    /* the degrees of joining edges in turn, and the cheapest */
    if (marches_random(s, a, seed, (int)(seed / 2 % (AD_EFFORTS + 1)) - 1, &m)) one(s, a, m.loops ? &loops : &plain, &m, seed);
    arena_free(a);
    if (++made % PER_SESSION == 0) session_free(s), s = NULL;
  }
  tell(&plain, "");
  tell(&loops, " with loops");
  return tap_done();
}
