// Libraries that are nearly the plug-in for CUDA; which of them is said by a definition.
#include "model/cuda/plugin.h"

#include <stdio.h>

namespace {

int work_calls = 0;
int replays = 0;
int released = 0;

void write(TandemCudaMessage* message, const char* text) {
  snprintf(message->text, sizeof message->text, "%s", text);
}

int device_count(TandemCudaMessage* message) {
#ifdef FAKE_NO_DEVICE
  write(message, "no driver in this test");
  return -1;
#else
  (void)message;
  return 1;
#endif
}

int describe(int, TandemCudaDevice* out, TandemCudaMessage*) {
  snprintf(out->name, sizeof out->name, "Test GPU");
  out->bytes_per_second = 1e12;
  return 0;
}

int memory(int, size_t* free_bytes, size_t* total_bytes, TandemCudaMessage*) {
  // Counters, for the test to read.
  *free_bytes = static_cast<size_t>(work_calls * 100 + replays * 10 + released);
  *total_bytes = 1000;
  return 0;
}

TandemCudaRecording* record(int, TandemCudaWork work, void* context, TandemCudaMessage* message) {
  for (int i = 0; i < 2; ++i) {
    ++work_calls;
    if (work(context) == 0) continue;
    write(message, "the work failed");
    return nullptr;
  }
  return reinterpret_cast<TandemCudaRecording*>(&replays);
}

int replay(TandemCudaRecording*, TandemCudaMessage* message) {
  write(message, "the third one fails in this test");
  return ++replays > 2 ? -1 : 0;
}

#ifdef FAKE_NEEDS_MISSING
extern "C" void nobody_defines_this();
#endif

void release(TandemCudaRecording*) {
  ++released;
#ifdef FAKE_NEEDS_MISSING
  nobody_defines_this();
#endif
}

#ifndef FAKE_VERSION
#define FAKE_VERSION TANDEM_CUDA_PLUGIN_VERSION
#endif
#ifndef FAKE_TORCH_VERSION
#define FAKE_TORCH_VERSION REAL_TORCH_VERSION
#endif

const TandemCudaPlugin plugin = {
    FAKE_VERSION, FAKE_TORCH_VERSION, device_count, describe, memory, record, replay, release};

}  // namespace

#ifdef FAKE_OTHER_SYMBOL
extern "C" const TandemCudaPlugin* other_plugin() {
#else
extern "C" const TandemCudaPlugin* tandem_cuda_plugin() {
#endif
  return &plugin;
}
