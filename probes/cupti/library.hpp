#pragma once

#include <string>

namespace ssmprof::probes::cupti {

/// The CUPTI library that this process runs with. LibTorch ships one of the same name: the first
/// one loaded serves everybody.
struct Library {
  std::string path;  ///< file it was loaded from
  int version = 0;   ///< CUPTI_API_VERSION of the library; 0 when it does not answer
};

Library loaded_library();

/// Loads the libraries that CUPTI opens by name, from where CUPTI itself lies: the dynamic linker
/// does not look there when the toolkit comes from Python wheels. Once per process.
void load_companions();

/// Whether this process can subscribe to CUPTI: another tool (ncu, nsys, a profiler inside the
/// process) may hold it. The subscription is given back at once.
struct Subscription {
  bool free = true;
  int error = 0;        ///< CUPTI's code
  std::string finding;  ///< one line
  std::string hint;
};

Subscription probe_subscription();

/// Reason and hint for a CUPTI error code: 35 no permission, 26 hardware busy, 39 held by another
/// tool, others by name.
Subscription explain(int error, const std::string& call);

}  // namespace ssmprof::probes::cupti
