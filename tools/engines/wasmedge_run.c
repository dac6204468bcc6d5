// Runs a microworld's module in WasmEdge: wasmedge_run MODULE S I O LANES TICKS, as tools/world_engines.py tells.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wasmedge/wasmedge.h>

enum { RECORD = 16, PAGE = 65536 };

static void check(WasmEdge_Result result, const char *what) {
  if (WasmEdge_ResultOK(result)) return;
  fprintf(stderr, "%s: %s\n", what, WasmEdge_ResultGetMessage(result));
  exit(1);
}

static void call(WasmEdge_VMContext *vm, const char *name, const uint32_t *values, uint32_t count) {
  WasmEdge_Value arguments[5];
  for (uint32_t k = 0; k < count; k++) arguments[k] = WasmEdge_ValueGenI32((int32_t)values[k]);
  WasmEdge_String function = WasmEdge_StringCreateByCString(name);
  check(WasmEdge_VMExecute(vm, function, arguments, count, NULL, 0), name);
  WasmEdge_StringDelete(function);
}

static WasmEdge_MemoryInstanceContext *provide(WasmEdge_VMContext *vm, uint32_t bytes) {
  WasmEdge_Limit limit = {.HasMax = false, .Shared = false, .Min = bytes / PAGE + 1, .Max = 0};
  WasmEdge_MemoryTypeContext *type = WasmEdge_MemoryTypeCreate(limit);
  WasmEdge_MemoryInstanceContext *memory = WasmEdge_MemoryInstanceCreate(type);
  WasmEdge_ModuleInstanceContext *env = WasmEdge_ModuleInstanceCreate(WasmEdge_StringCreateByCString("env"));
  WasmEdge_ModuleInstanceAddMemory(env, WasmEdge_StringCreateByCString("memory"), memory);
  check(WasmEdge_VMRegisterModuleFromImport(vm, env), "env.memory");
  return memory;
}

int main(int argc, char **argv) {
  if (argc != 7) return 2;
  uint32_t s = atoi(argv[2]), i = atoi(argv[3]), o = atoi(argv[4]), lanes = atoi(argv[5]), ticks = atoi(argv[6]);
  uint32_t held = 4 * lanes * s, given = 4 * lanes * ticks * i, made = 4 * lanes * ticks * o;
  uint8_t *states = malloc(held + 1), *inputs = malloc(given + 1);
  if (fread(states, 1, held, stdin) != held || fread(inputs, 1, given, stdin) != given) return 2;

  WasmEdge_LogSetErrorLevel();
  WasmEdge_VMContext *vm = WasmEdge_VMCreate(NULL, NULL);
  WasmEdge_MemoryInstanceContext *memory = provide(vm, RECORD + held + given + made);
  check(WasmEdge_VMLoadWasmFromFile(vm, argv[1]), argv[1]);
  check(WasmEdge_VMValidate(vm), argv[1]);
  check(WasmEdge_VMInstantiate(vm), argv[1]);

  uint8_t *record = WasmEdge_MemoryInstanceGetPointer(memory, RECORD, held + given + made);
  memcpy(record, states, held);
  memcpy(record + held, inputs, given);
  call(vm, "run", (uint32_t[]){lanes, ticks, RECORD, RECORD + held, RECORD + held + given}, 5);
  fwrite(record, 1, held, stdout);
  fwrite(record + held + given, 1, made, stdout);

  uint8_t *after = malloc(held + 1);
  uint8_t *steps = malloc(made + 1);
  for (uint32_t lane = 0; lane < lanes; lane++) {
    memcpy(record, states + 4 * s * lane, 4 * s);
    for (uint32_t tick = 0; tick < ticks; tick++) {
      uint32_t at = lane * ticks + tick;
      memcpy(record + 4 * s, inputs + 4 * i * at, 4 * i);
      call(vm, "step", NULL, 0);
      memcpy(steps + 4 * o * at, record + 4 * (s + i), 4 * o);
    }
    memcpy(after + 4 * s * lane, record, 4 * s);
  }
  fwrite(after, 1, held, stdout);
  fwrite(steps, 1, made, stdout);
  return fflush(stdout) ? 1 : 0;
}
