/* SONATA files of edges: /edges/<population> with source_node_id, target_node_id, and what sonata_in.c reads. */
#include <string.h>

#include "runtime/edges.h"
#include "runtime/sonata_in.h"

static int ends_read(struct rt_sonata_in *f, struct rt_edge_list *ret) {
  hsize_t size[2];
  double *source, *target;
  int e = rt_h5_data_numbers(&f->s->build_mem, f->data, f->group, "source_node_id", 1, size, &source);
  if (e) return e;
  f->n = ret->n = size[0];
  e = rt_sonata_in_column(f, "target_node_id", f->n, &target);
  ret->source = source;
  ret->target = target;
  ret->source_name = "source_node_id";
  ret->target_name = "target_node_id";
  return e ? e : rt_sonata_in_groups(f);
}

static int values_read(struct rt_sonata_in *f, const struct rt_proj *p, struct rt_edge_list *ret) {
  int e = 0;
  for (uint32_t i = 0; !e && i < p->def->n_fields; i++) {
    const struct nsl_field *field = &p->def->fields[i];
    if (field->kind != NSL_FIELD_EDGE) continue;
    if (strcmp(field->file.value, "edge_type_id") == 0) {
      e = f->types ? 0 : rt_sonata_in_column(f, "edge_type_id", f->n, &f->types);
      ret->values[i] = f->types;
    } else {
      e = rt_sonata_in_number(f, field->file.value, &ret->values[i]);
    }
  }
  return e;
}

int rt_edges_h5(struct rt_sim *s, const struct rt_proj *p, const char *path, struct rt_edge_list *ret) {
  const struct nsl_data *types = p->def->types.path ? &p->def->types : NULL;
  struct rt_sonata_in f = {.s = s, .data = &p->def->file, .types_of = types, .kind = "edge"};
  int e = rt_sonata_in_open(&f, path);
  if (!e) e = ends_read(&f, ret);
  if (!e) e = values_read(&f, p, ret);
  rt_sonata_in_close(&f);
  return e;
}
