#include "probes/cupti/library.hpp"

#include <cstdint>
#include <cstdlib>
#include <cupti.h>
#include <dlfcn.h>

namespace ssmprof::probes::cupti {

Library loaded_library() {
  Library library;
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(&cuptiGetVersion), &info) != 0 && info.dli_fname != nullptr) {
    char* real = realpath(info.dli_fname, nullptr);
    library.path = real != nullptr ? real : info.dli_fname;
    std::free(real);
  }
  std::uint32_t version = 0;
  if (cuptiGetVersion(&version) == CUPTI_SUCCESS) library.version = static_cast<int>(version);
  return library;
}

void load_companions() {
  static const bool done = [] {
    const auto path = loaded_library().path;
    const auto folder = path.substr(0, path.rfind('/') + 1);
    for (const char* name : {"libnvperf_host.so", "libnvperf_target.so"}) {
      dlopen((folder + name).c_str(), RTLD_NOW | RTLD_GLOBAL);  // CUPTI says what it lacks
    }
    return true;
  }();
  (void)done;
}

Subscription explain(int error, const std::string& call) {
  Subscription result;
  result.error = error;
  result.free = error == CUPTI_SUCCESS;
  switch (error) {
    case CUPTI_SUCCESS:
      return result;
    case CUPTI_ERROR_INSUFFICIENT_PRIVILEGES:
      result.finding = "no permission to read GPU counters (" + call + ": error 35)";
      result.hint =
          "load the driver with NVreg_RestrictProfilingToAdminUsers=0, or run as root / with "
          "CAP_SYS_ADMIN (docs/gpu_permissions.md)";
      return result;
    case CUPTI_ERROR_HARDWARE_BUSY:
      result.finding = "the GPU's counters are held by another process (" + call + ": error 26)";
      result.hint = "usually DCGM: dcgmi profile --pause, or stop the other profiler";
      return result;
    case CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED:
      result.finding = "another tool in this process holds CUPTI (" + call + ": error 39)";
      result.hint = "under Nsight Compute or Systems only NVTX ranges are kept; run without it";
      return result;
    case CUPTI_ERROR_VIRTUALIZED_DEVICE_NOT_SUPPORTED:
    case CUPTI_ERROR_VIRTUALIZED_DEVICE_INSUFFICIENT_PRIVILEGES:
      result.hint = "the hypervisor must allow profiling of this virtual GPU";
      break;
    default:
      break;
  }
  const char* name = nullptr;
  cuptiGetResultString(static_cast<CUptiResult>(error), &name);
  result.finding = call + " answered " + std::to_string(error) +
                   (name != nullptr ? std::string(" (") + name + ")" : std::string());
  return result;
}

Subscription probe_subscription() {
  CUpti_SubscriberHandle handle = nullptr;
  const auto status = cuptiSubscribe(&handle, nullptr, nullptr);
  if (status == CUPTI_SUCCESS) cuptiUnsubscribe(handle);
  return explain(status, "cuptiSubscribe");
}

}  // namespace ssmprof::probes::cupti
