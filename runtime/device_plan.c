/* Where everything lies in the device's memory: one block, whose size is known before it is asked for. */
#include <stdio.h>
#include <string.h>

#include "runtime/device.h"
#include "runtime/error.h"
#include "runtime/events.h"
#include "runtime/verify.h"

static const char *const uses[] = {
#define REGION(id, text) text,
#include "runtime/device_regions.def"
#undef REGION
};
enum { ALIGN = 256, LINE = 128 };

uint64_t rt_device_reserve(struct rt_device *d, enum dev_use use, uint64_t bytes) {
  uint64_t at = d->bytes;
  bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
  d->bytes += bytes;
  d->used[use] += bytes;
  return at;
}

static uint64_t lines(uint64_t bytes) { return (bytes + LINE - 1) / LINE * LINE; }

uint64_t rt_device_keep(struct rt_device *d, const void *data, uint64_t bytes) {
  if (!data || !bytes) return 0;
  for (size_t i = 0; i < d->n_kept; i++)
    if (d->kept[i].data == data && d->kept[i].bytes == bytes) return d->kept[i].at;
  if (rt_grow(&d->kept, &d->kept_cap, d->n_kept + 1, sizeof *d->kept)) d->image.failed = true;
  else d->kept[d->n_kept++] = (struct dev_kept){rt_device_reserve(d, DEV_USE_SYNAPSES, bytes), data, bytes};
  return d->image.failed ? 0 : d->kept[d->n_kept - 1].at;
}

/* What steps change lies in one piece, so that it is copied at once. */
static void pop_arrays(struct rt_device *d, const struct rt_pop *p, struct dev_place *at) {
  const struct nsl_class *k = p->class;
  at->real_stride = lines((uint64_t)p->padded * d->s->real_size);
  at->mask_stride = lines((uint64_t)p->words * 8);
  at->live_bytes = (k->n_states + k->n_inputs + 2ull * k->n_pasts) * at->real_stride + (k->n_holds + 2) * at->mask_stride;
  uint64_t waits = p->every > 1 ? p->padded * 8ull : 0;
  at->live_bytes += (k->n_ports + k->n_inputs) * waits;
  at->live = at->states = rt_device_reserve(d, DEV_USE_STATES, at->live_bytes);
  at->inputs = at->states + k->n_states * at->real_stride;
  at->held = at->inputs + k->n_inputs * at->real_stride;
  at->prev = at->held + k->n_holds * at->mask_stride;
  at->now = at->prev + at->mask_stride;
  at->past_live = at->now + at->mask_stride;
  at->waiting = at->past_live + 2ull * k->n_pasts * at->real_stride;
  at->sums = at->waiting + k->n_ports * waits;
}

static uint32_t room_take(uint64_t *row, uint32_t n) {
  uint64_t at = *row;
  *row += n;
  return at > UINT32_MAX ? NSL_NONE : (uint32_t)at;
}

/* Sums by port: straight ones are counts. */
static int pop_sums(struct rt_device *d, const struct rt_pop *p, struct dev_place *at) {
  uint32_t n = p->class->n_ports;
  at->sum_at = rt_alloc(&d->mem, 4 * (uint64_t)n + 1, sizeof *at->sum_at);
  if (!at->sum_at) return NSL_EMEMORY;
  at->long_at = at->sum_at + n;
  at->count_at = at->long_at + n;
  at->list_at = at->count_at + n;
  for (uint32_t q = 0; q < n; q++) {
    bool each = rt_port_each(p, q), straight = p->class->ports[q].straight && !each;
    bool longs = d->s->program->f32 && d->s->ports[p->port0 + q].long_sums && !each;
    at->list_at[q] = each ? room_take(&d->n_lists, p->padded) : NSL_NONE;
    at->sum_at[q] = straight || each ? NSL_NONE : room_take(&d->ring_row[DEV_SUMS], p->padded);
    at->long_at[q] = !straight && longs ? room_take(&d->ring_row[DEV_LONG_SUMS], p->padded) : NSL_NONE;
    at->count_at[q] = straight ? room_take(&d->ring_row[DEV_COUNTS], p->padded) : NSL_NONE;
  }
  return 0;
}

