/* What was chosen of units, sums and forms of synapses, and why. */
#ifndef NSL_RUNTIME_REASONS_H
#define NSL_RUNTIME_REASONS_H

#include <json.h>

struct rt_sim;
struct json_object *rt_layout_json(const struct rt_sim *s);

#endif
