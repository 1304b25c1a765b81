/* Lists of events for handlers that do more than add (events.c): who adds to them. */
#ifndef NSL_RUNTIME_DEVICE_EVENTS_H
#define NSL_RUNTIME_DEVICE_EVENTS_H

#include "runtime/device/args.h"
#include "runtime/device/dev.h"

/* In front of what its list holds: they are put in order later, so who comes first does not show. */
static inline void node_add(const struct dev_args *a, uint32_t list, struct dev_node node) {
  uint32_t at = dev_take_u32(a->n_nodes, 1);
  if (at >= a->most_nodes) {
    dev_take_u32(a->lost, 1);
    return;
  }
  node.next = __atomic_exchange_n(&a->lists[list], at + 1, __ATOMIC_RELAXED);
  a->nodes[at] = node;
}

#endif
