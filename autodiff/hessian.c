/* Products with the Hessian: the way back (reverse.c) of the derivatives along a direction (forward.c). Both take and give
 * marches, so that the second derivative of a march is nothing new: the derivative along v of a term's sum S is a number that the
 * tangent form adds up, and its gradient by the parameters is the Hessian of S times v. Its gradient by the components of v is
 * that of S itself, which the objective needs as well:
 *
 *   H v = sum over terms of L_k (H_k v) + (sum over terms j of L_kj (g_j . v)) g_k       (runtime/fit_value.c)
 *
 * with the slopes L_k of the objective, its second derivatives L_kj (ir/lower_fit.c) and the terms' gradients g_k.
 *
 * Solutions of equations (backward Euler) have their first derivatives by the implicit function theorem, whose formula holds one
 * order only; here they are what Newton's method made of them, and all of that is differentiated.
 *
 * Needs Session.second_derivatives: what a caller has not asked for is not made. A march that has no second derivative gets
 * none; whoever asks for it at run time is told. */
#include "autodiff/ad.h"
#include "autodiff/reverse.h"
#include "ir/pass.h"
#include "lang/session.h"

static void finish(Session *s, Arena *a, IrMarchForm *form) {
  IrModule *m = NEW(a, IrModule);
  m->level = 2;
  ir_module_add(m, a, form->begin);
  ir_module_add(m, a, form->march);
  m = ad_finish(s, a, m);
  form->begin = m->kernels.at[0];
  form->march = m->kernels.at[1];
}

void ad_hessian(AdForward *f, IrMarch *m, const bool *sums, int effort) {
  IrMarch way = *m;
  way.plain.begin = ad_solved(m->plain.begin, f->arena, f->s);
  way.plain.march = ad_solved(m->plain.march, f->arena, f->s);
  f->quiet = true;
  IrMarchForm tangent = ad_direction(f, &way, false);
  if (!tangent.march) return;
  finish(f->s, f->arena, &tangent);
  bool *slopes = NEW_ARRAY(f->arena, bool, tangent.n_states + 1);
  for (uint32_t i = 0; i < m->plain.n_states; i++) slopes[m->plain.n_states + i] = sums[i];
  AdReverse r = {.s = f->s, .arena = f->arena, .effort = effort, .quiet = true};
  r.active = ad_active(f->arena, &tangent, 2 * f->n_params, slopes);
  m->hessian = ad_reverse(&r, &tangent, name_str(f->s, name_fmt(f->s, "hessian.%s", name_str(f->s, m->class->name))));
  if (!m->hessian.back) return;
  m->tangent = tangent;
  m->tangent.begin->index = m->tangent.march->index = IR_NONE;
}

/* A surrogate is the derivative of nothing: what stands for its derivative would be no symmetric matrix. */
static bool has_hessian(const IrFit *f) { return f->fit->own_spikes.gradient != SPIKES_SURROGATE; }

static void march_hessian(Session *s, Arena *a, const IrFit *f, IrMarch *m) {
  AdForward all = ad_forward_of(s, a, f, m);
  ad_hessian(&all, m, ad_sums(m, a), -1);
}

IrModule *ad_pass_hessian(const IrModule *in, Arena *out, Session *s) {
  IrModule *m = ir_module_copy(s, in, out);
  for (uint32_t i = 0; s->second_derivatives && i < m->fits.n; i++)
    for (uint32_t k = 0; has_hessian(m->fits.at[i]) && k < m->fits.at[i]->marches.n; k++) march_hessian(s, out, m->fits.at[i], m->fits.at[i]->marches.at[k]);
  ir_module_renumber(m, out);
  return m;
}
