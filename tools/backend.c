/* The module itself: one exported table of the functions in backend.def. */
#include "ir/quad.h"
#include "runtime/fit_device.h"
#include "tools/backend.h"

extern const Backend nsl_backend;
__attribute__((visibility("default"))) const Backend nsl_backend = {
#define BACKEND(result, name, arguments) .name = name,
#include "tools/backend.def"
#undef BACKEND
};
