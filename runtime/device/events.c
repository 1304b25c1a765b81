/* Handlers that do more than add: their events, in the order of language.md, for the generated kernels that run them.
 *
 * No event is on its way anywhere: rows onto such ports lie in the order of their delays, and in each step every delay looks who spiked so
 * long ago (due). What is due goes into a list of its element and port; then a thread for each element puts its lists in order and
 * writes them down side by side (sort), where the kernels of `receive` find them. */
#include "runtime/device/events.h"

/* The first of a row's synapses, [from, to), with this delay or a longer one. */
static uint64_t delay_first(const struct dev_apart *g, uint64_t from, uint64_t to, uint32_t delay) {
  while (from < to) {
    uint64_t half = (from + to) / 2;
    if (g->delays[half] < delay) from = half + 1;
    else to = half;
  }
  return from;
}

static void row_due(const struct dev_args *a, const struct dev_apart *g, uint32_t source, uint32_t delay, uint32_t lane) {
  uint64_t end = g->begin[source + 1], i = delay_first(g, g->begin[source], end, delay);
  for (i += lane; i < end && g->delays[i] == delay; i += DEV_WARP)
    node_add(a, g->list_at + g->targets[i], (struct dev_node){.key = (uint64_t)g->rank << 32 | source, .weight = g->weights[i],
                                                              .number = g->numbers[i], .count = 1, .element = g->targets[i]});
}

DEV_KERNEL(due) {
  const struct dev_args *a = arguments;
  uint64_t step = a->clock->step, thread = (uint64_t)nsl_dev_block() * nsl_dev_block_size() + nsl_dev_thread();
  uint64_t warps = (uint64_t)nsl_dev_blocks() * nsl_dev_block_size() / DEV_WARP;
  uint32_t k = 0, lane = (uint32_t)(thread % DEV_WARP);
  for (uint64_t task = thread / DEV_WARP; task < a->n_tasks; task += warps) {
    while (k + 1 < a->n_aparts && task >= a->aparts[k + 1].task0) k++;
    const struct dev_apart *g = &a->aparts[k];
    uint32_t delay = g->least + (uint32_t)((task - g->task0) / g->words), word = (uint32_t)((task - g->task0) % g->words);
    if (delay >= step) continue; /* nobody spikes before the first step */
    const uint64_t *masks = a->masks + ((step - delay) & a->mask_mask) * a->mask_row + g->mask_at + word;
    for (uint32_t i = 0; i < g->within; i++)
      for (uint64_t mask = masks[(uint64_t)i * g->words]; mask; mask &= mask - 1) row_due(a, g, word * 64 + (uint32_t)__builtin_ctzll(mask), delay, lane);
  }
}

static inline int before(const struct dev_node *x, const struct dev_node *y) {
  return x->key < y->key || (x->key == y->key && x->number < y->number);
}

/* Merges runs of 1, 2, 4, … nodes; needs no memory. */
static uint32_t list_sort(struct dev_node *nodes, uint32_t list) {
  for (uint32_t length = 1;; length *= 2) {
    uint32_t p = list, tail = 0, merges = 0;
    for (list = 0; p; merges++) {
      uint32_t q = p, n = 0, m = length;
      for (; n < length && q; n++) q = nodes[q - 1].next;
      while (n || (m && q)) {
        uint32_t take;
        if (!n || (m && q && before(&nodes[q - 1], &nodes[p - 1]))) take = q, q = nodes[q - 1].next, m--;
        else take = p, p = nodes[p - 1].next, n--;
        if (tail) nodes[tail - 1].next = take;
        else list = take;
        tail = take;
      }
      p = q;
    }
    if (tail) nodes[tail - 1].next = 0;
    if (merges <= 1) return list;
  }
}

static uint32_t list_write(const struct dev_args *a, const struct dev_handled *h, const struct dev_node *nodes, uint32_t list, uint32_t ordinal, int numbered) {
  uint64_t n = 0;
  for (uint32_t i = list; i; i = nodes[i - 1].next) n += nodes[i - 1].count;
  uint64_t at = (uint64_t)__atomic_fetch_add(h->n, (int64_t)n, __ATOMIC_RELAXED);
  for (uint32_t i = list; i; i = nodes[i - 1].next) {
    const struct dev_node *node = &nodes[i - 1];
    for (uint32_t k = 0; k < node->count; k++, at++, ordinal++) {
      if (at < h->most) h->events[at] = (struct nsl_event){node->element, numbered ? ordinal : 0, node->weight};
      else dev_take_u32(a->lost, 1);
    }
  }
  return ordinal;
}

/* Behind what waits already. */
static void list_keep(const struct dev_args *a, const struct dev_later *l, uint32_t element, uint32_t list, uint64_t step) {
  for (uint32_t i = list; i; i = a->nodes[i - 1].next) {
    uint32_t at = dev_take_u32(l->n, 1);
    if (at >= l->most) {
      dev_take_u32(a->lost, 1);
      return;
    }
    l->nodes[at] = a->nodes[i - 1];
    l->nodes[at].next = 0;
    l->steps[at] = step;
    if (l->last[element]) l->nodes[l->last[element] - 1].next = at + 1;
    else l->first[element] = at + 1;
    l->last[element] = at + 1;
  }
}

/* Events of an element, where they are handled at the end of a longer step. */
static uint32_t later_sort(const struct dev_args *a, const struct dev_pop *p, const struct dev_handled *h, uint32_t element, uint32_t ordinal) {
  const struct dev_later *l = h->later;
  uint32_t *list = &a->lists[h->list_at + element];
  uint64_t step = a->clock->now;
  if (*list) list_keep(a, l, element, list_sort(a->nodes, *list), step);
  *list = 0;
  if (step % p->every || !l->first[element]) return ordinal;
  ordinal = list_write(a, h, l->nodes, l->first[element], ordinal, p->numbered);
  l->first[element] = l->last[element] = 0;
  return ordinal;
}

DEV_KERNEL(sort) {
  const struct dev_args *a = arguments;
  uint32_t block = nsl_dev_block(), element = a->first_of_block[block] + nsl_dev_thread(), ordinal = 0;
  const struct dev_pop *p = &a->pops[a->pop_of_block[block]];
  if (element >= p->words * 64) return;
  for (uint32_t i = 0; i < p->n_handled; i++) {
    uint32_t *list = &a->lists[p->handled[i].list_at + element];
    if (p->handled[i].later) ordinal = later_sort(a, p, &p->handled[i], element, ordinal);
    if (!*list) continue;
    ordinal = list_write(a, &p->handled[i], a->nodes, list_sort(a->nodes, *list), ordinal, p->numbered);
    *list = 0;
  }
}