/* Steps that sums are kept for: those of the longest delay and this one. */
static int rings_plan(struct rt_device *d) {
  const struct rt_sim *s = d->s;
  uint64_t longest = s->max_delay, length = 2;
  if (!(d->waits = rt_alloc(&d->mem, s->n_drives + 1ull, sizeof *d->waits))) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->n_drives; i++)
    if (s->drives[i].delays) {
      if (s->drives[i].most_delay > longest) longest = s->drives[i].most_delay;
      if (s->drives[i].each) d->waits[i] = room_take(&d->ring_row[DEV_COUNTS], s->drives[i].tn);
    }
  while (length < longest + 1) length *= 2;
  d->ring_mask = (uint32_t)(length - 1);
  for (int k = 0; k < DEV_RINGS; k++) {
    if (d->ring_row[k] > UINT32_MAX)
      return rt_fail(NSL_ECANNOT, "the model has more than 4294967295 ports of elements, which is the most on a device");
    uint64_t bytes = k == DEV_LONG_SUMS || (k == DEV_SUMS && !s->program->f32) ? 8 : 4;
    d->ring_bytes[k] = d->ring_row[k] * bytes * length;
    d->ring_at[k] = rt_device_reserve(d, DEV_USE_SUMS, d->ring_bytes[k]);
  }
  return 0;
}

static void masks_plan(struct rt_device *d) {
  const struct rt_sim *s = d->s;
  uint64_t length = DEV_BATCH, least = s->max_delay + 1ull; /* those that are sent again at the end */
  if (s->n_plastic && rt_plastic_reach(s) >= least) least = rt_plastic_reach(s) + 1ull;
  for (uint32_t i = 0; i < s->n_pops; i++) {
    d->places[i].mask_at = d->mask_row;
    d->mask_row += (s->pops[i].words * (uint64_t)s->pops[i].within + 7) / 8 * 8;
    if ((s->pops[i].ring_mask + 1ull) * s->pops[i].every > least) least = (s->pops[i].ring_mask + 1ull) * s->pops[i].every;
  }
  while (length < least) length *= 2;
  d->mask_mask = length - 1;
  d->masks_at = rt_device_reserve(d, DEV_USE_MASKS, length * d->mask_row * 8);
}

static void pieces_plan(struct rt_device *d) {
  for (uint32_t g = 0; g < d->n_rows; g++) {
    const struct dev_rows *r = &d->rows[g];
    uint32_t most = rt_device_piece(r);
    if (!r->begin || rt_device_is_apart(r)) continue;
    for (uint32_t i = 0; i < r->pop->size; i++) d->most_pieces += (r->begin[i + 1] - r->begin[i] + most - 1) / most * r->pop->within;
  }
  d->pieces_at = rt_device_reserve(d, DEV_USE_PIECES, d->most_pieces * sizeof(struct dev_piece));
  d->count_at = rt_device_reserve(d, DEV_USE_PIECES, sizeof(uint32_t));
}

static void rows_plan(struct rt_device *d) {
  for (uint32_t g = 0; g < d->n_rows; g++) {
    struct dev_rows *r = &d->rows[g];
    if (!r->begin) continue;
    r->begin_at = rt_device_reserve(d, DEV_USE_SYNAPSES, (r->pop->size + 1ull) * sizeof *r->begin);
    r->targets_at = rt_device_reserve(d, DEV_USE_SYNAPSES, r->n * sizeof(uint32_t));
    rt_device_made_plan(d, r);
    if (r->delay_bytes) r->delays_at = rt_device_reserve(d, DEV_USE_SYNAPSES, r->n * r->delay_bytes);
    if (r->weight_bytes) r->weights_at = rt_device_reserve(d, DEV_USE_SYNAPSES, r->n * r->weight_bytes);
  }
}

