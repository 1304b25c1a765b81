/* What a run and --describe say of the device. */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/device.h"
#include "runtime/report.h"

/* 75: 7.5; 12040: 12.4 */
static void capability_text(const struct rt_gpu *g, char *text, size_t n) {
  snprintf(text, n, "%u.%u", g->capability / 10, g->capability % 10);
}

static void cuda_text(const struct rt_gpu *g, char *text, size_t n) {
  snprintf(text, n, "%d.%d", g->version / 1000, g->version % 1000 / 10);
}

static struct json_object *megabytes(uint64_t bytes) {
  char text[40];
  snprintf(text, sizeof text, "%.7g", (double)bytes / 1e6);
  return json_object_new_double_s((double)bytes / 1e6, text);
}

struct json_object *rt_gpu_json(const struct rt_gpu *g, uint64_t used) {
  struct json_object *o = json_object_new_object();
  char capability[20], cuda[20];
  capability_text(g, capability, sizeof capability);
  cuda_text(g, cuda, sizeof cuda);
  json_object_object_add(o, "name", json_object_new_string(g->name));
  json_object_object_add(o, "emulated", json_object_new_boolean(g->emulated));
  json_object_object_add(o, "code", json_object_new_string(g->code->name));
  if (g->emulated) {
    const char *order = getenv("NSL_EMULATED_ORDER");
    json_object_object_add(o, "order", json_object_new_string(order ? order : "forward"));
  } else {
    json_object_object_add(o, "index", json_object_new_int(g->device));
    json_object_object_add(o, "compute_capability", json_object_new_string(capability));
    json_object_object_add(o, "driver_knows_cuda", json_object_new_string(cuda));
    json_object_object_add(o, "processors", json_object_new_int((int)g->processors));
  }
  json_object_object_add(o, "memory_mb", megabytes(g->memory));
  json_object_object_add(o, "used_mb", megabytes(used));
  return o;
}

/* ---- what the run's plan knows exactly */

static const char *const uses[] = {
#define REGION(id, text) text,
#include "runtime/device_regions.def"
#undef REGION
};
static const char *const functions[] = {
#define DEVICE(name, blocks, doc) #name,
#include "runtime/device/device.def"
#undef DEVICE
};

static void whole(struct json_object *o, const char *key, uint64_t n) { json_object_object_add(o, key, json_object_new_uint64(n)); }

static struct json_object *memory_json(const struct rt_device *d) {
  struct json_object *list = json_object_new_array();
  for (int i = 0; i < DEV_USES; i++) {
    if (!d->used[i]) continue;
    struct json_object *o = json_object_new_object();
    json_object_object_add(o, "for", json_object_new_string(uses[i]));
    whole(o, "bytes", d->used[i]);
    json_object_array_add(list, o);
  }
  return list;
}

/* "nsl_dev_kernel_7_step_cell": "step_cell"; as `nslc explain --target gpu` calls it. */
static const char *kernel_name(const struct rt_device *d, const struct dev_launch *l) {
  const char *symbol = d->gpu.code->symbols[l->kernel], *name = symbol + strcspn(symbol, "0123456789");
  name += strspn(name, "0123456789");
  return *name ? name + 1 : symbol;
}

static struct json_object *launches_json(const struct rt_device *d) {
  struct json_object *list = json_object_new_array();
  for (uint32_t i = 0; i < d->n_launches; i++) {
    const struct dev_launch *l = &d->launches[i];
    struct json_object *o = json_object_new_object();
    json_object_object_add(o, "kernel", json_object_new_string(l->kernel == NSL_NONE ? functions[l->fn] : kernel_name(d, l)));
    whole(o, "blocks", l->blocks);
    if (i >= d->trial_begin && i < d->trial_end) whole(o, "times", DEV_TRIALS);
    json_object_array_add(list, o);
  }
  return list;
}

/* What an event reads and writes: by group of rows, and of those onto handlers that do more than add. */
static struct json_object *rows_json(const struct rt_device *d) {
  struct json_object *list = json_object_new_array();
  for (uint32_t g = 0; g < d->n_rows; g++) {
    const struct dev_rows *r = &d->rows[g];
    if (!r->begin || !r->n) continue;
    struct json_object *o = json_object_new_object();
    json_object_object_add(o, "source", json_object_new_string(r->pop->def->path));
    whole(o, "synapses", r->n);
    whole(o, "target_bytes", sizeof(uint32_t));
    whole(o, "delay_bytes", r->delay_bytes);
    whole(o, "weight_bytes", r->weight_bytes);
    whole(o, "sum_bytes", rt_device_sum_bytes(d, r->ring));
    json_object_array_add(list, o);
  }
  for (uint32_t i = 0; i < d->n_aparts; i++) {
    const struct dev_apart_rows *r = &d->aparts[i];
    struct json_object *o = json_object_new_object();
    json_object_object_add(o, "source", json_object_new_string(r->proj->source->def->path));
    whole(o, "synapses", r->n);
    whole(o, "target_bytes", 2 * sizeof(uint32_t)); /* and its number in the row */
    whole(o, "delay_bytes", sizeof(uint32_t));
    whole(o, "weight_bytes", sizeof(double));
    whole(o, "list_bytes", sizeof(struct dev_node));
    json_object_array_add(list, o);
  }
  return list;
}

