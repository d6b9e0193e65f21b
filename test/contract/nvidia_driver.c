/* Stands in for NVIDIA's driver where there is none: the calls of its management library (NVML, by the signatures of its
   reference) that a service makes, for as many GPUs as GPUS says. Nothing of CUDA is in it. */

#include <stdio.h>
#include <stdlib.h>

typedef struct {
    unsigned long long total, free, used;
} Memory;

int nvmlInitWithFlags(unsigned int flags) { return getenv("GPU_DRIVER_ERROR") ? atoi(getenv("GPU_DRIVER_ERROR")) : 0; }

int nvmlShutdown(void) { return 0; }

const char *nvmlErrorString(int code) { return code == 9 ? "Driver Not Loaded" : "another error"; }

int nvmlDeviceGetCount_v2(unsigned int *count) {
    *count = atoi(getenv("GPUS"));
    return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) {
    *device = (void *)(long)(index + 1);
    return 0;
}

int nvmlDeviceGetUUID(void *device, char *uuid, unsigned int length) {
    snprintf(uuid, length, "GPU-%ld", (long)device);
    return 0;
}

int nvmlDeviceGetName(void *device, char *name, unsigned int length) {
    snprintf(name, length, "NVIDIA Stand-in");
    return 0;
}

int nvmlDeviceGetMemoryInfo(void *device, Memory *memory) {
    memory->total = 16ull << 30;
    memory->used = (unsigned long long)(long)device << 30;
    memory->free = memory->total - memory->used;
    return 0;
}
