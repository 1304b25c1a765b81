/* Code generation and runtime as a module: backend_load() opens it once and gives its functions. */
#ifndef NSL_TOOLS_BACKEND_H
#define NSL_TOOLS_BACKEND_H

#include "codegen/codegen.h"
#include "ir/ir.h"
#include "runtime/nsl.h"

struct rt_fit;
struct nsl_stage;

typedef struct {
#define BACKEND(result, name, arguments) result(*name) arguments;
#include "tools/backend.def"
#undef BACKEND
} Backend;

/* NULL after a message on standard error (the installation is not whole). */
const Backend *backend_load(void);

#define BACKEND_SYMBOL "nsl_backend"

#endif
