/* All of this folder as one translation unit, for clang to turn into dev.bc. */
#include "runtime/device/step.c"

#include "runtime/device/push.c"

#include "runtime/device/events.c"

#include "runtime/device/couple.c"

#include "runtime/device/agree.c"

#include "runtime/device/march.c"

#include "runtime/device/wait.c"

#include "runtime/device/learn.c"

#include "runtime/device/learn_meet.c"

#include "runtime/device/carry.c"

#include "runtime/device/back.c"
