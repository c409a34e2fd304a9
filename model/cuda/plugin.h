// What libtandem_cuda.so gives the program that loads it: a table of functions, found by the name
// tandem_cuda_plugin.
//
// The plug-in holds everything that is compiled against CUDA, so that one program serves machines
// with and without a GPU and starts on the latter as fast as before. What a network computes is not
// in it: LibTorch's operators find their CUDA kernels by themselves, once libtorch_cuda is loaded,
// which loading the plug-in does.
//
// The table is plain C: functions return 0 for success and write the reason of a failure, cut to
// its size, into `message`. Exceptions never leave it. A change to anything here raises
// TANDEM_CUDA_PLUGIN_VERSION.
#ifndef TANDEM_MODEL_CUDA_PLUGIN_H_
#define TANDEM_MODEL_CUDA_PLUGIN_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TANDEM_CUDA_PLUGIN_VERSION 1u
#define TANDEM_CUDA_PLUGIN_SYMBOL "tandem_cuda_plugin"

typedef struct TandemCudaMessage {
  char text[512];
} TandemCudaMessage;

typedef struct TandemCudaDevice {
  char name[256];
  double bytes_per_second;  // that its memory gives at most; 0 where it is not known
} TandemCudaDevice;

typedef struct TandemCudaRecording TandemCudaRecording;

// Operations that are started on the device; 0 unless they failed.
typedef int (*TandemCudaWork)(void* context);

typedef struct TandemCudaPlugin {
  uint32_t version;           // TANDEM_CUDA_PLUGIN_VERSION; the first field in every version
  const char* torch_version;  // that it was compiled with

  // -1, with a message, without a driver or a device that CUDA can use.
  int (*device_count)(TandemCudaMessage* message);
  int (*describe)(int device, TandemCudaDevice* out, TandemCudaMessage* message);
  int (*memory)(int device, size_t* free_bytes, size_t* total_bytes, TandemCudaMessage* message);

  // Does `work`, and records it for replay(). `work` is called more than once. Null if it failed or
  // cannot be recorded.
  TandemCudaRecording* (*record)(int device, TandemCudaWork work, void* context,
                                 TandemCudaMessage* message);
  int (*replay)(TandemCudaRecording* recording, TandemCudaMessage* message);
  void (*release)(TandemCudaRecording* recording);
} TandemCudaPlugin;

// The one symbol; what it points to lives as long as the process.
typedef const TandemCudaPlugin* (*TandemCudaPluginFunction)(void);

#ifdef __cplusplus
}  // extern "C"
#endif

#endif  // TANDEM_MODEL_CUDA_PLUGIN_H_