/* Bytes of rows that all synapses of stored rows come to, and a piece's note for each 128 of a row. */
static void events_json(struct json_object *o, const struct rt_device *d) {
  uint64_t n = 0, bytes = 0, sums = 0;
  for (uint32_t g = 0; g < d->n_rows; g++) {
    const struct dev_rows *r = &d->rows[g];
    if (!r->begin) continue;
    n += r->n;
    bytes += r->n * (sizeof(uint32_t) + r->delay_bytes + r->weight_bytes);
    sums += r->n * rt_device_sum_bytes(d, r->ring);
  }
  if (!n) return;
  json_object_object_add(o, "bytes_read_per_event", json_object_new_double((double)bytes / (double)n));
  json_object_object_add(o, "note_bytes_per_event", json_object_new_double((double)(d->most_pieces * sizeof(struct dev_piece)) / (double)n));
  json_object_object_add(o, "sum_bytes_per_event", json_object_new_double((double)sums / (double)n));
}

struct json_object *rt_device_json(const struct rt_device *d) {
  struct json_object *o = rt_gpu_json(&d->gpu, d->bytes);
  json_object_object_add(o, "memory", memory_json(d));
  whole(o, "threads_of_block", d->threads);
  whole(o, "launches_per_step", d->n_launches);
  json_object_object_add(o, "launches", launches_json(d));
  if (d->agreed) json_object_object_add(o, "trials_per_step", json_object_new_double(rt_device_trials(d)));
  whole(o, "steps_of_sums", d->ring_mask + 1ull);
  whole(o, "bytes_of_masks_per_step", d->mask_row * sizeof(uint64_t));
  json_object_object_add(o, "rows", rows_json(d));
  events_json(o, d);
  return o;
}

int rt_device_describe(const struct nsl_program *p, const struct rt_config *c, FILE *out) {
  struct rt_gpu g;
  uint64_t left = 0;
  char capability[20], cuda[20];
  int e = rt_gpu_open(&g, (enum rt_device_kind)c->device, c->gpu, p->n_devices, p->devices, p->n_kernels);
  if (e) return e;
  e = rt_gpu_memory_free(&g, &left);
  capability_text(&g, capability, sizeof capability);
  cuda_text(&g, cuda, sizeof cuda);
  if (!e && g.emulated) fprintf(out, "device: emulated on the processor, %.3g of %.3g GB free\n\n", (double)left / 1e9, (double)g.memory / 1e9);
  if (!e && !g.emulated)
    fprintf(out, "device: GPU %d, %s, compute capability %s (code of %s), %u processors, %.3g of %.3g GB free; its driver knows CUDA %s\n\n", g.device,
            g.name, capability, g.code->name, g.processors, (double)left / 1e9, (double)g.memory / 1e9, cuda);
  rt_gpu_close(&g);
  return e;
}

int rt_device_refused(const struct nsl_program *p, const char *experiment, const char *const *allowed, uint32_t n_allowed) {
  struct rt_mem mem = {0};
  struct rt_sim *s = rt_alloc(&mem, 1, sizeof *s);
  const char **folders = rt_alloc(&mem, n_allowed + 1ull, sizeof *folders);
  int e = s && folders ? 0 : NSL_EMEMORY;
  if (!e) memcpy(folders, allowed, n_allowed * sizeof *folders);
  struct rt_config config = {.experiment = experiment, .allowed = folders, .n_allowed = n_allowed};
  if (!e) {
    s->program = p;
    e = rt_open(s, &config);
    if (!e) e = rt_device_refuse_model(s);
    rt_close(s);
  }
  rt_mem_free(&mem);
  return e;
}

double rt_device_event_bytes(const struct rt_device *d) {
  double n = 0, bytes = (double)(d->most_pieces * sizeof(struct dev_piece));
  for (uint32_t g = 0; g < d->n_rows; g++) {
    const struct dev_rows *r = &d->rows[g];
    if (r->begin) n += (double)r->n, bytes += (double)(r->n * (sizeof(uint32_t) + r->delay_bytes + r->weight_bytes));
  }
  for (uint32_t i = 0; i < d->n_aparts; i++) n += (double)d->aparts[i].n, bytes += (double)d->aparts[i].n * (3 * sizeof(uint32_t) + sizeof(double));
  return bytes / n;
}