int rt_device_plan(struct rt_device *d) {
  const struct rt_sim *s = d->s;
  d->bytes = ALIGN; /* 0 is no place */
  d->places = rt_alloc(&d->mem, s->n_pops, sizeof *d->places);
  if (!d->places) return NSL_EMEMORY;
  d->live = d->bytes;
  int e = 0;
  for (uint32_t i = 0; i < s->n_pops; i++) {
    pop_arrays(d, &s->pops[i], &d->places[i]);
    if (s->pops[i].class->n_states > d->most_states) d->most_states = s->pops[i].class->n_states;
  }
  d->live_bytes = d->bytes - d->live;
  for (uint32_t i = 0; !e && i < s->n_pops; i++) {
    d->places[i].params = rt_device_reserve(d, DEV_USE_STATES, s->pops[i].class->n_params * d->places[i].real_stride);
    if (s->pops[i].olds) d->places[i].olds = rt_device_reserve(d, DEV_USE_STATES, s->pops[i].class->n_states * d->places[i].real_stride);
    e = pop_sums(d, &s->pops[i], &d->places[i]);
  }
  if (!e) e = rings_plan(d);
  masks_plan(d);
  if (!e) e = rt_device_rows_count(d);
  if (e) return e;
  rows_plan(d);
  pieces_plan(d);
  if ((e = rt_device_looks_plan(d)) || (e = rt_device_paces_plan(d)) || (e = rt_device_events_plan(d)) || (e = rt_device_late_plan(d)) || (e = rt_device_carry_plan(d)) || (e = rt_device_plastic_plan(d))) return e;
  d->globals_at = rt_device_reserve(d, DEV_USE_TABLES, s->x->n_globals * sizeof(double));
  d->clock_at = rt_device_reserve(d, DEV_USE_TABLES, sizeof(struct dev_clock));
  if ((e = rt_device_drives_plan(d)) || (e = rt_device_launches(d))) return e;
  d->bad_at = rt_device_reserve(d, DEV_USE_TABLES, rt_device_bad_bytes(d));
  if ((e = rt_device_tables(d))) return e;
  d->tables_at = rt_device_reserve(d, DEV_USE_TABLES, d->image.used);
  return 0;
}

/* ---- the block */

static void size_text(char *out, size_t n, uint64_t bytes) {
  double x = (double)bytes;
  if (x >= 1e9) snprintf(out, n, "%.1f GB", x / 1e9);
  else if (x >= 1e6) snprintf(out, n, "%.1f MB", x / 1e6);
  else snprintf(out, n, "%.1f kB", x / 1e3);
}

/* Would it help to make synapses anew? */
static bool could_be_made(const struct rt_sim *s, int most) {
  return most == DEV_USE_SYNAPSES && s->connectivity == NSL_STORED && s->n_projs > 0 && !s->n_plastic;
}

static int too_large(const struct rt_device *d, uint64_t free) {
  char need[40], has[40], part[40];
  int most = 0;
  for (int i = 1; i < DEV_USES; i++)
    if (d->used[i] > d->used[most]) most = i;
  size_text(need, sizeof need, d->bytes);
  size_text(has, sizeof has, free);
  size_text(part, sizeof part, d->used[most]);
  return rt_fail(NSL_EMEMORY, "the run needs %s on the device (%s of it for %s), and %s has %s free: use %s%sa smaller model "
                 "or a larger device, or run with --device cpu", need, part, uses[most], d->gpu.emulated ? "the emulated device" : d->gpu.name, has,
                 could_be_made(d->s, most) ? "--connectivity procedural, " : "", d->s->program->f32 ? "" : "--precision f32, ");
}

int rt_device_allocate(struct rt_device *d) {
  uint64_t free;
  int e = rt_gpu_memory_free(&d->gpu, &free);
  if (e) return e;
  if (d->bytes > free) return too_large(d, free);
  return gpu_try(&d->gpu, cuMemAlloc_v2, (&d->block, d->bytes), "allocating %.3f GB", (double)d->bytes / 1e9);
}
