/* What a run and --describe say of the device. */
#include <json-c/json.h>
#include <stdlib.h>

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
